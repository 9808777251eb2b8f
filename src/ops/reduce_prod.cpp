// ReduceProd: the product of the elements along the axes; 1 for none.
#include "ops/reduce.h"

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
  OpDef op = reduce_op("ReduceProd");
  op.infer = reduce_prod_impl::infer;
  op.evaluate = reduce_prod_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
