// Computing in double: the reference kernels of floating-point operators widen their inputs, compute once, and narrow
// on store, so that one instance serves every element type and the result is the oracle's.
#pragma once

#include <functional>

#include "core/op_def.h"

namespace sinter::ops {

// The tensor as f64 (numbers and bool).
inline Tensor widened(const Tensor& tensor) {
  return tensor.dtype() == DType::kF64 ? tensor : tensor.cast(DType::kF64);
}
inline Tensor zeros_f64(Dims dims) {
  Tensor tensor(DType::kF64, std::move(dims));
  std::fill_n(tensor.data<double>(), tensor.count(), 0.0);
  return tensor;
}
// Sets output `index` to `wide` rounded to `dtype`.
inline void store(EvalContext& context, int index, DType dtype, const Tensor& wide) {
  context.set_output(index, wide.dtype() == dtype ? wide : wide.cast(dtype));
}

// Puts the node's name before an error of a helper that knows no node.
template <typename Context, typename T>
Result<T> at_node(const Context& context, Result<T> result) {
  if (result.ok()) return result;
  return context.error(result.status().message());
}
template <typename Context>
Status at_node(const Context& context, Status status) {
  return status.ok() ? std::move(status) : context.error(status.message());
}

// Refuses an input that is no tensor of a rank in [low, high].
Status check_rank(const EvalContext& context, int input, int low, int high);
Status check_rank(const InferContext& context, int input, int low, int high);
// Refuses an input whose dims differ from `dims`.
Status check_dims(const EvalContext& context, int input, const Dims& dims);

// Where an operand of a matrix product lies; `data` is f32 or f64 by the tensor's dtype.
struct MatrixView {
  const Tensor* tensor = nullptr;
  int64_t offset = 0, row_stride = 0, column_stride = 0;
};
// c[i*n + j] = Σ_k a[i,k]·b[k,j], accumulated in double, a and b f32 or f64; c is m by n.
void multiply(const MatrixView& a, const MatrixView& b, int64_t m, int64_t k, int64_t n, double* c);
// The same for contiguous double operands; b is k by n, c's rows are `c_stride` apart; adds to c.
void multiply_add(const double* a, const double* b, int64_t m, int64_t k, int64_t n, double* c, int64_t c_stride);

// f16 and bf16 as f32, f32 and f64 as they are: what multiply() reads.
inline Tensor multiplicand(const Tensor& tensor) {
  return tensor.dtype() == DType::kF64 || tensor.dtype() == DType::kF32 ? tensor : tensor.cast(DType::kF32);
}

// Round half to even, saturate to an 8-bit integer type (or any dtype through its own saturating cast); NaN becomes 0.
double saturate_to(DType dtype, double value);

}  // namespace sinter::ops
