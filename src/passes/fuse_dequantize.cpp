// fuse_dequantize: whoever computes with dequantized values reads the whole numbers and scales them itself.
//
//   %f = Pointwise(%q) "1 | const(0.5) mul(0,1) | 2"      (%q: i8; %f has several readers)
//   %y = Pointwise(%f, %x) "2 | add(0,1) | 2"             →   %y = Pointwise(%q, %x) "2 | const(0.5) mul(0,2) add(3,1) | 4"
//
// Also into the epilogue of a quantized product. It repeats one or two operations an element for each reader and saves three quarters of
// what each reads. Exact.
#include "passes/program.h"
#include "passes/quantization.h"

namespace sinter::passes {
namespace fuse_dequantize_impl {

constexpr size_t kMostSteps = 5, kMostInputs = 8, kMostInstructions = 48;

// The program that widens 8-bit values by constants, and nothing else.
std::optional<PointwiseProgram> widening(const IrValue* value) {
  const Node* node = value ? value->producer : nullptr;
  if (!node || node->inputs.size() != 1 || node->outputs.size() != 1 || has_epilogue(*node) || !is_8bit(node->input(0)) || is_8bit(value)) return std::nullopt;
  auto program = program_of(*node);
  if (!program || program->code.size() > kMostSteps) return std::nullopt;
  return program;
}

}  // namespace fuse_dequantize_impl

Outcome fuse_dequantize(Graph& graph, Node& node) {
  using namespace fuse_dequantize_impl;
  const bool product = is_quantized_product(node) && has_epilogue(node);
  std::optional<PointwiseProgram> own;
  if (product) {
    auto parsed = PointwiseProgram::parse(node.attributes.s(kEpilogueAttr));
    if (parsed.ok()) own = std::move(parsed).value();
  } else if (!has_epilogue(node)) {
    own = program_of(node);
  }
  if (!own || node.outputs.size() != 1) return NoMatch{};
  const size_t base = product ? static_cast<size_t>(node.attributes.i(kEpilogueBaseAttr)) : 0;
  const size_t shift = product ? 1 : 0;  // operand 0 of an epilogue is the product
  for (size_t i = base; i < node.inputs.size(); ++i) {
    const auto first = widening(node.inputs[i]);
    if (!first) continue;
    const Node* source = node.inputs[i]->producer;
    if (own->code.size() + first->code.size() > kMostInstructions || node.inputs.size() > kMostInputs + base) return decline("the program would be too long");
    const size_t at = i - base + shift;
    // compose puts the producer's operands first: the order is restored.
    PointwiseProgram program = compose(*first, 0, *own, static_cast<int>(at));
    std::vector<int> order{static_cast<int>(at)};
    for (int k = 0; k < own->inputs; ++k) {
      if (k != static_cast<int>(at)) order.push_back(k);
    }
    program = renumber_inputs(program, order, own->inputs);
    std::vector<IrValue*> inputs = node.inputs;
    inputs[i] = source->input(0);
    Patch patch(graph, node);
    Attributes attributes = node.attributes;
    attributes.set(std::string(product ? kEpilogueAttr : "program"), program.to_string());
    const Node* made = patch.add_node(node.op, node.name, inputs, 1, std::move(attributes), {&node, source});
    patch.replace(node.output(), made->output());
    return patch;
  }
  return NoMatch{};
}

}  // namespace sinter::passes
