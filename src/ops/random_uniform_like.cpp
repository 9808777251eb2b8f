// RandomUniformLike: RandomUniform with the input's shape and, unless 'dtype' is given, its type.
#include <cmath>

#include "ops/random.h"

namespace sinter::ops {
namespace random_uniform_like_impl {

Status evaluate(EvalContext& context) {
  DType dtype;
  SINTER_TRY(output_dtype(context, context.tensor(0).dtype(), dtype));
  const double low = context.attributes().f("low"), high = context.attributes().f("high");
  return fill_random(context, dtype, context.tensor(0).dims(),
                     [=](Generator& g) { return low + (high - low) * uniform(g); });
}

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
