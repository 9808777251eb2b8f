// numpy's matmul: the shape rule and the batched product that MatMul and its integer forms share.
#pragma once

#include "core/op_def.h"

namespace sinter::ops {

// Result shape of numpy.matmul; a 1-d operand loses its axis.
Result<Shape> matmul_shape(const Shape& a, const Shape& b);
Status infer_matmul(InferContext& context, int a, int b, DType dtype);

// The batches of a product: calls product(a offset, b offset, c offset, m, k, n), offsets in elements.
using MatmulFn = std::function<void(int64_t a, int64_t b, int64_t c, int64_t m, int64_t k, int64_t n)>;
void for_each_matmul(const Dims& a, const Dims& b, const MatmulFn& product);
// f32 or f64 operands, f64 result.
Result<Tensor> matmul_f64(const Tensor& a, const Tensor& b);

}  // namespace sinter::ops
