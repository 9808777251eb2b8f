// Class losses over [N, C, d…]: shapes and the weighted reduction that NegativeLogLikelihoodLoss and
// SoftmaxCrossEntropyLoss share.
#pragma once

#include "core/op_def.h"

namespace sinter::ops {

// Output 0: [N, d…] for reduction 'none', else a scalar. Output 1, when wanted, has input 0's type.
Status infer_class_loss(InferContext& context);
// Output 0 from the log-probabilities (f64, input 0's dims), input 1 the classes, input 2 optional class weights.
Status evaluate_class_loss(EvalContext& context, const Tensor& log_probabilities);

}  // namespace sinter::ops
