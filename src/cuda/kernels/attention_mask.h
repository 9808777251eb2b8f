// What both attention kernels do to a score. Uses their compile-time names: MASK (0 none, 1 added, 2 true keeps), MASK_TYPE, CAUSAL, SOFTCAP.
#pragma once

constexpr f32 kLog2E = 1.4426950408889634f;

// The score in units of log2: -infinity where masked, whatever it was.
SINTER_DEVICE f32 masked_score(const AttentionParams& p, const MASK_TYPE* mask_row, int query, int key, f32 product) {
  f32 score = product * p.scale;
  if (SOFTCAP) score = p.softcap * tanhf(score / p.softcap);
  if (key >= p.keys || (CAUSAL && key > query + p.offset)) return -infinity();
  if (MASK) {
    if (p.mask_key != 0 && key >= p.mask_keys) return -infinity();
    const f32 m = to_f32(mask_row[key * p.mask_key]);
    if (MASK == 2) {
      if (m == 0) return -infinity();
    } else {
      if (m == -infinity()) return m;
      score += m;
    }
  }
  return score * kLog2E;
}
// The same where neither an edge nor CAUSAL or SOFTCAP hides a key; `mask` is the mask's element, asked for long before.
SINTER_DEVICE f32 plain_masked_score(const AttentionParams& p, MASK_TYPE mask, f32 product) {
  const f32 m = to_f32(mask);
  if (MASK == 2) return m == 0 ? -infinity() : product * p.scale * kLog2E;
  return m == -infinity() ? m : (product * p.scale + m) * kLog2E;
}
SINTER_DEVICE const MASK_TYPE* mask_of_row(const AttentionParams& p, int query) {
  if (!MASK) return nullptr;
  const int row = query < p.queries ? query : 0;
  return (const MASK_TYPE*)p.mask.data + block_z() * p.mask.outer + block_y() * p.mask.head + row * p.mask.row;
}
// Keys that some query of the block sees.
SINTER_DEVICE int visible_keys(const AttentionParams& p, int last_query) {
  if (!CAUSAL) return p.keys;
  const int end = last_query + p.offset + 1;
  return end < 0 ? 0 : end < p.keys ? end : p.keys;
}
