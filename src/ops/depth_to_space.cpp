// DepthToSpace: [n, c, h, w] → [n, c/b², h·b, w·b]. Mode DCR: channels are (block row, block column, depth); CRD:
// (depth, block row, block column).
#include "ops/depth_blocks.h"

namespace sinter::ops {
namespace depth_to_space_impl {

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  std::optional<Shape> output;
  if (input) {
    DepthBlocks blocks;
    SINTER_TRY(read_blocks(context, input->size(), blocks));
    const Shape& x = *input;
    const int64_t block = blocks.size;
    if (x[1].is_constant() && x[1].value() % (block * block) != 0)
      return context.error(
          fmt::format("{} channels do not divide by blocksize² {}; correct the model", x[1].value(), block * block));
    output = Shape{x[0], floordiv(x[1], block * block), x[2] * Dim(block), x[3] * Dim(block)};
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  DepthBlocks blocks;
  SINTER_TRY(read_blocks(context, x.dims().size(), blocks));
  const int64_t b = blocks.size;
  const int64_t n = x.dims()[0], c = x.dims()[1], h = x.dims()[2], w = x.dims()[3], depth = c / (b * b);
  if (depth * b * b != c)
    return context.error(fmt::format("{} channels do not divide by blocksize² {}; correct the model", c, b * b));
  // Walked in the output's order [n, depth, h, block row, w, block column].
  const int64_t plane = h * w;
  const int64_t depth_stride = blocks.depth_first ? plane : b * b * plane;
  const int64_t row_stride = blocks.depth_first ? b * depth * plane : b * plane,
                column_stride = blocks.depth_first ? depth * plane : plane;
  const Dims walk{n, depth, h, b, w, b};
  const Region from{0, {c * plane, depth_stride, w, row_stride, 1, column_stride}};
  return move_data(context, 0, x, {n, depth, h * b, w * b}, [&](const Tensor& source, Tensor& target) {
    copy_region(source, from, target, {0, row_major_strides(walk)}, walk);
    return ok_status();
  });
}

}  // namespace depth_to_space_impl

OpDef define_depth_to_space() {
  OpDef op = depth_blocks_op("DepthToSpace");
  op.infer = depth_to_space_impl::infer;
  op.evaluate = depth_to_space_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
