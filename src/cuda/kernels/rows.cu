// Softmax, log-softmax and normalisations of lines of a tensor of TYPE, in f32. Normalisations: gains and biases are of GAIN (default
// TYPE), and the result is stored a second time as NARROW where that is given.
//
// A line is n elements at distance `inner`; line r begins at (r / inner) * n * inner + r % inner. rows_*: a block a line, for inner 1.
// columns_*: a thread a line, for others (neighbouring threads read neighbouring elements).
#include "device.h"

#ifndef GAIN
#define GAIN TYPE
#endif
#ifdef NARROW
constexpr bool kPair = true;
#else
#define NARROW TYPE
constexpr bool kPair = false;
#endif

SINTER_DEVICE f32 block_sum(f32 x) {
  SINTER_SHARED f32 parts[32];
  x = warp_sum(x);
  barrier();
  if (lane() == 0) parts[warp()] = x;
  barrier();
  const int warps = (block_threads() + 31) / 32;
  x = lane() < warps ? parts[lane()] : 0.0f;
  return warp_sum(x);
}
SINTER_DEVICE f32 block_max(f32 x) {
  SINTER_SHARED f32 parts[32];
  x = warp_max(x);
  barrier();
  if (lane() == 0) parts[warp()] = x;
  barrier();
  const int warps = (block_threads() + 31) / 32;
  x = lane() < warps ? parts[lane()] : -infinity();
  return warp_max(x);
}

template <bool logarithm>
SINTER_DEVICE f32 softmax_value(f32 x, f32 most, f32 sum) {
  if constexpr (logarithm) return x - most - logf(sum);
  else return expf(x - most) / sum;
}

template <bool logarithm>
SINTER_DEVICE void softmax_row(const TYPE* from, TYPE* to, i64 n) {
  from += (i64)block_x() * n;
  to += (i64)block_x() * n;
  f32 most = -infinity();
  for (i64 i = thread_x(); i < n; i += block_threads()) most = max_nan(most, to_f32(from[i]));
  most = block_max(most);
  f32 sum = 0;
  for (i64 i = thread_x(); i < n; i += block_threads()) sum += expf(to_f32(from[i]) - most);
  sum = block_sum(sum);
  for (i64 i = thread_x(); i < n; i += block_threads()) to[i] = from_f32<TYPE>(softmax_value<logarithm>(to_f32(from[i]), most, sum));
}

template <bool logarithm>
SINTER_DEVICE void softmax_column(const TYPE* from, TYPE* to, i64 n, i64 inner, i64 lines) {
  const i64 line = grid_thread();
  if (line >= lines) return;
  const i64 begin = line / inner * n * inner + line % inner;
  f32 most = -infinity(), sum = 0;
  for (i64 i = 0; i < n; ++i) most = max_nan(most, to_f32(from[begin + i * inner]));
  for (i64 i = 0; i < n; ++i) sum += expf(to_f32(from[begin + i * inner]) - most);
  for (i64 i = 0; i < n; ++i) to[begin + i * inner] = from_f32<TYPE>(softmax_value<logarithm>(to_f32(from[begin + i * inner]), most, sum));
}

SINTER_KERNEL(rows_softmax, 1024, (const TYPE* from, TYPE* to, i64 n)) { after_previous(); softmax_row<false>(from, to, n); }
SINTER_KERNEL(rows_log_softmax, 1024, (const TYPE* from, TYPE* to, i64 n)) { after_previous(); softmax_row<true>(from, to, n); }
SINTER_KERNEL(columns_softmax, 256, (const TYPE* from, TYPE* to, i64 n, i64 inner, i64 lines)) { after_previous(); softmax_column<false>(from, to, n, inner, lines); }
SINTER_KERNEL(columns_log_softmax, 256, (const TYPE* from, TYPE* to, i64 n, i64 inner, i64 lines)) { after_previous(); softmax_column<true>(from, to, n, inner, lines); }

// y = (x - mean) / sqrt(variance + epsilon) * scale + bias over rows of n elements. Element i of row r has channel
// r % groups * per_row + i / inner. centered 0: without the mean (RMS). scale and bias may be null.
SINTER_KERNEL(rows_normalize, 1024,
              (const TYPE* from, TYPE* to, NARROW* narrow, const GAIN* scale, const GAIN* bias, i64 n, i64 groups, i64 per_row, i64 inner, f32 epsilon, i32 centered)) {
  after_previous();
  const i64 row = block_x(), first = row % groups * per_row;
  from += row * n;
  to += row * n;
  f32 mean = 0;
  if (centered) {
    for (i64 i = thread_x(); i < n; i += block_threads()) mean += to_f32(from[i]);
    mean = block_sum(mean) / (f32)n;
  }
  f32 squares = 0;
  for (i64 i = thread_x(); i < n; i += block_threads()) {
    const f32 d = to_f32(from[i]) - mean;
    squares += d * d;
  }
  const f32 factor = 1.0f / sqrtf(block_sum(squares) / (f32)n + epsilon);
  for (i64 i = thread_x(); i < n; i += block_threads()) {
    const i64 channel = first + (inner == 1 ? i : i / inner);
    f32 y = (to_f32(from[i]) - mean) * factor;
    if (scale) y *= to_f32(scale[channel]);
    if (bias) y += to_f32(bias[channel]);
    to[i] = from_f32<TYPE>(y);
    if constexpr (kPair) narrow[row * n + i] = from_f32<NARROW>(y);
  }
}

