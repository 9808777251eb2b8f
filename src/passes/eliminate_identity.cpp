// eliminate_identity: nodes that change nothing.
//
//   Identity, Dropout when not training or of ratio 0, Cast to the type it has, Reshape/Flatten/Squeeze/Unsqueeze/Expand to the shape it has,
//   Slice of everything, Pad by nothing, Tile once, Concat/Sum/Max/Min/Mean of one, Split into one, x * 1, x / 1, x + 0, x - 0
//   → their input. (x + 0 turns -0 into 0, which is equal.)
#include <algorithm>

#include "passes/match.h"

namespace sinter::passes {
namespace eliminate_identity_impl {

bool all_are(const std::vector<int64_t>& list, int64_t wanted) {
  return std::all_of(list.begin(), list.end(), [&](int64_t entry) { return entry == wanted; });
}

// The value that output 0 equals, null when none. `reason`: why not although it nearly was.
IrValue* equal_operand(const Graph& graph, const Node& node, std::string& reason) {
  IrValue* x = node.input(0);
  IrValue* y = node.output();
  const std::string& name = node.op->name;
  auto one_of = [&](std::initializer_list<std::string_view> names) { return std::find(names.begin(), names.end(), name) != names.end(); };
  if (name == "Identity") return x;
  if (name == "Dropout") {
    if (node.output(1) && graph.use_count(node.output(1)) > 0) return reason = "its mask is used", nullptr;
    if (!node.input(2)) return x;
    if (is_scalar(node.input(1), 0)) return x;  // what functional calls that never switch training off leave behind
    const Tensor* training = constant_of(node.input(2));
    if (!training || training->to_i64()[0] != 0) return reason = "it may be training", nullptr;
    return x;
  }
  if (one_of({"Cast", "CastLike"})) return same_dtype(x, y) ? x : nullptr;
  if (one_of({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand"})) return same_shape(x, y) ? x : nullptr;
  if (name == "Slice") {
    if (!same_shape(x, y)) return nullptr;
    const auto steps = ints_of(node.input(4));
    if (node.input(4) && (!steps || !all_are(*steps, 1))) return reason = "its steps are not 1", nullptr;
    return x;
  }
  if (one_of({"Pad", "Tile"})) {
    const auto amounts = ints_of(node.input(1));
    return amounts && all_are(*amounts, name == "Pad" ? 0 : 1) ? x : nullptr;
  }
  if (one_of({"Concat", "Sum", "Max", "Min", "Mean"})) return node.inputs.size() == 1 ? x : nullptr;
  if (name == "Split") return node.outputs.size() == 1 ? x : nullptr;
  if (name == "Transpose") {
    const auto* perm = node.attributes.find_as<std::vector<int64_t>>("perm");
    return perm && std::is_sorted(perm->begin(), perm->end()) ? x : nullptr;
  }
  const double neutral = one_of({"Mul", "Div"}) ? 1 : 0;
  if (!one_of({"Mul", "Div", "Add", "Sub"}) || node.inputs.size() != 2) return nullptr;
  if (is_scalar(node.inputs[1], neutral)) return same_shape(x, y) ? x : nullptr;
  if (one_of({"Mul", "Add"}) && is_scalar(x, neutral)) return same_shape(node.inputs[1], y) ? node.inputs[1] : nullptr;
  return nullptr;
}

}  // namespace eliminate_identity_impl

Outcome eliminate_identity(Graph& graph, Node& node) {
  if (!node.op->domain.empty() || has_epilogue(node) || !node.output()) return NoMatch{};
  std::string reason;
  IrValue* operand = eliminate_identity_impl::equal_operand(graph, node, reason);
  if (!reason.empty()) return Declined{std::move(reason)};
  if (!operand) return NoMatch{};
  Patch patch(graph, node);
  patch.replace(node.output(), operand);
  return patch;
}

}  // namespace sinter::passes
