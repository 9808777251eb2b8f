// What the attention kernels (attention.cu, attention_fma.cu) are told at launch: included by kernel text and by C++, so plain types only.
#pragma once

namespace sinter_kernels {

// Element (batch, head, row, i) is at batch * outer + head * head + row * row + i.
struct AttentionTensor {
  void* data;
  long long outer, head, row;
};

// y = softmax(softcap(scale * q·kᵀ) + mask)·v. Query i stands at position i + offset; causal: it sees keys up to that position.
struct AttentionParams {
  AttentionTensor q, k, v, y;
  AttentionTensor mask;     // element (batch, head, query, key): strides 0 where it broadcasts
  long long mask_key;       // stride along keys, 0 or 1
  int mask_keys;            // keys that the mask covers; those behind are masked
  int queries, keys, heads_per_kv, size, v_size;
  int offset;
  float scale, softcap;
};

}  // namespace sinter_kernels
