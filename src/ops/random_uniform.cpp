// RandomUniform: numbers drawn evenly from [low, high).
#include "ops/random.h"

namespace sinter::ops {
namespace random_uniform_impl {

Status evaluate(EvalContext& context) { return fill_random_shape(context, uniform_draw(context.attributes())); }

}  // namespace random_uniform_impl

OpDef define_random_uniform() {
  OpDef op("RandomUniform", 1);
  op.output("output", "T")
      .type("T", kFloatTypes)
      .attr("dtype", int64_t{1})
      .attr("high", 1.0f)
      .attr("low", 0.0f)
      .attr("seed", AttrKind::kFloat, false)
      .attr("shape", AttrKind::kInts, true)
      .fact(kNondeterministic);
  op.infer = infer_random_shape;
  op.evaluate = random_uniform_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
