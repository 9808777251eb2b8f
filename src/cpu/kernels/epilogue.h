// The epilogue of the dense kernels: what happens to an output element between its sum and memory.
//
//   value = sum + bias;  [value += residual];  value = activation(value);  [value += residual];  store;  [post]
//
// All of it is done while the tile is in registers or in the first-level cache. NaN propagates through every
// activation; where a formula has no value (silu(-inf) = -inf * 0) the result is the NaN that the formula gives.
#pragma once

#include <cstdint>

namespace sinter::cpu {

enum class Activation : int {
  kNone,
  kRelu,
  kClip,         // min(max(x, alpha), beta)
  kLeakyRelu,    // x < 0 ? alpha * x : x
  kSigmoid,
  kSilu,         // x * sigmoid(alpha * x)
  kHardSigmoid,  // min(max(alpha * x + beta, 0), 1)
  kHardSwish,    // x * min(max(alpha * x + beta, 0), 1), with alpha 1/6 and beta 1/2 in ONNX
  kGeluErf,
  kGeluTanh,
  kTanh,
  kErf,
  kExp,
  kMish,         // x * tanh(log(1 + exp(x)))
  kElu,          // x < 0 ? alpha * (exp(x) - 1) : x
};
inline constexpr int kActivationCount = static_cast<int>(Activation::kElu) + 1;

// Applied to each finished row of a tile: `row` and `col` are the coordinates of tile_row[0] in the whole output
// matrix, `n` the number of columns.
using PostFn = void (*)(void* ctx, float* tile_row, int64_t row, int64_t col, int n);

struct Epilogue {
  const float* bias = nullptr;      // one value per column, or per row
  bool bias_per_row = false;
  Activation activation = Activation::kNone;
  float alpha = 1.0f, beta = 0.0f;  // parameters of the activation
  const float* residual = nullptr;  // element (row, col) at residual[row * residual_stride + col]; may be the output
  int64_t residual_stride = 0;
  bool residual_after_activation = false;
  PostFn post = nullptr;
  void* post_ctx = nullptr;
};

}  // namespace sinter::cpu
