// ReduceProd: the product of the elements along the axes; 1 for none.
#include <cmath>
#include <limits>

#include "ops/reduce.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace reduce_prod_impl {

template <typename A>
struct Reducer {
  A product = 1;
  void add(A x) { product = wrapping_mul(product, x); }
  A result(int64_t) const { return product; }
};

Status infer(InferContext& context) {
  return infer_reduce(context, [](const Dim& a, const Dim& b) { return a * b; });
}

Status evaluate(EvalContext& context) { return reduce<Reducer>(context); }

}  // namespace reduce_prod_impl

OpDef define_reduce_prod() {
  OpDef op("ReduceProd", 18);
  op.input("data", "T")
      .input("axes", "I64", ParamKind::kOptional)
      .output("reduced", "T")
      .type("T", kFloatTypes | dtype_set(DType::kI32, DType::kI64, DType::kU32, DType::kU64))
      .type("I64", dtype_bit(DType::kI64))
      .attr("keepdims", int64_t{1})
      .attr("noop_with_empty_axes", int64_t{0});
  op.infer = reduce_prod_impl::infer;
  op.evaluate = reduce_prod_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
