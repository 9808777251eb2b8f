// fuse_quantized_pool: the mean over an image of dequantized values is that of the whole numbers, and may be quantized at once.
//
//   %y = GlobalAveragePool(DequantizeLinear(%x, s, z))             →   %y = sinter.IntegerGlobalAveragePool(%x, s, z)
//   %q = QuantizeLinear(IntegerGlobalAveragePool(%x, s, z), t, u)  →   %q = sinter.IntegerGlobalAveragePool(%x, s, z, t, u)
//
// ReduceMean over all spatial axes likewise. One constant scale and zero point each, the latter where nobody else reads the mean. The sum becomes
// exact; the f32 sum of the dequantized values differs from it in the last bits.
#include <algorithm>

#include "passes/quantization.h"

namespace sinter::passes {
namespace fuse_quantized_pool_impl {

bool is_mean_of_images(const Node& node) {
  if (has_epilogue(node)) return false;
  const int rank = rank_of(node.input(0));
  if (node.is("GlobalAveragePool")) return rank >= 3;
  if (!node.is("ReduceMean") || rank < 3 || node.attributes.i_or("keepdims", 1) == 0 || !node.input(1)) return false;
  auto axes = ints_of(node.input(1));
  if (!axes || axes->size() != static_cast<size_t>(rank) - 2) return false;
  for (int64_t& axis : *axes) axis += axis < 0 ? rank : 0;
  std::sort(axes->begin(), axes->end());
  for (size_t i = 0; i < axes->size(); ++i) {
    if ((*axes)[i] != static_cast<int64_t>(i) + 2) return false;
  }
  return true;
}

Tensor zero_of(DType dtype) { return dtype == DType::kI8 ? Tensor::scalar(DType::kI8, int8_t{0}) : Tensor::scalar(DType::kU8, uint8_t{0}); }
bool is_known(const IrValue* value) { return !value || constant_of(value); }

Outcome quantize_mean(Graph& graph, Node& quantize) {
  const Node* mean = quantize.input(0)->producer;
  if (!mean || !mean->is("IntegerGlobalAveragePool", "sinter") || mean->inputs.size() > 3) return NoMatch{};
  if (!used_once(mean->output())) return decline("'{}' has {} uses", mean->output()->name, graph.use_count(mean->output()));
  if (!is_8bit(quantize.output()) || !is_per_tensor(quantize)) return decline("not one scale for all of 8 bits");
  if (!is_known(quantize.input(1)) || !is_known(quantize.input(2))) return decline("a scale or zero point that is only known at run time");
  Patch patch(graph, quantize);
  std::vector<IrValue*> inputs = mean->inputs;
  inputs.resize(3, nullptr);
  inputs.push_back(quantize.input(1));
  inputs.push_back(quantize.input(2) ? quantize.input(2) : patch.add_constant(quantize.name + "_zero", zero_of(quantize.output()->type.dtype)));
  const Node* made = patch.add_node(mean->op, mean->name, inputs, 1, mean->attributes, {mean, &quantize});
  patch.replace(quantize.output(), made->output());
  return patch;
}

}  // namespace fuse_quantized_pool_impl

Outcome fuse_quantized_pool(Graph& graph, Node& node) {
  using namespace fuse_quantized_pool_impl;
  if (node.is("QuantizeLinear")) return quantize_mean(graph, node);
  if (!is_mean_of_images(node)) return NoMatch{};
  std::string reason;
  const auto data = dequantized(node.input(0), reason);
  if (!data) {
    if (reason.empty()) return NoMatch{};
    return Declined{std::move(reason)};
  }
  if (!is_8bit(data->values) || data->axis >= 0) return decline("not one scale for all of 8 bits");
  if (!is_known(data->scale) || !is_known(data->zero)) return decline("a scale or zero point that is only known at run time");
  Patch patch(graph, node);
  std::vector<IrValue*> inputs{data->values, data->scale};
  if (data->zero) inputs.push_back(data->zero);
  const Node* made = patch.add_node(op("IntegerGlobalAveragePool", "sinter"), node.name, inputs, 1, {}, {&node, data->node});
  patch.replace(node.output(), made->output());
  return patch;
}

}  // namespace sinter::passes
