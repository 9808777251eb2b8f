// Loads and stores of N consecutive elements of a result, as f32: from an operand of the result's shape, from a single value, or from one
// that broadcasts (through a Map, made on the host: src/cuda/broadcast.cpp).
#pragma once

#include "bytes.h"

enum { kMapRank = 8 };

// Where the operand's element for flat index i of the result lies: dims outermost first, neighbours merged.
struct Map {
  i32 rank;
  i32 vectors;  // the innermost size is a multiple of the vector: all N elements are in one run
  i32 aligned;  // and each run of N starts at a multiple of N
  i32 narrow;   // flat indices fit 32 bits
  u32 size[kMapRank];
  i64 stride[kMapRank];
};

SINTER_DEVICE i64 map_offset(const Map& map, i64 i) {
  i64 offset = 0;
  if (map.narrow) {
    u32 rest = (u32)i;
    for (int d = map.rank - 1; d > 0; --d) {
      const u32 quotient = rest / map.size[d];
      offset += (i64)(rest - quotient * map.size[d]) * map.stride[d];
      rest = quotient;
    }
    return offset + (i64)rest * map.stride[0];
  }
  u64 rest = (u64)i;
  for (int d = map.rank - 1; d > 0; --d) {
    const u64 quotient = rest / map.size[d];
    offset += (i64)(rest - quotient * map.size[d]) * map.stride[d];
    rest = quotient;
  }
  return offset + (i64)rest * map.stride[0];
}

// n of N elements are there; the address is aligned to the vector.
template <typename T, int N>
SINTER_DEVICE void load_full(f32 (&x)[N], const void* data, i64 i, int n) {
  const T* from = (const T*)data + i;
  if (n == N) {
    load_floats<T, N>(from, x);
  } else {
#pragma unroll
    for (int k = 0; k < N; ++k) x[k] = k < n ? to_f32(from[k]) : 0.0f;
  }
}

template <typename T, int N>
SINTER_DEVICE void load_single(f32 (&x)[N], const void* data) {
  const f32 value = to_f32(*(const T*)data);
#pragma unroll
  for (int k = 0; k < N; ++k) x[k] = value;
}

template <typename T, int N>
SINTER_DEVICE void load_map(f32 (&x)[N], const void* data, const Map& map, i64 i, int n) {
  if (!map.vectors) {
#pragma unroll
    for (int k = 0; k < N; ++k) x[k] = k < n ? to_f32(((const T*)data)[map_offset(map, i + k)]) : 0.0f;
    return;
  }
  const T* from = (const T*)data + map_offset(map, i);
  const i64 step = map.stride[map.rank - 1];
  if (step == 0) {
    load_single<T, N>(x, from);
  } else if (step == 1 && map.aligned) {
    load_full<T, N>(x, from, 0, N);
  } else {
#pragma unroll
    for (int k = 0; k < N; ++k) x[k] = to_f32(from[k * step]);
  }
}

template <typename T, int N, typename Round = WholeBytes<T>>
SINTER_DEVICE void store_full(void* data, const f32 (&y)[N], i64 i, int n) {
  T* to = (T*)data + i;
  if (n == N) {
    store_floats<T, N, Round>(to, y);
  } else {
#pragma unroll
    for (int k = 0; k < N; ++k) {
      if (k < n) store_float<T, Round>(to + k, y[k]);
    }
  }
}
