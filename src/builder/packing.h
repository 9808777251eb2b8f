// Finds out how a tactic packs a weight, so that the engine stores it once (plan/packed_weight.h).
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "plan/packed_weight.h"
#include "tactic/tactic.h"

namespace sinter::builder {

// The place of constant `input` in `blobs`, what prepare made of `constants`. prepare is run again on numbered elements to see where each
// goes; the answer is then checked bit by bit on the real weight. nullopt: the packing does more than permute by blocks and pad (or the
// weight is too small to matter), so the weight is stored beside it. `blob` of the result is an index into `blobs`.
std::optional<plan::PackedWeight> find_packing(const Tactic& tactic, const Problem& problem, const Offer& offer, std::span<const Tensor> constants,
                                               size_t input, std::span<const Tensor> blobs);

}  // namespace sinter::builder
