// fuse_pointwise: a program whose only reader is another program becomes part of it; chains and small DAGs become one node.
//
//   %a = Pointwise(%x, %y) "2 | add(0,1) | 2"
//   %z = Pointwise(%a) "1 | relu(0) | 1"          →   %z = Pointwise(%x, %y) "2 | add(0,1) relu(2) | 3"
//
// Only where nothing is computed twice: the producer has one user and the consumer's shape (else its work would be repeated along
// the broadcast dims). f32 results are the same bits; f16 and bf16 skip the rounding in between.
#include "passes/match.h"
#include "passes/program.h"

namespace sinter::passes {
namespace fuse_pointwise_impl {

// What a vectorised interpreter keeps in registers and first-level cache tiles.
constexpr size_t kMaxInputs = 8, kMaxInstructions = 48;

}  // namespace fuse_pointwise_impl

Outcome fuse_pointwise(Graph& graph, Node& node) {
  using namespace fuse_pointwise_impl;
  const auto consumer = program_of(node);
  if (!consumer || node.outputs.size() != 1 || has_epilogue(node)) return NoMatch{};
  std::string reason;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    IrValue* between = node.inputs[i];
    const Node* first = between->producer;
    const auto producer = first ? program_of(*first) : std::nullopt;
    if (!producer || has_epilogue(*first) || first->outputs.size() != 1) continue;
    if (!used_once(between)) {
      reason = fmt::format("'{}' has {} uses", between->name, graph.use_count(between));
      continue;
    }
    if (!same_shape(between, node.output())) {
      reason = fmt::format("'{}' of type {} is broadcast", between->name, between->type.to_string());
      continue;
    }
    PointwiseProgram program = compose(*producer, 0, *consumer, static_cast<int>(i));
    std::vector<IrValue*> inputs = first->inputs;
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      if (k != i) inputs.push_back(node.inputs[k]);
    }
    merge_equal_inputs(program, inputs);
    if (inputs.size() > kMaxInputs || program.code.size() > kMaxInstructions) {
      reason = fmt::format("{} inputs and {} instructions; at most {} and {}", inputs.size(), program.code.size(), kMaxInputs,
                           kMaxInstructions);
      continue;
    }
    Patch patch(graph, node);
    Node* made = add_pointwise(patch, node.name, program, inputs, node.output()->type.dtype, {first, &node});
    patch.replace(node.output(), made->output());
    patch.describe(fmt::format("'{}' into {}", first->name, program.to_string()));
    return patch;
  }
  if (!reason.empty()) return Declined{std::move(reason)};
  return NoMatch{};
}

}  // namespace sinter::passes
