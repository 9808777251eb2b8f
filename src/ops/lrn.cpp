// LRN: y = x / (bias + alpha/size · Σx²)^beta, the sum over `size` channels around each (floor((size-1)/2) before it,
// the rest after).
#include <algorithm>
#include <cmath>

#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace lrn_impl {

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 2, 1 << 20));
  const int64_t size = context.attributes().i("size");
  if (size < 1)
    return context.error(fmt::format("attribute 'size' is {}: expected at least 1; correct the model", size));
  const double alpha = context.attributes().f("alpha"), beta = context.attributes().f("beta");
  const double bias = context.attributes().f("bias");
  const Tensor x = widened(context.tensor(0));
  Tensor y(DType::kF64, x.dims());
  const int64_t channels = x.dim(1), plane = product(x.dims(), 2);
  for (int64_t i = 0; i < x.dim(0) * channels; ++i) {
    const int64_t c = i % channels, first = std::max<int64_t>(0, c - (size - 1) / 2);
    const int64_t last = std::min(channels - 1, c + std::min(channels, size - 1 - (size - 1) / 2));
    for (int64_t j = 0; j < plane; ++j) {
      const double* at = x.data<double>() + i * plane + j;
      double sum = 0;
      for (int64_t k = first; k <= last; ++k) sum += at[(k - c) * plane] * at[(k - c) * plane];
      y.data<double>()[i * plane + j] = *at / std::pow(bias + alpha / static_cast<double>(size) * sum, beta);
    }
  }
  store(context, 0, context.tensor(0).dtype(), y);
  return ok_status();
}

}  // namespace lrn_impl

OpDef define_lrn() {
  OpDef op("LRN", 1);
  op.input("X", "T")
      .output("Y", "T")
      .type("T", kFloatTypes)
      .attr("alpha", 0.0001f)
      .attr("beta", 0.75f)
      .attr("bias", 1.0f)
      .attr("size", AttrKind::kInt, true);
  op.infer = infer_same;
  op.evaluate = lrn_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
