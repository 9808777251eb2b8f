// LpNormalization: x divided by its p-norm (p = 1 or 2) along the axis; 0 where the norm is 0.
#include <cmath>

#include "ops/indexing.h"
#include "ops/normalization.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace lp_normalization_impl {

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), x.rank(), axis));
  const int64_t p = context.attributes().i("p");
  if (p != 1 && p != 2) return context.error(fmt::format("attribute 'p' is {}: expected 1 or 2; correct the model", p));
  Tensor y = widened_copy(x);
  const int64_t size = x.dim(axis), inner = product(x.dims(), axis + 1), outer = product(x.dims(), 0, axis);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      double* values = y.data<double>() + o * size * inner + i;
      double norm = 0;
      for (int64_t j = 0; j < size; ++j)
        norm += p == 1 ? std::abs(values[j * inner]) : values[j * inner] * values[j * inner];
      if (p == 2) norm = std::sqrt(norm);
      for (int64_t j = 0; j < size; ++j) values[j * inner] = norm == 0 ? 0 : values[j * inner] / norm;
    }
  store(context, 0, x.dtype(), y);
  return ok_status();
}

}  // namespace lp_normalization_impl

OpDef define_lp_normalization() {
  OpDef op("LpNormalization", 1);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).attr("axis", int64_t{-1}).attr("p", int64_t{2});
  op.infer = infer_same;
  op.evaluate = lp_normalization_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
