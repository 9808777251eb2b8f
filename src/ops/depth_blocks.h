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

// The shape rule: output 0 has input 0's dtype and the shape that rule(input shape, blocksize, output shape) sets.
template <typename Rule>
Status infer_blocks(InferContext& context, Rule rule) {
  std::optional<Shape> output;
  if (const Shape* input = context.input_shape(0)) {
    DepthBlocks blocks;
    SINTER_TRY(read_blocks(context, input->size(), blocks));
    SINTER_TRY(rule(*input, blocks.size, output.emplace()));
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

// output 0 of `dims` = input 0 read with `strides`; both walk as `walk`, in the output's order.
inline Status move_blocks(EvalContext& context, const Dims& dims, const Dims& walk, const Dims& strides) {
  return move_data(context, 0, context.tensor(0), dims, [&](const Tensor& source, Tensor& target) {
    copy_region(source, {0, strides}, target, {0, row_major_strides(walk)}, walk);
    return ok_status();
  });
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
