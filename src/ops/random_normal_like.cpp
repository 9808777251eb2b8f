// RandomNormalLike: RandomNormal with the input's shape and, unless 'dtype' is given, its type.
#include "ops/random.h"

namespace sinter::ops {
namespace random_normal_like_impl {

Status evaluate(EvalContext& context) { return fill_random_like(context, normal_draw(context.attributes())); }

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
