// RandomUniformLike: RandomUniform with the input's shape and, unless 'dtype' is given, its type.
#include "ops/random.h"

namespace sinter::ops {
namespace random_uniform_like_impl {

Status evaluate(EvalContext& context) { return fill_random_like(context, uniform_draw(context.attributes())); }

}  // namespace random_uniform_like_impl

OpDef define_random_uniform_like() {
  OpDef op("RandomUniformLike", 1);
  op.input("input", "T1")
      .output("output", "T2")
      .type("T1", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("T2", kFloatTypes)
      .attr("dtype", AttrKind::kInt, false)
      .attr("high", 1.0f)
      .attr("low", 0.0f)
      .attr("seed", AttrKind::kFloat, false)
      .fact(kNondeterministic);
  op.infer = infer_random_like;
  op.evaluate = random_uniform_like_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
