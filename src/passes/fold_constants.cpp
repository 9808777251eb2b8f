// fold_constants: a node whose inputs are all constant becomes its outputs, computed by the reference kernel.
//
//   %y = Add(%c1, %c2)       →   %y = const …
//
// Never for random operators, nodes with bodies, dequantization, or outputs much larger than the inputs (an Expand of a constant would
// fill the engine). Exact: the reference kernel is what would run.
#include <algorithm>

#include "passes/match.h"

namespace sinter::passes {
namespace fold_constants_impl {

// What an output may have beyond the bytes of its inputs: small index and mask tensors may grow, weights may not.
constexpr int64_t kExtraBytes = 1 << 20;
// Outputs of unknown size are computed from no more than this.
constexpr int64_t kUnknownSizeInputBytes = 1 << 16;

// A quantized product wants the whole numbers (fuse_quantized_product); fold_dequantize folds what is left.
bool is_kept(const Node& node) { return node.is("DequantizeLinear"); }

// "" when the sizes allow folding.
std::string too_large(const Node& node, int64_t input_bytes) {
  int64_t output_bytes = 0;
  for (const IrValue* output : node.outputs) {
    if (!output) continue;
    const auto dims = static_dims(output);
    if (!dims) return input_bytes > kUnknownSizeInputBytes ? "output of unknown size from large inputs" : "";
    int64_t count = 1;
    for (int64_t dim : *dims) {
      if (__builtin_mul_overflow(count, dim, &count)) return "output size overflows";
    }
    if (count > (INT64_MAX >> 8)) return "output size overflows";
    output_bytes += dtype_bytes(output->type.dtype, count);
  }
  if (output_bytes <= input_bytes + kExtraBytes) return "";
  return fmt::format("output of {} bytes from {} bytes of inputs", output_bytes, input_bytes);
}

}  // namespace fold_constants_impl

Outcome fold_constants(Graph& graph, Node& node) {
  using namespace fold_constants_impl;
  if (!node.subgraphs.empty() || node.op->is(kNondeterministic) || node.op->is(kControlFlow)) return NoMatch{};
  std::vector<Tensor> inputs;
  int64_t input_bytes = 0;
  for (const IrValue* input : node.inputs) {
    const Tensor* constant = constant_of(input);
    if (input && !constant) return NoMatch{};
    inputs.push_back(constant ? *constant : Tensor());
    if (constant) input_bytes += constant->bytes();
  }
  if (node.outputs.empty() || std::count(node.outputs.begin(), node.outputs.end(), nullptr) > 0) {
    return decline("an output without name");
  }
  if (is_kept(node)) return decline("kept for quantization");
  for (const IrValue* output : node.outputs) {
    if (!output->type.is_tensor()) return decline("output '{}' is no tensor", output->name);
  }
  if (std::string reason = too_large(node, input_bytes); !reason.empty()) return Declined{std::move(reason)};
  auto results = compute(node.op, node.attributes, inputs, static_cast<int>(node.outputs.size()));
  if (!results.ok()) return decline("the reference kernel refused: {}", results.status().message());
  int64_t result_bytes = 0;
  for (const Tensor& result : *results) result_bytes += result.bytes();
  if (result_bytes > input_bytes + kExtraBytes) return decline("output of {} bytes from {} bytes of inputs", result_bytes, input_bytes);
  Patch patch(graph, node);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    patch.replace(node.outputs[i], patch.add_constant(node.outputs[i]->name, std::move((*results)[i])));
  }
  return patch;
}

}  // namespace sinter::passes
