// NegativeLogLikelihoodLoss: loss[n,d…] = -weight[t]·input[n,t,d…] with t = target[n,d…]; 0 for the ignored class;
// 'mean' divides by the sum of the weights used.
#include "ops/losses.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace negative_log_likelihood_loss_impl {

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 2, 1 << 20));
  return evaluate_class_loss(context, widened(context.tensor(0)));
}

}  // namespace negative_log_likelihood_loss_impl

OpDef define_negative_log_likelihood_loss() {
  OpDef op("NegativeLogLikelihoodLoss", 12);
  op.input("input", "T")
      .input("target", "Tind")
      .input("weight", "T", ParamKind::kOptional)
      .output("loss", "T")
      .type("T", kFloatTypes)
      .type("Tind", dtype_set(DType::kI32, DType::kI64))
      .attr("ignore_index", AttrKind::kInt, false)
      .attr("reduction", std::string("mean"));
  op.infer = infer_class_loss;
  op.evaluate = negative_log_likelihood_loss_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
