// SpaceToDepth: [n, c, h, w] → [n, c·b², h/b, w/b], the inverse of DepthToSpace. Mode DCR: channels are (block row,
// block column, depth); CRD: (depth, block row, block column).
#include "ops/depth_blocks.h"

namespace sinter::ops {
namespace space_to_depth_impl {

Status infer(InferContext& context) {
  return infer_blocks(context, [&](const Shape& x, int64_t b, Shape& output) -> Status {
    for (int axis = 2; axis < 4; ++axis)
      if (x[axis].is_constant() && x[axis].value() % b != 0)
        return context.error(
            fmt::format("axis {} of {} does not divide by blocksize {}; correct the model", axis, to_string(x), b));
    output = {x[0], x[1] * Dim(b * b), floordiv(x[2], b), floordiv(x[3], b)};
    return ok_status();
  });
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  DepthBlocks blocks;
  SINTER_TRY(read_blocks(context, x.dims().size(), blocks));
  const int64_t b = blocks.size;
  const int64_t n = x.dims()[0], c = x.dims()[1], h = x.dims()[2], w = x.dims()[3];
  if (h % b != 0 || w % b != 0)
    return context.error(fmt::format("{} does not divide by blocksize {}; correct the model", to_string(x.dims()), b));
  // Walked in the output's order: [n, block row, block column, c, h/b, w/b] or [n, c, block row, block column, h/b,
  // w/b].
  const Dims walk = blocks.depth_first ? Dims{n, b, b, c, h / b, w / b} : Dims{n, c, b, b, h / b, w / b};
  const Dims strides =
      blocks.depth_first ? Dims{c * h * w, w, 1, h * w, b * w, b} : Dims{c * h * w, h * w, w, 1, b * w, b};
  return move_blocks(context, {n, c * b * b, h / b, w / b}, walk, strides);
}

}  // namespace space_to_depth_impl

OpDef define_space_to_depth() {
  OpDef op = depth_blocks_op("SpaceToDepth");
  op.infer = space_to_depth_impl::infer;
  op.evaluate = space_to_depth_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
