// AveragePool (KIND 0), MaxPool (1) and LpPool (2, p 1 or 2) of TYPE over up to three spatial axes, in f32; one output a thread, in the output's memory order.
// Strides say the layout. pool_last: images channels last, sixteen bytes of channels a thread.
#include "bytes.h"

struct PoolArgs {
  i64 count, channels, out_n, out_c, in_n, in_c;      // strides of n and c
  i64 size[3], in_size[3], out_stride[3], in_stride[3];
  i32 kernel[3], stride[3], dilation[3], pad[3], pad_end[3];
  i32 count_padding, channels_last, p;
};

SINTER_KERNEL(pool, 256, (const TYPE* from, TYPE* to, const PoolArgs args)) {
  after_previous();
  i64 rest = grid_thread();
  if (rest >= args.count) return;
  i64 n, c, at[3];
  if (args.channels_last) {
    c = rest % args.channels;
    rest /= args.channels;
  }
  for (int d = 2; d >= 0; --d) {
    at[d] = rest % args.size[d];
    rest /= args.size[d];
  }
  if (!args.channels_last) {
    c = rest % args.channels;
    rest /= args.channels;
  }
  n = rest;
  const TYPE* base = from + n * args.in_n + c * args.in_c;
  f32 value = KIND == 1 ? -infinity() : 0.0f;
  i64 cells = 1, inside = 0;
  for (int d = 0; d < 3; ++d) {
    // Cells of the window that are in the padded input.
    const i64 begin = at[d] * args.stride[d] - args.pad[d], limit = args.in_size[d] + args.pad_end[d];
    i64 fit = 0;
    for (int k = 0; k < args.kernel[d]; ++k) fit += begin + (i64)k * args.dilation[d] < limit;
    cells *= fit;
  }
  for (int a = 0; a < args.kernel[0]; ++a) {
    const i64 z = at[0] * args.stride[0] - args.pad[0] + (i64)a * args.dilation[0];
    if (z < 0 || z >= args.in_size[0]) continue;
    for (int b = 0; b < args.kernel[1]; ++b) {
      const i64 y = at[1] * args.stride[1] - args.pad[1] + (i64)b * args.dilation[1];
      if (y < 0 || y >= args.in_size[1]) continue;
      for (int e = 0; e < args.kernel[2]; ++e) {
        const i64 x = at[2] * args.stride[2] - args.pad[2] + (i64)e * args.dilation[2];
        if (x < 0 || x >= args.in_size[2]) continue;
        const f32 element = to_f32(base[z * args.in_stride[0] + y * args.in_stride[1] + x * args.in_stride[2]]);
        if (KIND == 1) {
          value = max_nan(value, element);
        } else if (KIND == 0) {
          value += element;
        } else {
          const f32 size = fabsf(element);
          value += args.p == 1 ? size : size * size;
        }
        ++inside;
      }
    }
  }
  if (KIND == 2 && args.p == 2) value = sqrtf(value);
  if (KIND == 0) value /= (f32)(args.count_padding ? cells : inside);
  TYPE stored;
  store_float<TYPE>(&stored, value);
  to[n * args.out_n + c * args.out_c + at[0] * args.out_stride[0] + at[1] * args.out_stride[1] + at[2] * args.out_stride[2]] = stored;
}

