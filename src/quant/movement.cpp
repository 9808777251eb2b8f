#include "quant/movement.h"

#include <algorithm>

namespace sinter::quant {
namespace {

bool is_one_of(const ir::Node& node, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* name) { return node.is(name); });
}

bool is_plain(const ir::Node& node) { return !node.attributes.has(kEpilogueAttr) && node.subgraphs.empty(); }

bool pads_with_zero(const ir::Node& node) {
  if (node.attributes.s_or("mode", "constant") != "constant") return true;
  const ir::Value* value = node.input(2);
  return !value || (value->is_constant() && value->constant.count() == 1 && value->constant.to_f64()[0] == 0);
}

}  // namespace

bool moves_elements(const ir::Node& node) {
  if (!is_plain(node)) return false;
  if (is_one_of(node, {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Concat", "DepthToSpace", "SpaceToDepth"})) return true;
  if (node.is("MaxPool")) return node.outputs.size() == 1;
  if (node.is("Resize")) return node.attributes.s_or("mode", "nearest") == "nearest" && node.attributes.s_or("coordinate_transformation_mode", "") != "tf_crop_and_resize";
  return node.is("Pad") && pads_with_zero(node);
}

bool selects_elements(const ir::Node& node) { return is_plain(node) && is_one_of(node, {"Slice", "Gather", "Split", "Expand"}); }

size_t moved_inputs(const ir::Node& node) {
  if (node.is("Concat") && moves_elements(node)) return node.inputs.size();
  if (!moves_elements(node) && !selects_elements(node)) return 0;
  return node.input(0) && node.input(0)->is_constant() ? 0 : 1;  // what is taken from a table has ranges of its own
}

}  // namespace sinter::quant
