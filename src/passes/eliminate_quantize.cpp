// eliminate_quantize: whole numbers that are scaled and quantized again by the same scale are what they were.
//
//   QuantizeLinear(DequantizeLinear(%q, s, z), s, z)   →   %q
//
// Exact for one scale for all elements: (q - z)·s / s rounds to q - z.
#include "passes/quantization.h"

namespace sinter::passes {

Outcome eliminate_quantize(Graph& graph, Node& node) {
  if (!node.is("QuantizeLinear")) return NoMatch{};
  const Node* before = producer(node.input(0), "DequantizeLinear");
  if (!before) return NoMatch{};
  if (!same_quantization(node, *before)) return decline("the scales, zero points or types differ, or are along an axis");
  Patch patch(graph, node);
  patch.replace(node.output(), before->input(0));
  return patch;
}

}  // namespace sinter::passes
