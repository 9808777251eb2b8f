// ReduceMin: the smallest element along the axes, NaN when there is one; the type's highest value (an infinity for
// floats) for none.
#include "ops/reduce.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace reduce_min_impl {

Status infer(InferContext& context) {
  return infer_reduce(context, [](const Dim& a, const Dim& b) { return min(a, b); });
}

Status evaluate(EvalContext& context) { return reduce_extreme(context, false); }

}  // namespace reduce_min_impl

OpDef define_reduce_min() {
  OpDef op("ReduceMin", 18);
  op.input("data", "T")
      .input("axes", "I64", ParamKind::kOptional)
      .output("reduced", "T")
      .type("T", kFloatTypes | kBoolType |
                     dtype_set(DType::kU8, DType::kI8, DType::kI32, DType::kI64, DType::kU32, DType::kU64))
      .type("I64", dtype_bit(DType::kI64))
      .attr("keepdims", int64_t{1})
      .attr("noop_with_empty_axes", int64_t{0});
  op.infer = reduce_min_impl::infer;
  op.evaluate = reduce_min_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
