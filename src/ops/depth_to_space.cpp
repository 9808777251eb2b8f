// DepthToSpace: [n, c, h, w] → [n, c/b², h·b, w·b]. Mode DCR: channels are (block row, block column, depth); CRD:
// (depth, block row, block column).
#include "ops/depth_blocks.h"

namespace sinter::ops {
namespace depth_to_space_impl {

Status infer(InferContext& context) {
  return infer_blocks(context, [&](const Shape& x, int64_t b, Shape& output) -> Status {
    if (x[1].is_constant() && x[1].value() % (b * b) != 0)
      return context.error(
          fmt::format("{} channels do not divide by blocksize² {}; correct the model", x[1].value(), b * b));
    output = {x[0], floordiv(x[1], b * b), x[2] * Dim(b), x[3] * Dim(b)};
    return ok_status();
  });
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
  return move_blocks(context, {n, depth, h * b, w * b}, {n, depth, h, b, w, b},
                     {c * plane, depth_stride, w, row_stride, 1, column_stride});
}

}  // namespace depth_to_space_impl

OpDef define_depth_to_space() {
  OpDef op = depth_blocks_op("DepthToSpace");
  op.infer = depth_to_space_impl::infer;
  op.evaluate = depth_to_space_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
