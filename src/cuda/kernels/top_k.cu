// TopK of TYPE along lines of `length` elements, `inner` apart: a block a line. A key is an element's rank (its order as an unsigned number) and
// 2^32 - 1 minus its index, so that no two are equal and the best is the largest: NaN above all numbers, zeros of both signs equal, of equals
// the lower index. The k-th key is found byte by byte from the top, all keys from it on are collected and sorted.
#include "device.h"

struct Key {
  u64 rank;
  u32 place, padding;
};

SINTER_DEVICE u64 rank_of(f32 x) {
  if (is_nan(x)) return 0xffffffffu;
  const u32 bits = x == 0.0f ? 0u : bits_of(x);
  return bits >> 31 ? (u32)~bits : bits | 0x80000000u;
}
SINTER_DEVICE u64 rank_of(f16 x) { return rank_of(to_f32(x)); }
SINTER_DEVICE u64 rank_of(bf16 x) { return rank_of(to_f32(x)); }
SINTER_DEVICE u64 rank_of(i32 x) { return (u32)x ^ 0x80000000u; }
SINTER_DEVICE u64 rank_of(i64 x) { return (u64)x ^ 0x8000000000000000ull; }

SINTER_DEVICE Key key_of(const TYPE* line, i64 index, i64 inner, i32 largest) {
  const u64 rank = rank_of(line[index * inner]), all = sizeof(TYPE) == 8 ? ~0ull : 0xffffffffull;
  Key key;
  key.rank = largest ? rank : all - rank;
  key.place = 0xffffffffu - (u32)index;
  key.padding = 0;
  return key;
}
SINTER_DEVICE bool above(const Key& a, const Key& b) { return a.rank != b.rank ? a.rank > b.rank : a.place > b.place; }
// Byte number `digit` of a key from the top: 8 of the rank, 4 of the place.
SINTER_DEVICE u32 byte_of(const Key& key, int digit) {
  return digit < 8 ? (u32)(key.rank >> (56 - 8 * digit)) & 255u : (key.place >> (88 - 8 * digit)) & 255u;
}
// Whether the first `digits` bytes are equal.
SINTER_DEVICE bool same_prefix(const Key& a, const Key& b, int digits) {
  if (digits == 0) return true;
  if (digits <= 8) return ((a.rank ^ b.rank) >> (64 - 8 * digits)) == 0;
  return a.rank == b.rank && ((a.place ^ b.place) >> (96 - 8 * digits)) == 0;
}

enum { kSharedKeys = 1024 };

// `size`: the power of two from k on; `spare`: room for so many keys a line, for lines of more than kSharedKeys.
SINTER_KERNEL(top_k, 1024, (const TYPE* from, TYPE* values, i64* indices, Key* spare, i64 length, i64 inner, i64 k, i64 size, i32 largest)) {
  after_previous();
  SINTER_SHARED u32 counts[256];
  SINTER_SHARED Key shared[kSharedKeys];
  SINTER_SHARED Key least;  // the k-th key, as far as it is known
  SINTER_SHARED u32 wanted, collected;
  const i64 line = block_x();
  from += line / inner * length * inner + line % inner;
  Key* keys = size <= kSharedKeys ? shared : spare + line * size;
  if (thread_x() == 0) {
    least.rank = 0;
    least.place = 0;
    wanted = (u32)k;
    collected = 0;
  }
  barrier();
  for (int digit = sizeof(TYPE) == 8 ? 0 : 4; digit < 12; ++digit) {
    for (int i = thread_x(); i < 256; i += block_threads()) counts[i] = 0;
    barrier();
    for (i64 i = thread_x(); i < length; i += block_threads()) {
      const Key key = key_of(from, i, inner, largest);
      if (same_prefix(key, least, digit)) atomic_add_shared(&counts[byte_of(key, digit)], 1u);
    }
    barrier();
    if (thread_x() == 0) {
      u32 byte = 255;
      while (byte > 0 && counts[byte] < wanted) wanted -= counts[byte--];
      if (digit < 8) least.rank |= (u64)byte << (56 - 8 * digit);
      else least.place |= byte << (88 - 8 * digit);
      if (counts[byte] == wanted) wanted = 0;  // all with this prefix: what is known of the key is low enough
    }
    barrier();
    if (wanted == 0) break;
  }
  for (i64 i = thread_x(); i < length; i += block_threads()) {
    const Key key = key_of(from, i, inner, largest);
    if (!above(least, key)) keys[atomic_add_shared(&collected, 1u)] = key;
  }
  for (i64 i = k + thread_x(); i < size; i += block_threads()) {
    keys[i].rank = 0;
    keys[i].place = 0;
  }
  barrier();
  for (i64 run = 2; run <= size; run *= 2) {
    for (i64 step = run / 2; step > 0; step /= 2) {
      for (i64 i = thread_x(); i < size; i += block_threads()) {
        const i64 other = i ^ step;
        if (other <= i) continue;
        const Key a = keys[i], b = keys[other];
        if (((i & run) == 0) == above(b, a) && (above(a, b) || above(b, a))) {
          keys[i] = b;
          keys[other] = a;
        }
      }
      barrier();
    }
  }
  const i64 to = line / inner * k * inner + line % inner;
  for (i64 i = thread_x(); i < k; i += block_threads()) {
    const i64 index = 0xffffffffu - keys[i].place;
    if (values) values[to + i * inner] = from[index * inner];
    if (indices) indices[to + i * inner] = index;
  }
}
