// RandomNormal: numbers drawn from a normal distribution with the given mean and scale (standard deviation).
#include "ops/random.h"

namespace sinter::ops {
namespace random_normal_impl {

Status evaluate(EvalContext& context) { return fill_random_shape(context, normal_draw(context.attributes())); }

}  // namespace random_normal_impl

OpDef define_random_normal() {
  OpDef op("RandomNormal", 1);
  op.output("output", "T")
      .type("T", kFloatTypes)
      .attr("dtype", int64_t{1})
      .attr("mean", 0.0f)
      .attr("scale", 1.0f)
      .attr("seed", AttrKind::kFloat, false)
      .attr("shape", AttrKind::kInts, true)
      .fact(kNondeterministic);
  op.infer = infer_random_shape;
  op.evaluate = random_normal_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
