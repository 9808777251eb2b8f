#include "quant/strip.h"

#include <vector>

namespace sinter::quant {

int64_t strip_quantization(ir::Graph& graph) {
  int64_t stripped = 0;
  std::vector<ir::Node*> ends;
  for (const auto& node : graph.nodes()) {
    if (node->is("DequantizeLinear")) ends.push_back(node.get());
  }
  for (ir::Node* node : ends) {
    const ir::Value* narrow = node->input(0);
    const ir::Node* start = narrow ? narrow->producer : nullptr;
    if (!start || !start->is("QuantizeLinear")) continue;
    ir::Value *wide = start->input(0), *again = node->output();
    if (graph.is_output(again) || !wide->type.is_tensor() || wide->type.dtype != again->type.dtype) continue;
    const std::vector<ir::Node*> users = graph.users(again);  // nodes that own a body which reads it keep doing so
    for (ir::Node* user : users) {
      for (ir::Value*& input : user->inputs) {
        if (input == again) input = wide;
      }
    }
    graph.changed();
    ++stripped;
  }
  return stripped;
}

}  // namespace sinter::quant
