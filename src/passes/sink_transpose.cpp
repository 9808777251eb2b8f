// sink_transpose: a transpose moves behind elementwise work, where it meets other transposes and vanishes.
//
//   Relu(Transpose(%x))                       →   Transpose(Relu(%x))
//   Add(Transpose<p>(%x), Transpose<p>(%y))   →   Transpose<p>(Add(%x, %y))
//   Mul(Transpose<p>(%x), %c)                 →   Transpose<p>(Mul(%x, %c'))     c' is the constant with its axes moved back
//
// Only for transposes with one user (else there would be more of them afterwards). Exact.
#include "passes/match.h"

namespace sinter::passes {
namespace sink_transpose_impl {

const std::vector<int64_t>* perm_of(const IrValue* value) {
  const Node* node = producer(value, "Transpose");
  return node ? node->attributes.find_as<std::vector<int64_t>>("perm") : nullptr;
}

// The constant as the operand of the not yet transposed work: axis perm[i] of the result is its axis i.
std::optional<Tensor> moved_back(const Tensor& tensor, const std::vector<int64_t>& perm) {
  if (tensor.count() == 1) return tensor.rank() <= static_cast<int>(perm.size()) ? std::optional<Tensor>(tensor) : std::nullopt;
  if (tensor.rank() > static_cast<int>(perm.size())) return std::nullopt;
  Dims padded(perm.size() - tensor.rank(), 1);
  padded.insert(padded.end(), tensor.dims().begin(), tensor.dims().end());
  std::vector<int64_t> inverse(perm.size());
  for (size_t i = 0; i < perm.size(); ++i) inverse[perm[i]] = static_cast<int64_t>(i);
  Attributes attributes;
  attributes.set("perm", inverse);
  auto turned = compute(op("Transpose"), attributes, {tensor.reshaped(padded)});
  if (!turned.ok()) return std::nullopt;
  return (*turned)[0];
}

}  // namespace sink_transpose_impl

Outcome sink_transpose(Graph& graph, Node& node) {
  using namespace sink_transpose_impl;
  if (!node.op->is(kElementwise) || !node.op->domain.empty() || has_epilogue(node) || node.outputs.size() != 1) return NoMatch{};
  const std::vector<int64_t>* perm = nullptr;
  for (const IrValue* input : node.inputs) {
    if (input && perm_of(input)) perm = perm_of(input);
  }
  if (!perm || rank_of(node.output()) != static_cast<int>(perm->size())) return NoMatch{};
  Patch patch(graph, node);
  std::vector<IrValue*> inputs;
  std::vector<const Node*> sources{&node};
  for (IrValue* input : node.inputs) {
    const auto* own = perm_of(input);
    const Tensor* constant = constant_of(input);
    if (!input) {
      inputs.push_back(nullptr);
    } else if (own) {
      if (*own != *perm) return decline("its inputs are transposed differently");
      if (only_user(input) != &node) return decline("'{}' has {} uses", input->name, graph.use_count(input));
      inputs.push_back(input->producer->input(0));
      sources.push_back(input->producer);
    } else if (constant) {
      auto moved = moved_back(*constant, *perm);
      if (!moved) return decline("constant '{}' can't be moved", input->name);
      const bool same = moved->identical(*constant);
      inputs.push_back(same ? input : patch.add_constant(input->name, std::move(*moved), {input}));
    } else {
      return decline("'{}' is not transposed", input->name);
    }
  }
  Node* work = patch.add_node(node.op, node.name, inputs, 1, node.attributes, sources);
  Attributes attributes;
  attributes.set("perm", *perm);
  Node* transpose = patch.add_node(op("Transpose"), node.name + "_transpose", {work->output()}, 1, std::move(attributes), {&node});
  patch.replace(node.output(), transpose->output());
  return patch;
}

}  // namespace sinter::passes
