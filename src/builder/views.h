// Concat, Split and Slice without a copy: pieces that lie side by side in one buffer.
#pragma once

#include <optional>
#include <vector>

#include "builder/node_problem.h"

namespace sinter::builder {

// The pieces of a node's whole: for Concat its inputs within its output, for Split and Slice its outputs within input 0.
struct ViewPieces {
  bool gathers = false;               // Concat
  std::vector<int64_t> offset_bytes;  // of each piece, multiples of kTensorAlignment
};

// Pieces in this layout, nullopt when they would not be contiguous, aligned runs for every value of the symbols.
std::optional<ViewPieces> view_pieces(const Problem& problem, Layout layout);

}  // namespace sinter::builder
