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

// How sums of products of 8-bit values become output elements (byte_tile_body.h). With s = sum + start[col], less
// weight_zero[col] * row_sums[row] where there are such, in 32-bit integers:
//   value = float(s) * scale[col], then what Epilogue says;
//   stored as it is, or in 8 bits as clip(round(value * multiplier) + zero, low, high).
// The arrays are indexed by column and readable for kColumnSlack elements behind the last one.
enum class ByteStore : int { kFloat, kI8, kU8, kSums };  // kSums: s itself, as i32

inline constexpr int kColumnSlack = 64;

struct ByteEpilogue {
  ByteStore store = ByteStore::kFloat;
  const int32_t* start = nullptr;
  const float* scale = nullptr;
  const int32_t* weight_zero = nullptr;
  const int32_t* row_sums = nullptr;
  float multiplier = 1;
  int zero = 0, low = 0, high = 0;
  // An 8-bit residual of the output's shape, where there is one and an 8-bit result; unsigned bytes are read as signed ones less 128. Where not
  // `folded`, residual * residual_scale + residual_start is added to the value before the activation, or with residual_after to
  // value * multiplier.
  const uint8_t* residual = nullptr;
  bool residual_unsigned = false, residual_after = false;
  int64_t residual_stride = 0;
  float residual_scale = 1, residual_start = 0;
  // A float result that is quantized and dequantized again: clip(round(value / snap_divisor) + zero, low, high) - snap_zero, times snap_scale.
  bool snapped = false;
  float snap_divisor = 1, snap_zero = 0, snap_scale = 1;
  // With `folded`, all of it is one step in registers, and neither Epilogue's bias nor its activation or residual is looked at:
  //   clip(round(s * folded_scale[col] + folded_bias[col] [+ residual * residual_scale]) + zero, low, high)
  // Values before rounding must be known to stay within 32 bits.
  bool folded = false;
  const float* folded_scale = nullptr;
  const float* folded_bias = nullptr;
};

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
  const ByteEpilogue* bytes = nullptr;  // of products of 8-bit values only
};

}  // namespace sinter::cpu
