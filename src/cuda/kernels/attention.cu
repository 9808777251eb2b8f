// Fused attention on tensor cores: scores never leave the registers. 16-bit types, or f32 in tf32 (MATH 1).
//
// A block has WARPS * 16 queries of one head and walks over tiles of KEYS keys with running row maxima and sums, two tiles in flight.
// Compile-time names: TYPE MATH HEAD (a multiple of 16, at least size and v_size) WARPS KEYS VEC (bytes readable at once) MASK MASK_TYPE CAUSAL SOFTCAP.
// Grid: blocks of queries, query heads, batches. A query that sees no key gives zeros.
#include "device.h"
#include "attention_params.h"
using namespace sinter_kernels;
#ifndef TYPE
#define TYPE f16
#define MATH 0
#define HEAD 64
#define WARPS 4
#define KEYS 64
#define VEC 16
#define MASK 1
#define MASK_TYPE f32
#define CAUSAL 0
#define SOFTCAP 0
#endif
#define SINTER_CLUSTER 0
#include "tensor_core.h"
#include "attention_mask.h"

constexpr int kThreads = WARPS * 32, kElement = sizeof(TYPE), kPerChunk = 16 / kElement;
// A row's bytes: a power of two, so that swizzled chunks stay inside.
constexpr int kRowBytes = HEAD * kElement <= 64 ? 64 : HEAD * kElement <= 128 ? 128 : HEAD * kElement <= 256 ? 256 : 512;
constexpr int kChunks = kRowBytes / 16;
constexpr int kTile = KEYS * kRowBytes;
constexpr int kQuerySteps = HEAD * kElement / 32;  // of 32 bytes

// Rows first … first + lines - 1 of `from` (rows beyond `rows` and elements beyond `size` are zeros).
template <int kLines>
SINTER_DEVICE void load_rows(u32 to, const TYPE* from, i64 stride, int first, int rows, int size) {
#pragma unroll
  for (int i = 0; i < kLines * kChunks; i += kThreads) {
    const int line = (i + thread_x()) / kChunks, chunk = (i + thread_x()) % kChunks;
    if (kLines * kChunks % kThreads != 0 && line >= kLines) break;
    const bool inside = first + line < rows;
    const TYPE* source = from + (inside ? first + line : 0) * stride + chunk * kPerChunk;
#pragma unroll
    for (int piece = 0; piece < 16; piece += VEC) {
      const bool exists = inside && chunk * kPerChunk + piece / kElement < size;
      copy_async<VEC>(to + line * kRowBytes + swizzle<kChunks>(line, chunk) * 16 + piece, source + piece / kElement, exists);
    }
  }
}

struct Rows {
  f32 sums[HEAD / 8][4];
  f32 high[2], total[2];  // of rows g and g + 8
};

// scores = q·kᵀ of this warp's 16 queries.
SINTER_DEVICE void score_tile(f32 (&scores)[KEYS / 8][4], const u32 (&q)[kQuerySteps][4], u32 keys) {
  const int line = (lane() & 7) + (lane() >> 4) * 8, half = lane() >> 3 & 1;
#pragma unroll
  for (int j = 0; j < KEYS / 8; ++j)
    for (int e = 0; e < 4; ++e) scores[j][e] = 0;
#pragma unroll
  for (int step = 0; step < kQuerySteps; ++step) {
#pragma unroll
    for (int j = 0; j < KEYS / 16; ++j) {
      u32 b[4];
      load_matrix(b, keys + (j * 16 + line) * kRowBytes + swizzle<kChunks>(line, step * 2 + half) * 16);
      if (MATH == 1) {
        for (int e = 0; e < 4; ++e) b[e] = to_tf32(f32_of(b[e]));
      }
      TileProduct<TYPE>::add(scores[2 * j], q[step], b[0], b[1]);
      TileProduct<TYPE>::add(scores[2 * j + 1], q[step], b[2], b[3]);
    }
  }
}

// The mask's elements for this thread's scores, whose keys begin at `key`.
template <int kCount>
SINTER_DEVICE void load_masks(const AttentionParams& p, const MASK_TYPE* const (&masks)[2], int key, MASK_TYPE (&out)[kCount][4]) {
  if (p.mask_key == 0) {
#pragma unroll
    for (int j = 0; j < kCount; ++j)
      for (int e = 0; e < 4; ++e) out[j][e] = masks[e / 2][0];
    return;
  }
#pragma unroll
  for (int j = 0; j < kCount; ++j)
    for (int e = 0; e < 4; ++e) out[j][e] = masks[e / 2][key + j * 8 + e % 2];
}

