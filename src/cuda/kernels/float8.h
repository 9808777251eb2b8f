// Floats of 8 bits, exactly as core/numeric.h has them. KIND: 1 e4m3fn, 2 e4m3fnuz, 3 e5m2, 4 e5m2fnuz. From sm_89 on the processor's own conversion.
#pragma once

#include "device.h"

template <int KIND>
struct Float8 {
  static constexpr int kFraction = KIND <= 2 ? 3 : 2, kBias = KIND == 1 ? 7 : KIND == 2 ? 8 : KIND == 3 ? 15 : 16;
  static constexpr u32 kMost = KIND == 1 ? 0x7e : KIND == 3 ? 0x7b : 0x7f;
  static constexpr bool kNoNegativeZero = KIND == 2 || KIND == 4;

  SINTER_DEVICE f32 value(u8 code) {
    const u32 size = code & 0x7fu, sign = (u32)(code & 0x80u) << 24;
    if (kNoNegativeZero ? code == 0x80u : size > kMost) return KIND == 3 && size == 0x7cu ? f32_of(sign | 0x7f800000u) : f32_of(0x7fc00000u);
    const u32 bits = (size << (23 - kFraction)) + ((u32)(127 - kBias) << 23);
    const f32 small = (f32)size * f32_of((u32)(128 - kBias - kFraction) << 23);
    return f32_of(sign | (size < (1u << kFraction) ? bits_of(small) : bits));
  }

  SINTER_DEVICE u8 code(f32 v, bool saturate) {
    const u32 bits = bits_of(v), size = bits & 0x7fffffffu, sign = (bits >> 24) & 0x80u;
    if (size > 0x7f800000u) return (u8)(kNoNegativeZero ? 0x80u : sign | (KIND == 3 ? 0x7eu : 0x7fu));
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
    if constexpr (KIND == 1 || KIND == 3) {
      if (saturate) {
        u16 pair;
        if constexpr (KIND == 1) asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(0.0f), "f"(v));
        else asm("cvt.rn.satfinite.e5m2x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(0.0f), "f"(v));
        return (u8)pair;
      }
    }
#endif
    constexpr int kDropped = 23 - kFraction;
    const u32 least = (u32)(128 - kBias) << 23;
    u32 found;
    if (size >= least) {
      found = ((size + ((1u << (kDropped - 1)) - 1) + ((size >> kDropped) & 1)) >> kDropped) - ((u32)(127 - kBias) << kFraction);
    } else {
      // 2^23 beside it leaves no bits for a fraction: the addition rounds.
      found = bits_of(f32_of(size) * f32_of((u32)(126 + kBias + kFraction) << 23) + 8388608.0f) & 0xffffu;
    }
    if (found > kMost) {
      if (saturate) return (u8)(sign | kMost);
      return (u8)(kNoNegativeZero ? 0x80u : sign | (KIND == 3 ? 0x7cu : 0x7fu));
    }
    return (u8)(kNoNegativeZero && found == 0 ? 0u : sign | found);
  }
};
