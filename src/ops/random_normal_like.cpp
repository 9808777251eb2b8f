// RandomNormalLike: RandomNormal with the input's shape and, unless 'dtype' is given, its type.
#include <cmath>

#include "ops/random.h"

namespace sinter::ops {
namespace random_normal_like_impl {

Status evaluate(EvalContext& context) {
  DType dtype;
  SINTER_TRY(output_dtype(context, context.tensor(0).dtype(), dtype));
  const double mean = context.attributes().f("mean"), scale = context.attributes().f("scale");
  return fill_random(context, dtype, context.tensor(0).dims(), [=](Generator& g) { return mean + scale * normal(g); });
}

}  // namespace random_normal_like_impl

OpDef define_random_normal_like() {
  OpDef op("RandomNormalLike", 1);
  op.input("input", "T1")
      .output("output", "T2")
      .type("T1", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("T2", kFloatTypes)
      .attr("dtype", AttrKind::kInt, false)
      .attr("mean", 0.0f)
      .attr("scale", 1.0f)
      .attr("seed", AttrKind::kFloat, false)
      .fact(kNondeterministic);
  op.infer = infer_random_like;
  op.evaluate = random_normal_like_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