// sums += p·v.
SINTER_DEVICE void add_values(Rows& rows, const f32 (&p)[KEYS / 8][4], u32 values) {
#if MATH == 0
#pragma unroll
  for (int j = 0; j < KEYS / 16; ++j) {
    const u32 a[4] = {pack_pair<TYPE>(p[2 * j][0], p[2 * j][1]), pack_pair<TYPE>(p[2 * j][2], p[2 * j][3]),
                      pack_pair<TYPE>(p[2 * j + 1][0], p[2 * j + 1][1]), pack_pair<TYPE>(p[2 * j + 1][2], p[2 * j + 1][3])};
    const int line = j * 16 + (lane() & 15);
#pragma unroll
    for (int d = 0; d < HEAD / 16; ++d) {
      u32 b[4];
      load_matrix_transposed(b, values + line * kRowBytes + swizzle<kChunks>(line, d * 2 + (lane() >> 4)) * 16);
      TileProduct<TYPE>::add(rows.sums[2 * d], a, b[0], b[1]);
      TileProduct<TYPE>::add(rows.sums[2 * d + 1], a, b[2], b[3]);
    }
  }
#else
  // The order of keys inside a product is free: key 2 t stands where the fragment has t, key 2 t + 1 where it has t + 4, as the scores lie.
#pragma unroll
  for (int j = 0; j < KEYS / 8; ++j) {
    const u32 a[4] = {to_tf32(p[j][0]), to_tf32(p[j][2]), to_tf32(p[j][1]), to_tf32(p[j][3])};
    const int line = j * 8 + (lane() & 3) * 2;
#pragma unroll
    for (int d = 0; d < HEAD / 8; ++d) {
      const int column = d * 8 + (lane() >> 2);
      u32 b[2];
      for (int e = 0; e < 2; ++e) {
        b[e] = load_shared_word(values + (line + e) * kRowBytes + swizzle<kChunks>(line + e, column / 4) * 16 + column % 4 * 4);
        b[e] = to_tf32(f32_of(b[e]));
      }
      TileProduct<TYPE>::add(rows.sums[d], a, b[0], b[1]);
    }
  }
#endif
}

// Scores to weights relative to the running maximum; what was summed so far is scaled to it.
SINTER_DEVICE void weigh(Rows& rows, f32 (&scores)[KEYS / 8][4]) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    f32 high = rows.high[half];
#pragma unroll
    for (int j = 0; j < KEYS / 8; ++j) high = fmaxf(high, fmaxf(scores[j][half * 2], scores[j][half * 2 + 1]));
    high = fmaxf(high, shuffle_xor(high, 1));
    high = fmaxf(high, shuffle_xor(high, 2));
    const f32 base = high == -infinity() ? 0.0f : high, scale = exp2_fast(rows.high[half] - base);
    f32 total = rows.total[half] * scale;
#pragma unroll
    for (int j = 0; j < KEYS / 8; ++j) {
      for (int e = half * 2; e < half * 2 + 2; ++e) {
        scores[j][e] = exp2_fast(scores[j][e] - base);
        total += scores[j][e];
      }
    }
    rows.total[half] = total;
    rows.high[half] = high;
#pragma unroll
    for (int d = 0; d < HEAD / 8; ++d) {
      rows.sums[d][half * 2] *= scale;
      rows.sums[d][half * 2 + 1] *= scale;
    }
  }
}

SINTER_DEVICE void store_rows(const AttentionParams& p, Rows& rows, int first_query) {
  TYPE* const y = (TYPE*)p.y.data + block_z() * p.y.outer + block_y() * p.y.head;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    f32 total = rows.total[half];
    total += shuffle_xor(total, 1);
    total += shuffle_xor(total, 2);
    const f32 scale = total == 0 ? 0.0f : 1.0f / total;
    const int query = first_query + half * 8;
    if (query >= p.queries) continue;
    TYPE* const row = y + query * p.y.row;
#pragma unroll
    for (int d = 0; d < HEAD / 8; ++d) {
      const int column = d * 8 + (lane() & 3) * 2;
      const Vec<TYPE, 2> out{from_f32<TYPE>(rows.sums[d][half * 2] * scale), from_f32<TYPE>(rows.sums[d][half * 2 + 1] * scale)};
      if (VEC >= 2 * kElement) {
        if (column < p.v_size) store_vec<TYPE, 2>(row + column, out);
      } else {
        if (column < p.v_size) row[column] = out.at[0];
        if (column + 1 < p.v_size) row[column + 1] = out.at[1];
      }
    }
  }
}

