// Rounding with feedback (rounding.h).
#include "quant/rounding.h"

#include <algorithm>
#include <cmath>

namespace sinter::quant {
namespace {

constexpr double kMost = 127;
constexpr double kDamping = 0.01;  // of the mean diagonal: keeps directions that the data never showed

using Matrix = std::vector<double>;  // size × size, by rows

Matrix damped(const SecondMoment& moment) {
  const int64_t n = moment.size();
  Matrix m(static_cast<size_t>(n * n));
  double trace = 0;
  for (int64_t i = 0; i < n; ++i) trace += moment.at(i, i);
  const double damping = std::max(kDamping * trace / static_cast<double>(n), 1e-12);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) m[static_cast<size_t>(i * n + j)] = moment.at(i, j) + (i == j ? damping : 0.0);
  }
  return m;
}

// In place: the lower factor L of m = L·Lᵀ. The matrix is positive definite by its damping.
void factor(Matrix& m, int64_t n) {
  for (int64_t j = 0; j < n; ++j) {
    double* row_j = &m[static_cast<size_t>(j * n)];
    double sum = row_j[j];
    for (int64_t k = 0; k < j; ++k) sum -= row_j[k] * row_j[k];
    row_j[j] = std::sqrt(std::max(sum, 1e-300));
    for (int64_t i = j + 1; i < n; ++i) {
      double* row_i = &m[static_cast<size_t>(i * n)];
      double rest = row_i[j];
      for (int64_t k = 0; k < j; ++k) rest -= row_i[k] * row_j[k];
      row_i[j] = rest / row_j[j];
    }
  }
}

// The inverse of m = L·Lᵀ from L.
Matrix inverse(const Matrix& lower, int64_t n) {
  Matrix columns(static_cast<size_t>(n * n), 0.0);  // row c: solution for unit vector c, the inverse being symmetric
  for (int64_t c = 0; c < n; ++c) {
    double* x = &columns[static_cast<size_t>(c * n)];
    for (int64_t i = c; i < n; ++i) {
      double sum = i == c ? 1.0 : 0.0;
      for (int64_t k = c; k < i; ++k) sum -= lower[static_cast<size_t>(i * n + k)] * x[k];
      x[i] = sum / lower[static_cast<size_t>(i * n + i)];
    }
    for (int64_t i = n; i-- > 0;) {
      x[i] /= lower[static_cast<size_t>(i * n + i)];
      const double value = x[i];
      for (int64_t k = 0; k < i; ++k) x[k] -= lower[static_cast<size_t>(i * n + k)] * value;
    }
  }
  return columns;
}

double quadratic(const std::vector<double>& error, const SecondMoment& moment) {
  const int64_t n = moment.size();
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    double row = 0;
    for (int64_t j = 0; j < n; ++j) row += moment.at(i, j) * error[static_cast<size_t>(j)];
    sum += row * error[static_cast<size_t>(i)];
  }
  return sum;
}

}  // namespace

void SecondMoment::add(const float* x) {
  for (int64_t i = 0; i < size_; ++i) {
    if (x[i] == 0) continue;
    float* row = &sums_[static_cast<size_t>(i * size_)];
    for (int64_t j = 0; j < size_; ++j) row[j] += x[i] * x[j];
  }
  ++count_;
}

Rounding round_with_feedback(const float* weights, const float* scales, int64_t rows, const SecondMoment& moment) {
  const int64_t n = moment.size();
  // The inverse's factor with its order turned round says what a column's error costs the columns after it: U of H⁻¹ = Uᵀ·U.
  Matrix lower = damped(moment);
  factor(lower, n);
  Matrix upper = inverse(lower, n);
  factor(upper, n);  // lower factor of the inverse; its column j holds what U's row j holds
  Rounding result;
  result.values.resize(static_cast<size_t>(rows * n));
  std::vector<double> left(static_cast<size_t>(n)), nearest(static_cast<size_t>(n)), error(static_cast<size_t>(n));
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = weights + r * n;
    int8_t* values = &result.values[static_cast<size_t>(r * n)];
    const double scale = scales[r];
    const auto rounded = [&](double value) { return std::clamp(std::nearbyint(value / scale), -kMost, kMost); };
    for (int64_t j = 0; j < n; ++j) {
      left[static_cast<size_t>(j)] = row[j];
      nearest[static_cast<size_t>(j)] = row[j] - rounded(row[j]) * scale;
    }
    for (int64_t j = 0; j < n; ++j) {
      const double value = rounded(left[static_cast<size_t>(j)]);
      values[j] = static_cast<int8_t>(value);
      const double spread = (left[static_cast<size_t>(j)] - value * scale) / upper[static_cast<size_t>(j * n + j)];
      for (int64_t k = j + 1; k < n; ++k) left[static_cast<size_t>(k)] -= spread * upper[static_cast<size_t>(k * n + j)];
      error[static_cast<size_t>(j)] = row[j] - value * scale;
    }
    const double before = quadratic(nearest, moment), after = quadratic(error, moment);
    result.nearest_error += before;
    result.error += std::min(before, after);
    if (after <= before) continue;
    for (int64_t j = 0; j < n; ++j) values[j] = static_cast<int8_t>(rounded(row[j]));
  }
  return result;
}

}  // namespace sinter::quant
