// MatMul, Gemm and sinter.QuantizedMatMul problems as the parameters of the dense kernels. Row-major throughout.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "cuda/dense_launch.h"
#include "cuda/quantized_dense.h"

namespace sinter::cuda {

// How a problem's operands are read; follows from its symbolic shapes alone, so it holds for every shape of the
// profile.
struct MatmulForm {
  bool a_transposed = false, b_transposed = false;
  bool b_packed = false;               // B is constant: rows of k, one a column, packed
  bool merged = false;                 // B has no batch: A's leading axes are further rows
  int rank = 2;                        // of the result, were both operands matrices
  std::vector<AxisPart> parts;         // one an axis of that result
  std::vector<bool> a_spans, b_spans;  // whether an operand has the batch axis
  DenseVariant variant;
  DenseEpilogue epilogue;
  std::optional<QuantizedDense> quantized;
  Dim k = 1, n = 1, m = 1;
};
Result<MatmulForm> matmul_form(const Problem& problem);

// Geometry for concrete dims, and the number of batches. The output's dims are those of the problem.
struct MatmulCall {
  sinter_kernels::DenseParams params{};
  int64_t z = 1;
};
Result<MatmulCall> matmul_call(const MatmulForm& form, const Dims& a, const Dims& b, const Dims& output);

// The dims of matrices: a vector on the left is a row, on the right a column.
Dims as_left_matrix(Dims dims);
Dims as_right_matrix(Dims dims);

}  // namespace sinter::cuda
