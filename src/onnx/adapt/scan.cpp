// Scan of opset 8 carried a batch axis in front of every input and output, and lengths of the sequences as input 0.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

namespace {

Status unsupported(const AdaptContext& context, const std::string& found) {
  return context.error(found, "one sequence in the batch, of full length", "export with opset 9 or newer");
}

}  // namespace

// A batch of one is the newer form with the axis taken away.
Status adapt_scan(AdaptContext& context) {
  PendingNode& node = context.node;
  if (context.input(0)) return unsupported(context, "input 'sequence_lens' of opset 8's Scan");
  if (node.inputs.empty()) return ok_status();
  node.inputs.erase(node.inputs.begin());
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Shape* shape = context.shape(i);
    if (!shape || shape->empty() || !(*shape)[0].is(1)) {
      return unsupported(
          context, fmt::format("opset 8's Scan with input {} of shape {}", i, shape ? to_string(*shape) : "unknown"));
    }
    ir::Value* squeezed = context.emit("Squeeze", {node.inputs[i], context.constant_i64("batch_axis", {0})});
    if (!squeezed) return unsupported(context, "opset 8's Scan without the operator Squeeze");
    node.inputs[i] = squeezed;
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    context.wrap_output(i, "Unsqueeze", {context.constant_i64("batch_axis", {0})});
  }
  if (const auto* directions = node.attributes.find_as<std::vector<int64_t>>("directions")) {
    const AttrValue value = *directions;
    node.attributes.erase("directions");
    node.attributes.set("scan_input_directions", value);
  }
  return ok_status();
}

}  // namespace sinter::onnx
