// What the recurrent kernels share.
#pragma once
#include "device.h"

SINTER_DEVICE f32 sigmoid(f32 x) {
  const f32 e = expf(-fabsf(x));
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

// The sum of products of n elements, by a warp.
template <typename A, typename B>
SINTER_DEVICE f32 warp_dot(const A* a, const B* b, i64 n) {
  f32 sum = 0;
  for (i64 i = lane(); i < n; i += 32) sum += to_f32(a[i]) * to_f32(b[i]);
  return warp_sum(sum);
}
