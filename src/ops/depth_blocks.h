// What DepthToSpace and SpaceToDepth share: the parameters and how they are read. Each moves b × b blocks, b the
// attribute blocksize, between the channels and the plane.
#pragma once

#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {

struct DepthBlocks {
  int64_t size = 0;  // of a block's sides
  bool depth_first =
      true;  // mode DCR: channels are (block row, block column, depth); CRD: (depth, block row, block column)
};

// Reads the attributes; an error too when the input does not have `rank` 4.
template <typename Context>
Status read_blocks(const Context& context, size_t rank, DepthBlocks& blocks) {
  blocks.size = context.attributes().i("blocksize");
  const std::string& mode = context.attributes().s("mode");
  blocks.depth_first = mode == "DCR";
  if (rank != 4 || blocks.size < 1 || blocks.size > INT32_MAX || (mode != "DCR" && mode != "CRD"))
    return context.error(fmt::format(
        "rank {}, blocksize {}, mode '{}': expected rank 4, a positive block and DCR or CRD; correct the model", rank,
        blocks.size, mode));
  return ok_status();
}

inline OpDef depth_blocks_op(std::string name) {
  OpDef op(std::move(name), 1);
  op.input("input", "T")
      .output("output", "T")
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .attr("blocksize", AttrKind::kInt, true)
      .attr("mode", std::string("DCR"))
      .fact(kMovesData);
  return op;
}

}  // namespace sinter::ops
