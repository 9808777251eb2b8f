// The convolution that Conv, ConvInteger and QLinearConv share: shape rule and the loop, accumulated in double (exact
// for 8-bit integers).
#pragma once

#include "ops/sliding_window.h"

namespace sinter::ops {

// Gives the operator the attributes that the functions below read.
void convolution_attributes(OpDef& op);
// [N, M, windows…] of input x and weights w [M, C/group, kernel…].
Result<Shape> convolution_shape(const Attributes& attributes, const Shape& x, const Shape& w);
// Sets output 0 from the shapes of inputs `x` and `w`.
Status infer_convolution(InferContext& context, int x, int w, DType dtype);
// x and w are f32 or f64 tensors; `bias` (f64, M) may be undefined. The result is f64.
Result<Tensor> convolve(const Attributes& attributes, const Tensor& x, const Tensor& w, const Tensor& bias);
// Checks a bias' dims.
Status check_bias(const EvalContext& context, int input, int64_t channels);

}  // namespace sinter::ops
