// MatMul and Gemm problems as the kernels' MatmulShape.
#pragma once

#include "cpu/dense_epilogue.h"
#include "cpu/kernels/matmul.h"
#include "tactic/tactic.h"

namespace sinter::cpu {

// Concrete dims, row-major everywhere. Leading dims of A are merged into m when B has none; batches of both must be equal, or one of
// them 1. b_stride, b_transposed and b_batch_stride describe B as it is given (not packed).
Result<MatmulShape> matmul_shape(const Problem& problem, const Dims& a, const Dims& b, const Dims& output);
Result<MatmulShape> matmul_shape_at_optimum(const Problem& problem);

// Why no f32 kernel of this folder can take the problem ("" when one may): types, transA, alpha and beta.
std::string matmul_unsuitable(const Problem& problem);
// Gemm's C when it is one value a column, else -1; the error is a decline's reason.
Result<int> matmul_bias_input(const Problem& problem);

}  // namespace sinter::cpu
