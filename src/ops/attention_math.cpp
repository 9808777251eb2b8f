// Scores, softmax and values of the attention operators.
#include "ops/attention_math.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/wide.h"

namespace sinter::ops {

Tensor split_heads(const Tensor& tensor, int64_t heads) {
  const Tensor wide = widened(tensor);
  if (wide.rank() == 4) return wide;
  const int64_t batch = wide.dim(0), steps = wide.dim(1), size = wide.dim(2) / heads;
  Tensor out(DType::kF64, {batch, heads, steps, size});
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t s = 0; s < steps; ++s)
        std::copy_n(wide.data<double>() + ((b * steps + s) * heads + h) * size, size,
                    out.data<double>() + ((b * heads + h) * steps + s) * size);
  return out;
}

Tensor merge_heads(const Tensor& tensor) {
  const int64_t batch = tensor.dim(0), heads = tensor.dim(1), steps = tensor.dim(2), size = tensor.dim(3);
  Tensor out(DType::kF64, {batch, steps, heads * size});
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t s = 0; s < steps; ++s)
        std::copy_n(tensor.data<double>() + ((b * heads + h) * steps + s) * size, size,
                    out.data<double>() + ((b * steps + s) * heads + h) * size);
  return out;
}

Tensor attention_scores(const Tensor& q, const Tensor& k, double scale) {
  const int64_t heads = q.dim(1), group = heads / k.dim(1), size = q.dim(3), rows = q.dim(2), columns = k.dim(2);
  Tensor scores(DType::kF64, {q.dim(0), heads, rows, columns});
  for (int64_t i = 0; i < q.dim(0) * heads; ++i) {
    const int64_t key = i / heads * k.dim(1) + i % heads / group;
    multiply({&q, i * rows * size, size, 1}, {&k, key * columns * size, 1, size}, rows, size, columns,
             scores.data<double>() + i * rows * columns);
  }
  for (int64_t i = 0; i < scores.count(); ++i) scores.data<double>()[i] *= scale;
  return scores;
}

Tensor attention_values(const Tensor& p, const Tensor& v) {
  const int64_t heads = p.dim(1), group = heads / v.dim(1), rows = p.dim(2), depth = p.dim(3), size = v.dim(3);
  Tensor out = zeros_f64({p.dim(0), heads, rows, size});
  for (int64_t i = 0; i < p.dim(0) * heads; ++i) {
    const int64_t value = i / heads * v.dim(1) + i % heads / group;
    for (int64_t r = 0; r < rows; ++r) {
      double* to = out.data<double>() + (i * rows + r) * size;
      for (int64_t j = 0; j < depth; ++j) {
        const double weight = p.data<double>()[(i * rows + r) * depth + j];
        if (weight == 0) continue;
        const double* from = v.data<double>() + (value * depth + j) * size;
        for (int64_t s = 0; s < size; ++s) to[s] += weight * from[s];
      }
    }
  }
  return out;
}

void attention_softmax(Tensor& scores) {
  const int64_t size = scores.dim(-1), rows = size == 0 ? 0 : scores.count() / size;
  for (int64_t r = 0; r < rows; ++r) {
    double* row = scores.data<double>() + r * size;
    double highest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t i = 0; i < size && !std::isnan(highest); ++i)
      if (!(row[i] <= highest)) highest = row[i];
    if (highest == -std::numeric_limits<double>::infinity()) {
      std::fill_n(row, size, 0.0);
      continue;
    }
    for (int64_t i = 0; i < size; ++i) sum += row[i] = std::exp(row[i] - highest);
    for (int64_t i = 0; i < size; ++i) row[i] /= sum;
  }
}

}  // namespace sinter::ops
