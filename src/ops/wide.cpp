// Matrix products with double accumulators, and the checks of the kernels that use them.
#include "ops/wide.h"

#include <algorithm>
#include <cmath>

namespace sinter::ops {
namespace {

constexpr int64_t kPanelElements = int64_t{1} << 20;  // of the right operand widened at a time: 8 MiB
constexpr int64_t kMinPanel = 16, kMaxPanel = 256;    // columns
constexpr int64_t kProductRows = 4;                   // rows that share one pass over the panel

template <typename T>
void load_widened(const MatrixView& view, int64_t row, int64_t rows, int64_t column, int64_t columns, double* to) {
  const T* base = view.tensor->data<T>() + view.offset;
  for (int64_t i = 0; i < rows; ++i) {
    const T* from = base + (row + i) * view.row_stride + column * view.column_stride;
    for (int64_t j = 0; j < columns; ++j) to[i * columns + j] = static_cast<double>(from[j * view.column_stride]);
  }
}

void load_block(const MatrixView& view, int64_t row, int64_t rows, int64_t column, int64_t columns, double* to) {
  if (view.tensor->dtype() == DType::kF64)
    load_widened<double>(view, row, rows, column, columns, to);
  else
    load_widened<float>(view, row, rows, column, columns, to);
}

template <typename Context>
Status check_rank_of(const Context& context, int input, int rank, int low, int high) {
  if (rank >= low && rank <= high) return ok_status();
  return context.error(fmt::format("input {} has rank {}: expected {}; correct the model", input, rank,
                                   low == high ? std::to_string(low) : fmt::format("{} to {}", low, high)));
}

}  // namespace

Status check_rank(const EvalContext& context, int input, int low, int high) {
  return check_rank_of(context, input, context.tensor(input).rank(), low, high);
}

Status check_rank(const InferContext& context, int input, int low, int high) {
  const Shape* shape = context.input_shape(input);
  return shape ? check_rank_of(context, input, static_cast<int>(shape->size()), low, high) : ok_status();
}

Status check_dims(const EvalContext& context, int input, const Dims& dims) {
  if (context.tensor(input).dims() == dims) return ok_status();
  return context.error(fmt::format("input {} is {}: expected {} to fit the other inputs; correct the model", input,
                                   to_string(context.tensor(input).dims()), to_string(dims)));
}

void multiply_add(const double* a, const double* b, int64_t m, int64_t k, int64_t n, double* c, int64_t c_stride) {
  int64_t i = 0;
  for (; i + kProductRows <= m; i += kProductRows) {
    double* c0 = c + i * c_stride;
    double *c1 = c0 + c_stride, *c2 = c1 + c_stride, *c3 = c2 + c_stride;
    const double* a0 = a + i * k;
    const double *a1 = a0 + k, *a2 = a1 + k, *a3 = a2 + k;
    for (int64_t p = 0; p < k; ++p) {
      const double w0 = a0[p], w1 = a1[p], w2 = a2[p], w3 = a3[p];
      const double* row = b + p * n;
      for (int64_t j = 0; j < n; ++j) {
        const double v = row[j];
        c0[j] += w0 * v;
        c1[j] += w1 * v;
        c2[j] += w2 * v;
        c3[j] += w3 * v;
      }
    }
  }
  for (; i < m; ++i)
    for (int64_t p = 0; p < k; ++p) {
      const double w = a[i * k + p];
      const double* row = b + p * n;
      double* out = c + i * c_stride;
      for (int64_t j = 0; j < n; ++j) out[j] += w * row[j];
    }
}

void multiply(const MatrixView& a, const MatrixView& b, int64_t m, int64_t k, int64_t n, double* c) {
  std::fill_n(c, m * n, 0.0);
  if (m == 0 || n == 0 || k == 0) return;
  const int64_t width = std::min(n, std::clamp(kPanelElements / k, kMinPanel, kMaxPanel));
  std::vector<double> panel(static_cast<size_t>(k * width)), rows(static_cast<size_t>(k * kProductRows));
  for (int64_t j = 0; j < n; j += width) {
    const int64_t columns = std::min(width, n - j);
    load_block(b, 0, k, j, columns, panel.data());
    for (int64_t i = 0; i < m; i += kProductRows) {
      const int64_t count = std::min(kProductRows, m - i);
      load_block(a, i, count, 0, k, rows.data());
      multiply_add(rows.data(), panel.data(), count, k, columns, c + i * n + j, n);
    }
  }
}

double saturate_to(DType dtype, double value) {
  if (std::isnan(value)) return 0;
  double low = 0, high = 0;
  if (dtype == DType::kI8)
    low = -128, high = 127;
  else if (dtype == DType::kU8)
    high = 255;
  else
    return value;
  return std::clamp(value, low, high);
}

}  // namespace sinter::ops
