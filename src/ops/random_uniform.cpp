// RandomUniform: numbers drawn evenly from [low, high).
#include <cmath>

#include "ops/random.h"

namespace sinter::ops {
namespace random_uniform_impl {

Status evaluate(EvalContext& context) {
  DType dtype;
  SINTER_TRY(output_dtype(context, DType::kF32, dtype));
  const double low = context.attributes().f("low"), high = context.attributes().f("high");
  return fill_random(context, dtype, context.attributes().ints("shape"),
                     [=](Generator& g) { return low + (high - low) * uniform(g); });
}

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
