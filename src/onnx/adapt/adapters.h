// Declarations of the adapters, one file each (a family that shares a rule shares a file). Listed in adapters.cpp.
#pragma once

#include "onnx/adapt/adapt.h"

namespace sinter::onnx {

Status adapt_axes_attribute(AdaptContext& context);  // Reduce*, Squeeze, Unsqueeze
Status adapt_batch_normalization_7(AdaptContext& context);
Status adapt_batch_normalization_9(AdaptContext& context);
Status adapt_batch_normalization_14(AdaptContext& context);
Status adapt_binary_broadcast(AdaptContext& context);  // Add, Mul, And, Less, … before numpy's broadcast
Status adapt_cast(AdaptContext& context);
Status adapt_clip(AdaptContext& context);
Status adapt_concat(AdaptContext& context);
Status adapt_dft(AdaptContext& context);
Status adapt_dropout_7(AdaptContext& context);
Status adapt_dropout_10(AdaptContext& context);
Status adapt_dropout_12(AdaptContext& context);
Status adapt_gemm(AdaptContext& context);
Status adapt_grid_sample(AdaptContext& context);
Status adapt_group_normalization(AdaptContext& context);
Status adapt_lp_pool(AdaptContext& context);  // LpPool, GlobalLpPool
Status adapt_pad_2(AdaptContext& context);
Status adapt_pad_11(AdaptContext& context);
Status adapt_prelu(AdaptContext& context);
Status adapt_recurrent(AdaptContext& context);  // RNN, GRU, LSTM
Status adapt_reshape(AdaptContext& context);
Status adapt_resize_11(AdaptContext& context);
Status adapt_resize_empty_inputs(AdaptContext& context);
Status adapt_roi_align(AdaptContext& context);
Status adapt_scan(AdaptContext& context);
Status adapt_scatter(AdaptContext& context);
Status adapt_selu(AdaptContext& context);
Status adapt_slice(AdaptContext& context);
Status adapt_softmax(AdaptContext& context);  // Softmax, LogSoftmax, Hardmax
Status adapt_split_13(AdaptContext& context);
Status adapt_split_18(AdaptContext& context);
Status adapt_tile(AdaptContext& context);
Status adapt_topk(AdaptContext& context);
Status adapt_upsample_7(AdaptContext& context);
Status adapt_upsample_9(AdaptContext& context);
Status adapt_upsample_10(AdaptContext& context);

}  // namespace sinter::onnx
