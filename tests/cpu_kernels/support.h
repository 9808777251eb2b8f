// Shared pieces of the kernel tests: every table this machine can run, random data, error bounds, naive epilogues.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <new>
#include <random>
#include <vector>

#include "base/cpu_info.h"
#include "cpu/kernels/epilogue.h"
#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {

inline std::vector<const KernelTable*> all_tables() {
  std::vector<const KernelTable*> tables;
  for (Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512}) {
    if (has_isa(isa) && kernel_table(isa).isa == isa) tables.push_back(&kernel_table(isa));
  }
  return tables;
}

inline std::vector<float> random_floats(int64_t count, uint32_t seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> values(count);
  for (float& v : values) v = uniform(engine);
  return values;
}

// Memory aligned as the kernels want their workspace, filled with NaN so that reading it unwritten shows.
class Workspace {
 public:
  explicit Workspace(int64_t bytes) : memory_(::operator new(bytes + 1, std::align_val_t{64})) {
    for (int64_t i = 0; i < bytes / 4; ++i) static_cast<float*>(memory_)[i] = std::numeric_limits<float>::quiet_NaN();
  }
  ~Workspace() { ::operator delete(memory_, std::align_val_t{64}); }
  Workspace(const Workspace&) = delete;
  void* get() const { return memory_; }

 private:
  void* memory_;
};

inline double naive_activation(Activation kind, double x, double alpha, double beta) {
  const auto clamp01 = [](double v) { return v < 0 ? 0 : v > 1 ? 1 : v; };
  switch (kind) {
    case Activation::kNone: return x;
    case Activation::kRelu: return x < 0 ? 0 : x;
    case Activation::kClip: return x < alpha ? alpha : x > beta ? beta : x;
    case Activation::kLeakyRelu: return x < 0 ? alpha * x : x;
    case Activation::kSigmoid: return 1 / (1 + std::exp(-x));
    case Activation::kSilu: return x / (1 + std::exp(-alpha * x));
    case Activation::kHardSigmoid: return clamp01(alpha * x + beta);
    case Activation::kHardSwish: return x * clamp01(alpha * x + beta);
    case Activation::kGeluErf: return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::kGeluTanh: return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    case Activation::kTanh: return std::tanh(x);
    case Activation::kErf: return std::erf(x);
    case Activation::kExp: return std::exp(x);
    case Activation::kMish: return x * std::tanh(std::log1p(std::exp(x)));
    case Activation::kElu: return x < 0 ? alpha * std::expm1(x) : x;
  }
  return x;
}

// The value an epilogue should give for an exact sum, and how much a sum's error can grow in it: every activation here
// has a slope below 1.2 but for exp, which the caller keeps to sums of moderate size.
inline double naive_epilogue(const Epilogue& e, double sum, int64_t row, int64_t col) {
  if (e.bias != nullptr) sum += e.bias[e.bias_per_row ? row : col];
  const double residual = e.residual != nullptr ? e.residual[row * e.residual_stride + col] : 0.0;
  if (!e.residual_after_activation) sum += residual;
  double v = naive_activation(e.activation, sum, e.alpha, e.beta);
  if (e.residual_after_activation) v += residual;
  return v;
}

// Bound of |computed - exact| for a sum of `terms` products with sum of magnitudes `magnitude`, and a few roundings of
// the result on top.
inline double sum_bound(int64_t terms, double magnitude, double value) {
  const double eps = std::numeric_limits<float>::epsilon();
  return eps * (static_cast<double>(terms + 2) * magnitude + 8 * std::abs(value)) + 1e-30;
}

inline Epilogue with_activation(Activation kind) {
  Epilogue e;
  e.activation = kind;
  switch (kind) {
    case Activation::kClip: e.alpha = -0.25f, e.beta = 0.5f; break;
    case Activation::kLeakyRelu: e.alpha = 0.1f; break;
    case Activation::kHardSigmoid: e.alpha = 0.2f, e.beta = 0.5f; break;
    case Activation::kHardSwish: e.alpha = 1.0f / 6, e.beta = 0.5f; break;
    case Activation::kSilu: e.alpha = 1.0f; break;
    default: break;
  }
  return e;
}

}  // namespace sinter::cpu
