// SoftmaxCrossEntropyLoss: NegativeLogLikelihoodLoss of the log-softmax of the scores over axis 1, which is the second
// output.
#include <cmath>
#include <limits>

#include "ops/losses.h"
#include "ops/normalization.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace softmax_cross_entropy_loss_impl {

void log_softmax(Tensor& x) {
  const int64_t classes = x.dim(1), inner = product(x.dims(), 2);
  for (int64_t n = 0; n < x.dim(0); ++n)
    for (int64_t i = 0; i < inner; ++i) {
      double* values = x.data<double>() + n * classes * inner + i;
      double highest = -std::numeric_limits<double>::infinity(), sum = 0;
      for (int64_t c = 0; c < classes && !std::isnan(highest); ++c)
        if (!(values[c * inner] <= highest)) highest = values[c * inner];
      for (int64_t c = 0; c < classes; ++c) sum += std::exp(values[c * inner] - highest);
      const double shift = highest + std::log(sum);
      for (int64_t c = 0; c < classes; ++c) values[c * inner] -= shift;
    }
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 2, 1 << 20));
  Tensor x = widened_copy(context.tensor(0));
  log_softmax(x);
  if (context.wants_output(1)) store(context, 1, context.tensor(0).dtype(), x);
  return evaluate_class_loss(context, x);
}

}  // namespace softmax_cross_entropy_loss_impl

OpDef define_softmax_cross_entropy_loss() {
  OpDef op("SoftmaxCrossEntropyLoss", 12);
  op.input("scores", "T")
      .input("labels", "Tind")
      .input("weights", "T", ParamKind::kOptional)
      .output("output", "T")
      .output("log_prob", "T", ParamKind::kOptional)
      .type("T", kFloatTypes)
      .type("Tind", dtype_set(DType::kI32, DType::kI64))
      .attr("ignore_index", AttrKind::kInt, false)
      .attr("reduction", std::string("mean"));
  op.infer = infer_class_loss;
  op.evaluate = softmax_cross_entropy_loss_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
