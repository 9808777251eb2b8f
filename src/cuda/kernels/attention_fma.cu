// Fused attention by FMA in f32, for full f32 accuracy and for heads that tensor cores do not suit: any element type, size and alignment.
//
// A block has 64 queries of one head; thread (ty, tx) of 16 x 16 has queries ty + 16 i, keys tx + 16 j of a tile of KEYS, and columns tx + 16 c
// of the result. Compile-time names: TYPE HEAD (a multiple of 16, at least size and v_size) KEYS (a multiple of 16) MASK MASK_TYPE CAUSAL SOFTCAP.
// Grid as for attention.cu.
#include "device.h"
#include "attention_params.h"
using namespace sinter_kernels;
#ifndef TYPE
#define TYPE f32
#define HEAD 64
#define KEYS 32
#define MASK 1
#define MASK_TYPE f32
#define CAUSAL 0
#define SOFTCAP 0
#endif
#include "attention_mask.h"

constexpr int kThreads = 256, kQueries = 64, kLine = HEAD + 4, kWeightLine = KEYS + 4;

SINTER_DEVICE void load_rows(f32* to, const TYPE* from, i64 stride, int lines, int first, int rows, int size) {
  for (int i = thread_x(); i < lines * HEAD; i += kThreads) {
    const int line = i / HEAD, column = i % HEAD;
    to[line * kLine + column] = first + line < rows && column < size ? to_f32(from[(first + line) * stride + column]) : 0.0f;
  }
}

SINTER_KERNEL(attention_fma, kThreads, (const AttentionParams p)) {
  after_previous();
  SINTER_DYNAMIC_SHARED(memory);
  f32* const q_tile = (f32*)memory;
  f32* const k_tile = q_tile + kQueries * kLine;
  f32* const v_tile = k_tile + KEYS * kLine;
  f32* const weights = v_tile + KEYS * kLine;
  const int first = block_x() * kQueries, kv_head = block_y() / p.heads_per_kv;
  const TYPE* const q = (const TYPE*)p.q.data + block_z() * p.q.outer + block_y() * p.q.head;
  const TYPE* const k = (const TYPE*)p.k.data + block_z() * p.k.outer + kv_head * p.k.head;
  const TYPE* const v = (const TYPE*)p.v.data + block_z() * p.v.outer + kv_head * p.v.head;
  const int ty = thread_x() / 16, tx = thread_x() % 16;
  load_rows(q_tile, q, p.q.row, kQueries, first, p.queries, p.size);

  f32 sums[4][HEAD / 16], high[4], total[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    high[i] = -infinity();
    total[i] = 0;
    for (int c = 0; c < HEAD / 16; ++c) sums[i][c] = 0;
  }
  const int end = visible_keys(p, first + kQueries - 1);
  for (int key0 = 0; key0 < end; key0 += KEYS) {
    barrier();
    load_rows(k_tile, k, p.k.row, KEYS, key0, p.keys, p.size);
    load_rows(v_tile, v, p.v.row, KEYS, key0, p.keys, p.v_size);
    barrier();
    f32 scores[4][KEYS / 16];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < KEYS / 16; ++j) scores[i][j] = 0;
    for (int d = 0; d < HEAD; d += 4) {
      Vec<f32, 4> a[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) a[i] = load_vec<f32, 4>(q_tile + (ty + 16 * i) * kLine + d);
#pragma unroll
      for (int j = 0; j < KEYS / 16; ++j) {
        const Vec<f32, 4> b = load_vec<f32, 4>(k_tile + (tx + 16 * j) * kLine + d);
#pragma unroll
        for (int i = 0; i < 4; ++i)
          for (int e = 0; e < 4; ++e) scores[i][j] = fmaf(a[i].at[e], b.at[e], scores[i][j]);
      }
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int query = first + ty + 16 * i;
      const MASK_TYPE* const mask = mask_of_row(p, query);
      f32 highest = high[i];
#pragma unroll
      for (int j = 0; j < KEYS / 16; ++j) {
        scores[i][j] = masked_score(p, mask, query, key0 + tx + 16 * j, scores[i][j]);
        highest = fmaxf(highest, scores[i][j]);
      }
      for (int step = 8; step > 0; step /= 2) highest = fmaxf(highest, shuffle_xor(highest, step));
      const f32 base = highest == -infinity() ? 0.0f : highest, scale = exp2f(high[i] - base);
      high[i] = highest;
      total[i] *= scale;
#pragma unroll
      for (int j = 0; j < KEYS / 16; ++j) {
        const f32 weight = exp2f(scores[i][j] - base);
        total[i] += weight;
        weights[(ty + 16 * i) * kWeightLine + tx + 16 * j] = weight;
      }
#pragma unroll
      for (int c = 0; c < HEAD / 16; ++c) sums[i][c] *= scale;
    }
    // A row's weights are written and read by the same half of a warp.
    warp_barrier();
    for (int key = 0; key < KEYS; key += 4) {
      Vec<f32, 4> w[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) w[i] = load_vec<f32, 4>(weights + (ty + 16 * i) * kWeightLine + key);
#pragma unroll
      for (int e = 0; e < 4; ++e) {
#pragma unroll
        for (int c = 0; c < HEAD / 16; ++c) {
          const f32 value = v_tile[(key + e) * kLine + tx + 16 * c];
#pragma unroll
          for (int i = 0; i < 4; ++i) sums[i][c] = fmaf(w[i].at[e], value, sums[i][c]);
        }
      }
    }
    warp_barrier();
  }
  TYPE* const y = (TYPE*)p.y.data + block_z() * p.y.outer + block_y() * p.y.head;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    f32 whole = total[i];
    for (int step = 8; step > 0; step /= 2) whole += shuffle_xor(whole, step);
    const f32 scale = whole == 0 ? 0.0f : 1.0f / whole;
    const int query = first + ty + 16 * i;
    if (query >= p.queries) continue;
#pragma unroll
    for (int c = 0; c < HEAD / 16; ++c) {
      if (tx + 16 * c < p.v_size) y[query * p.y.row + tx + 16 * c] = from_f32<TYPE>(sums[i][c] * scale);
    }
  }
}