SINTER_KERNEL(attention, kThreads, (const AttentionParams p)) {
  after_previous();
  SINTER_DYNAMIC_SHARED(memory);
  const u32 q_tile = shared_address(memory), k_tiles = q_tile + WARPS * 16 * kRowBytes, v_tiles = k_tiles + 2 * kTile;
  const int first = block_x() * (WARPS * 16), kv_head = block_y() / p.heads_per_kv;
  const TYPE* const q = (const TYPE*)p.q.data + block_z() * p.q.outer + block_y() * p.q.head;
  const TYPE* const k = (const TYPE*)p.k.data + block_z() * p.k.outer + kv_head * p.k.head;
  const TYPE* const v = (const TYPE*)p.v.data + block_z() * p.v.outer + kv_head * p.v.head;
  const int tiles = (visible_keys(p, first + WARPS * 16 - 1) + KEYS - 1) / KEYS;

  const auto load_tile = [&](int t) {
    load_rows<KEYS>(k_tiles + t % 2 * kTile, k, p.k.row, t * KEYS, p.keys, p.size);
    load_rows<KEYS>(v_tiles + t % 2 * kTile, v, p.v.row, t * KEYS, p.keys, p.v_size);
  };
  load_rows<WARPS * 16>(q_tile, q, p.q.row, first, p.queries, p.size);
  copy_async_commit();
  if (tiles > 0) load_tile(0);
  copy_async_commit();
  copy_async_wait<1>();
  barrier();
  u32 queries[kQuerySteps][4];
#pragma unroll
  for (int step = 0; step < kQuerySteps; ++step) {
    const int line = warp() * 16 + lane() % 16;
    load_matrix(queries[step], q_tile + line * kRowBytes + swizzle<kChunks>(line, step * 2 + lane() / 16) * 16);
    if (MATH == 1) {
      for (int e = 0; e < 4; ++e) queries[step][e] = to_tf32(f32_of(queries[step][e]));
    }
  }

  Rows rows;
#pragma unroll
  for (int d = 0; d < HEAD / 8; ++d)
    for (int e = 0; e < 4; ++e) rows.sums[d][e] = 0;
  rows.high[0] = rows.high[1] = -infinity();
  rows.total[0] = rows.total[1] = 0;
  const int query = first + warp() * 16 + (lane() >> 2);
  const MASK_TYPE* const masks[2] = {mask_of_row(p, query), mask_of_row(p, query + 8)};
  for (int t = 0; t < tiles; ++t) {
    // Behind the barrier this tile is there for all warps, and none reads the one before any more.
    copy_async_wait<0>();
    barrier();
    if (t + 1 < tiles) load_tile(t + 1);
    copy_async_commit();
    if (first + warp() * 16 >= p.queries) continue;  // this warp only carries data
    // Tiles that every query sees whole need no look at every key, and their masks are on their way while the products are made.
    const bool whole = !SOFTCAP && (t + 1) * KEYS <= p.keys && (!CAUSAL || (t + 1) * KEYS <= first + p.offset + 1);
    const bool plain = whole && (!MASK || p.mask_key == 0 || (t + 1) * KEYS <= p.mask_keys);
    MASK_TYPE mask[MASK ? KEYS / 8 : 1][4];
    if (MASK && plain) load_masks(p, masks, t * KEYS + (lane() & 3) * 2, mask);
    f32 scores[KEYS / 8][4];
    score_tile(scores, queries, k_tiles + t % 2 * kTile);
#pragma unroll
    for (int j = 0; plain && j < KEYS / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        scores[j][e] = MASK ? plain_masked_score(p, mask[MASK ? j : 0][e], scores[j][e]) : scores[j][e] * (p.scale * kLog2E);
      }
    }
#pragma unroll
    for (int j = 0; !plain && j < KEYS / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int key = t * KEYS + j * 8 + (lane() & 3) * 2 + e % 2;
        scores[j][e] = masked_score(p, masks[e / 2], query + e / 2 * 8, key, scores[j][e]);
      }
    }
    weigh(rows, scores);
    add_values(rows, scores, v_tiles + t % 2 * kTile);
  }
  store_rows(p, rows, query);
}
