// Cast of IN to OUT, one element a thread: numbers through f32 where either side is a float of 32 bits or less, else as integers.
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
  const i64 i = grid_thread();
  if (i < count) to[i] = convert<IN, OUT>(from[i]);
}
