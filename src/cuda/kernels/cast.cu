// Cast of IN to OUT, eight elements a thread: numbers through f32 where either side is a float of 32 bits or less, else as integers.
#include "device.h"

template <typename T> struct IsNarrowFloat { static constexpr bool value = false; };
template <> struct IsNarrowFloat<f16> { static constexpr bool value = true; };
template <> struct IsNarrowFloat<bf16> { static constexpr bool value = true; };
template <typename T> struct IsFloat { static constexpr bool value = false; };
template <> struct IsFloat<f32> { static constexpr bool value = true; };
template <> struct IsFloat<f64> { static constexpr bool value = true; };
template <typename T> struct IsBoolean { static constexpr bool value = false; };
template <> struct IsBoolean<boolean> { static constexpr bool value = true; };

template <typename In, typename Out>
SINTER_DEVICE Out convert(In x) {
  if constexpr (IsBoolean<In>::value) {
    if constexpr (IsBoolean<Out>::value || IsNarrowFloat<Out>::value) return from_f32<Out>(to_f32(x));
    else return (Out)(x.value != 0);
  } else if constexpr (IsBoolean<Out>::value) {
    if constexpr (IsNarrowFloat<In>::value) return boolean{(u8)(to_f32(x) != 0.0f)};
    else return boolean{(u8)(x != (In)0)};
  } else if constexpr (IsNarrowFloat<Out>::value) {
    return from_f32<Out>(to_f32(x));
  } else if constexpr (IsNarrowFloat<In>::value) {
    return convert<f32, Out>(to_f32(x));
  } else if constexpr (IsFloat<In>::value && !IsFloat<Out>::value) {
    return (Out)(i64)x;  // narrower and unsigned integers take the low bits, as on CPUs
  } else {
    return (Out)x;
  }
}

SINTER_KERNEL(cast, 256, (const IN* from, OUT* to, i64 count)) {
  after_previous();
  constexpr int kEach = 8, kIn = sizeof(IN) >= 2 ? 16 / sizeof(IN) : kEach, kOut = sizeof(OUT) >= 2 ? 16 / sizeof(OUT) : kEach;
  constexpr int kRead = kIn < kEach ? kIn : kEach, kWrite = kOut < kEach ? kOut : kEach;
  const i64 i = grid_thread() * kEach;
  if (i + kEach > count) {
    for (i64 k = i; k < count; ++k) to[k] = convert<IN, OUT>(from[k]);
    return;
  }
  Vec<IN, kRead> read[kEach / kRead];
#pragma unroll
  for (int v = 0; v < kEach / kRead; ++v) read[v] = load_vec<IN, kRead>(from + i + v * kRead);
#pragma unroll
  for (int v = 0; v < kEach / kWrite; ++v) {
    Vec<OUT, kWrite> out;
#pragma unroll
    for (int e = 0; e < kWrite; ++e) out.at[e] = convert<IN, OUT>(read[(v * kWrite + e) / kRead].at[(v * kWrite + e) % kRead]);
    store_vec<OUT, kWrite>(to + i + v * kWrite, out);
  }
}
