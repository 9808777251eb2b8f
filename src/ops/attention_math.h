// Pieces of the attention operators, in double, on tensors [batch, heads, sequence, size].
#pragma once

#include "core/op_def.h"

namespace sinter::ops {

// [batch, sequence, heads·size] as [batch, heads, sequence, size]; 4-d tensors as they are. Always f64.
Tensor split_heads(const Tensor& tensor, int64_t heads);
// The inverse.
Tensor merge_heads(const Tensor& tensor);
// scale · Q·Kᵀ: [batch, query heads, q, k]; each key head serves consecutive query heads.
Tensor attention_scores(const Tensor& q, const Tensor& k, double scale);
// P·V: [batch, query heads, q, size of v]. A zero probability takes no part, whatever V holds there.
Tensor attention_values(const Tensor& p, const Tensor& v);
// Softmax over the last axis in place; a row that is -inf throughout becomes zeros.
void attention_softmax(Tensor& scores);
// Rounds to the precision and back.
inline void round_to(Tensor& wide, DType dtype) {
  if (dtype != DType::kF64) wide = wide.cast(dtype).cast(DType::kF64);
}

}  // namespace sinter::ops