// The same for rows that a warp holds in its registers: up to kVectors vectors of sixteen bytes a lane, n a multiple of theirs, one channel an
// element. Gain and bias are asked for together with the row.
template <int kEach>
SINTER_DEVICE Vec<f32, kEach> load_gain(const GAIN* from) {
  constexpr int kPiece = 16 / sizeof(GAIN) < kEach ? 16 / sizeof(GAIN) : kEach;
  Vec<f32, kEach> result;
#pragma unroll
  for (int p = 0; p < kEach; p += kPiece) {
    const Vec<GAIN, kPiece> piece = load_vec<GAIN, kPiece>(from + p);
#pragma unroll
    for (int e = 0; e < kPiece; ++e) result.at[p + e] = to_f32(piece.at[e]);
  }
  return result;
}

template <int kVectors>
SINTER_DEVICE void normalize_row(const TYPE* from, TYPE* to, NARROW* narrow, const GAIN* scale, const GAIN* bias, i64 row, int n, f32 epsilon, bool centered) {
  constexpr int kEach = 16 / sizeof(TYPE);
  using Piece = Vec<TYPE, kEach>;
  from += row * n;
  to += row * n;
  narrow += row * n;
  Piece x[kVectors];
  Vec<f32, kEach> gain[kVectors], shift[kVectors];
#pragma unroll
  for (int v = 0; v < kVectors; ++v) {
    const int i = (v * 32 + lane()) * kEach;
    if (i >= n) continue;
    x[v] = load_vec<TYPE, kEach>(from + i);
    if (scale) gain[v] = load_gain<kEach>(scale + i);
    if (bias) shift[v] = load_gain<kEach>(bias + i);
  }
  f32 mean = 0, squares = 0;
#pragma unroll
  for (int v = 0; v < kVectors; ++v) {
    if (!centered || (v * 32 + lane()) * kEach >= n) continue;
#pragma unroll
    for (int e = 0; e < kEach; ++e) mean += to_f32(x[v].at[e]);
  }
  if (centered) mean = warp_sum(mean) / (f32)n;
#pragma unroll
  for (int v = 0; v < kVectors; ++v) {
    if ((v * 32 + lane()) * kEach >= n) continue;
#pragma unroll
    for (int e = 0; e < kEach; ++e) {
      const f32 d = to_f32(x[v].at[e]) - mean;
      squares += d * d;
    }
  }
  const f32 factor = 1.0f / sqrtf(warp_sum(squares) / (f32)n + epsilon);
#pragma unroll
  for (int v = 0; v < kVectors; ++v) {
    const int i = (v * 32 + lane()) * kEach;
    if (i >= n) continue;
    Piece out;
    Vec<NARROW, kEach> second;
#pragma unroll
    for (int e = 0; e < kEach; ++e) {
      f32 y = (to_f32(x[v].at[e]) - mean) * factor;
      if (scale) y *= gain[v].at[e];
      if (bias) y += shift[v].at[e];
      out.at[e] = from_f32<TYPE>(y);
      if constexpr (kPair) second.at[e] = from_f32<NARROW>(y);
    }
    store_vec<TYPE, kEach>(to + i, out);
    if constexpr (kPair) store_vec<NARROW, kEach>(narrow + i, second);
  }
}

// A warp a row.
#define SINTER_WARP_NORMALIZE(name, vectors)                                                                                                   \
  SINTER_KERNEL(name, 128, (const TYPE* from, TYPE* to, NARROW* narrow, const GAIN* scale, const GAIN* bias, i64 rows, i32 n, f32 epsilon,    \
                            i32 centered)) {                                                                                                   \
    after_previous();                                                                                                                          \
    const i64 row = (i64)block_x() * (block_threads() / 32) + warp();                                                                          \
    if (row < rows) normalize_row<vectors>(from, to, narrow, scale, bias, row, n, epsilon, centered != 0);                                     \
  }
SINTER_WARP_NORMALIZE(warp_normalize_1, 1)
SINTER_WARP_NORMALIZE(warp_normalize_3, 3)
SINTER_WARP_NORMALIZE(warp_normalize_8, 8)
