// Tile until opset 5 repeated along one axis: inputs tiles and axis became a list of repeats.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_tile(AdaptContext& context) {
  const ir::Value* tiles = context.input(1);
  const ir::Value* axis = context.input(2);
  const int rank = context.rank(0);
  if (!axis) return ok_status();
  if (rank < 0 || !tiles || !tiles->is_constant() || !axis->is_constant() || tiles->constant.count() != 1 ||
      axis->constant.count() != 1) {
    return context.error("tiles or axis that are not constant", "one constant number each",
                         "export with opset 6 or newer");
  }
  const double at = axis->constant.to_f64()[0], count = tiles->constant.to_f64()[0];
  if (!(at >= 0 && at < rank) || !(count >= 0 && count < 1e12)) {
    return context.error(fmt::format("{} tiles along axis {}", count, at), fmt::format("an axis of 0 to {}", rank - 1),
                         "export the model again");
  }
  std::vector<int64_t> repeats(static_cast<size_t>(rank), 1);
  repeats[static_cast<size_t>(at)] = static_cast<int64_t>(count);
  context.node.inputs.resize(1);
  context.set_input(1, context.constant_i64("repeats", repeats));
  return ok_status();
}

}  // namespace sinter::onnx