// Maxima of sixteen bytes of channels, two elements of 16 bits an instruction. Bytes become whole numbers of 16 bits (i8 with its sign bit turned),
// which have the order that they have as bits of f16.
SINTER_DEVICE u32 larger(u32 a, u32 b, bf16) { return max_nan_bf16x2(a, b); }
template <typename T>
SINTER_DEVICE u32 larger(u32 a, u32 b, T) { return max_nan_f16x2(a, b); }
template <typename T>
struct Paired { static constexpr u32 kLeast = 0, kTurn = 0; };
template <>
struct Paired<i8> { static constexpr u32 kLeast = 0, kTurn = 0x80808080u; };
template <>
struct Paired<f16> { static constexpr u32 kLeast = 0xfc00fc00u, kTurn = 0; };
template <>
struct Paired<bf16> { static constexpr u32 kLeast = 0xff80ff80u, kTurn = 0; };
template <typename T>
struct PairedMaxima {
  static constexpr int kWords = IsByte<T>::value ? 8 : 4;
  SINTER_DEVICE void add(const Vec<u32, 4>& sixteen, u32 (&best)[kWords]) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if constexpr (IsByte<T>::value) {
        const u32 word = sixteen.at[i] ^ Paired<T>::kTurn;
        best[i] = larger(best[i], word & 0x00ff00ffu, T());
        best[4 + i] = larger(best[4 + i], word >> 8 & 0x00ff00ffu, T());
      } else {
        best[i] = larger(best[i], sixteen.at[i], T());
      }
    }
  }
  SINTER_DEVICE Vec<u32, 4> result(const u32 (&best)[kWords]) {
    Vec<u32, 4> sixteen;
#pragma unroll
    for (int i = 0; i < 4; ++i) sixteen.at[i] = IsByte<T>::value ? (best[i] | best[kWords - 4 + i] << 8) ^ Paired<T>::kTurn : best[i];
    return sixteen;
  }
};

SINTER_KERNEL(pool_last, 256, (const TYPE* from, TYPE* to, const PoolArgs args)) {
  after_previous();
  constexpr int kEach = 16 / sizeof(TYPE);
  const u32 chunks = (u32)args.channels / kEach, width = (u32)args.size[2], height = (u32)args.size[1];
  const i64 thread = grid_thread();
  if (thread * kEach >= args.count) return;
  const u32 pixel = (u32)(thread / chunks), chunk = (u32)thread - pixel * chunks;
  const u32 line = pixel / width, x = pixel - line * width, image = line / height, y = line - image * height;
  const TYPE* base = from + image * args.in_n + chunk * kEach;
  const int y0 = (int)y * args.stride[1] - args.pad[1], x0 = (int)x * args.stride[2] - args.pad[2];
  constexpr bool kPaired = KIND == 1 && sizeof(TYPE) <= 2;
  using Maxima = PairedMaxima<TYPE>;
  u32 best[Maxima::kWords];
  f32 value[kEach];
#pragma unroll
  for (int e = 0; e < kEach; ++e) value[e] = KIND == 1 ? -infinity() : 0.0f;
#pragma unroll
  for (int i = 0; i < Maxima::kWords; ++i) best[i] = Paired<TYPE>::kLeast;
  int inside = 0, rows = 0, columns = 0;  // cells that exist, and those of the window in the padded input
  for (int a = 0; a < args.kernel[1]; ++a) {
    const int row = y0 + a * args.dilation[1];
    rows += row < (int)args.in_size[1] + args.pad_end[1];
    if ((u32)row >= (u32)args.in_size[1]) continue;
#pragma unroll 4
    for (int b = 0; b < args.kernel[2]; ++b) {
      const int column = x0 + b * args.dilation[2];
      if ((u32)column >= (u32)args.in_size[2]) continue;
      if constexpr (kPaired) {
        Maxima::add(load_vec<u32, 4>((const u32*)(base + row * args.in_stride[1] + column * args.in_stride[2])), best);
        continue;
      }
      f32 v[kEach];
      load_floats<TYPE, kEach>(base + row * args.in_stride[1] + column * args.in_stride[2], v);
#pragma unroll
      for (int e = 0; e < kEach; ++e) {
        const f32 element = v[e];
        if (KIND == 1) value[e] = max_nan(value[e], element);
        else if (KIND == 0) value[e] += element;
        else value[e] += args.p == 1 ? fabsf(element) : element * element;
      }
      ++inside;
    }
  }
  if constexpr (kPaired) return store_vec<u32, 4>((u32*)(to + thread * kEach), Maxima::result(best));
  for (int b = 0; b < args.kernel[2]; ++b) columns += x0 + b * args.dilation[2] < (int)args.in_size[2] + args.pad_end[2];
#pragma unroll
  for (int e = 0; e < kEach; ++e) {
    if (KIND == 2 && args.p == 2) value[e] = sqrtf(value[e]);
    if (KIND == 0) value[e] /= (f32)(args.count_padding ? rows * columns : inside);
  }
  store_floats<TYPE, kEach>(to + thread * kEach, value);
}
