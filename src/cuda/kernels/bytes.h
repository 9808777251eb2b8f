// 8-bit integers to floats and back, four at a time, without the processor's slow conversions: a byte below the bits 0x4b0000 is 2^23 + byte,
// and adding 1.5 * 2^23 rounds a small float to a whole number, to nearest even, that its low bits hold.
#pragma once

#include "device.h"

template <typename T>
struct IsByte { static constexpr bool value = false; };
template <>
struct IsByte<i8> { static constexpr bool value = true; };
template <>
struct IsByte<u8> { static constexpr bool value = true; };

template <typename T>
SINTER_DEVICE void unpack_bytes(u32 word, f32* out) {
  constexpr bool kSigned = (T)-1 < (T)0;
  if constexpr (kSigned) word ^= 0x80808080u;
#pragma unroll
  for (int i = 0; i < 4; ++i) out[i] = f32_of(byte_permute(word, 0x4b000000u, 0x7440u | (u32)i)) - (kSigned ? 8388736.0f : 8388608.0f);
}
// The same times `by`, which unsigned ones need one instruction for: 2^23 is a power of two, so that nothing is rounded before the product.
template <typename T>
SINTER_DEVICE void unpack_bytes_times(u32 word, f32 by, f32* out) {
  if constexpr ((T)-1 < (T)0) {
    unpack_bytes<T>(word, out);
#pragma unroll
    for (int i = 0; i < 4; ++i) out[i] *= by;
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i) out[i] = fmaf(f32_of(byte_permute(word, 0x4b000000u, 0x7440u | (u32)i)), by, by * -8388608.0f);
  }
}
// The low bytes of four words.
SINTER_DEVICE u32 pack_bytes(u32 a, u32 b, u32 c, u32 d) { return byte_permute(byte_permute(a, b, 0x0040u), byte_permute(c, d, 0x0040u), 0x5410u); }

// A word whose low byte is v rounded to nearest even, within low … high (whole numbers of at most three digits). NaN becomes low.
SINTER_DEVICE u32 rounded_byte(f32 v, f32 low, f32 high) { return bits_of(min_number(max_number(v, low), high) + 12582912.0f); }
// The same of v / by, correctly rounded; low and high are multiples of `by`, `inverse` is 1 / by.
SINTER_DEVICE u32 quotient_byte(f32 v, f32 low, f32 high, f32 by, f32 inverse) {
  const f32 x = min_number(max_number(v, low), high), near = x * inverse;
  return bits_of(fmaf(fmaf(-near, by, x), inverse, near) + 12582912.0f);
}
// Values in steps, rounded to nearest even and held to the range of T.
template <typename T>
struct SaturatedBytes {
  SINTER_DEVICE u32 of(f32 v) { return pack_saturated<T>(nearest_whole(v), 0, 0); }
};
template <typename Round>
struct FourBytes {
  SINTER_DEVICE u32 of(const f32* v) { return pack_bytes(Round::of(v[0]), Round::of(v[1]), Round::of(v[2]), Round::of(v[3])); }
};
template <typename T>
struct FourBytes<SaturatedBytes<T>> {
  SINTER_DEVICE u32 of(const f32* v) {
    const u32 above = pack_saturated<T>(nearest_whole(v[2]), nearest_whole(v[3]), 0);
    return pack_saturated<T>(nearest_whole(v[0]), nearest_whole(v[1]), above);
  }
};
// Whole numbers in the type's range.
template <typename T>
struct WholeBytes {
  SINTER_DEVICE u32 of(f32 v) { return (T)-1 < (T)0 ? rounded_byte(v, -128.0f, 127.0f) : rounded_byte(v, 0.0f, 255.0f); }
};

// N neighbouring elements that lie aligned, to all of them or to sixteen bytes.
template <typename T, int N>
SINTER_DEVICE void load_floats(const T* from, f32* out) {
  if constexpr (IsByte<T>::value && N % 4 == 0) {
    const Vec<u32, N / 4> words = load_vec<u32, N / 4>((const u32*)from);
#pragma unroll
    for (int i = 0; i < N / 4; ++i) unpack_bytes<T>(words.at[i], out + i * 4);
  } else {
    constexpr int kPiece = N * sizeof(T) <= 16 ? N : 16 / sizeof(T);
#pragma unroll
    for (int first = 0; first < N; first += kPiece) {
      const Vec<T, kPiece> vector = load_vec<T, kPiece>(from + first);
#pragma unroll
      for (int k = 0; k < kPiece; ++k) out[first + k] = to_f32(vector.at[k]);
    }
  }
}
// Round::of makes the bytes; other types round as from_f32.
template <typename T, int N, typename Round = WholeBytes<T>>
SINTER_DEVICE void store_floats(T* to, const f32* v) {
  if constexpr (IsByte<T>::value && N % 4 == 0) {
    Vec<u32, N / 4> words;
#pragma unroll
    for (int i = 0; i < N / 4; ++i) words.at[i] = FourBytes<Round>::of(v + i * 4);
    store_vec<u32, N / 4>((u32*)to, words);
  } else {
    Vec<T, N> vector;
#pragma unroll
    for (int k = 0; k < N; ++k) {
      if constexpr (IsByte<T>::value) vector.at[k] = (T)Round::of(v[k]);
      else vector.at[k] = from_f32<T>(v[k]);
    }
    store_vec<T, N>(to, vector);
  }
}
template <typename T, typename Round = WholeBytes<T>>
SINTER_DEVICE void store_float(T* to, f32 v) {
  if constexpr (IsByte<T>::value) *to = (T)Round::of(v);
  else *to = from_f32<T>(v);
}
