#include "quant/insert_float8.h"

#include <algorithm>
#include <cmath>

#include "core/numeric.h"
#include "ir/patch.h"

namespace sinter::quant {
namespace {

using IrValue = ir::Value;

constexpr DType kType = DType::kF8E4M3FN;
constexpr float kLargest = 448;

bool is_f32(const IrValue* value) { return value && value->type.is_tensor() && value->type.dtype == DType::kF32; }

// The axis of the output channels in a dense node's weights; -1: no dense node with weights.
int output_axis(const ir::Node& node) {
  const IrValue* weights = node.input(1);
  if (!is_f32(node.input(0)) || !is_f32(weights) || !weights->is_constant()) return -1;
  const int rank = weights->constant.rank();
  if (node.is("Conv") && rank >= 3) return 0;
  if (node.is("MatMul") && rank == 2) return 1;
  return node.is("Gemm") && rank == 2 ? (node.attributes.i_or("transB", 0) != 0 ? 0 : 1) : -1;
}

bool all_finite(const Tensor& tensor) {
  return std::all_of(tensor.data<float>(), tensor.data<float>() + tensor.count(), [](float value) { return std::isfinite(value); });
}

float scale_of(float range) { return range / kLargest > 0 && std::isfinite(range) ? range / kLargest : 1.0f; }

IrValue* float8_weights(ir::Patch& patch, IrValue* weights, int axis) {
  const Tensor& from = weights->constant;
  const int64_t channels = from.dim(axis), inner = product(from.dims(), static_cast<size_t>(axis) + 1);
  Tensor values(kType, from.dims()), scales(DType::kF32, {channels});
  float* scale = scales.data<float>();
  std::fill_n(scale, channels, 0.0f);
  for (int64_t i = 0; i < from.count(); ++i) scale[i / inner % channels] = std::max(scale[i / inner % channels], std::abs(from.data<float>()[i]));
  for (int64_t c = 0; c < channels; ++c) scale[c] = scale_of(scale[c]);
  for (int64_t i = 0; i < from.count(); ++i) values.data<uint8_t>()[i] = float_to_small_float(kType, from.data<float>()[i] / scale[i / inner % channels]);
  Attributes attributes;
  attributes.set("axis", static_cast<int64_t>(axis));
  IrValue* narrow = patch.add_constant(weights->name, std::move(values), {weights});
  IrValue* steps = patch.add_constant(weights->name + "_scales", std::move(scales));
  return patch.add_node(find_op("", "DequantizeLinear"), weights->name + "_dequantize", {narrow, steps}, 1, std::move(attributes), {})->output();
}

IrValue* through_float8(ir::Patch& patch, IrValue* value, float range) {
  Tensor zero(kType, {});
  zero.data<uint8_t>()[0] = 0;
  IrValue* step = patch.add_constant(value->name + "_scale", Tensor::scalar(DType::kF32, scale_of(range)));
  IrValue* origin = patch.add_constant(value->name + "_zero", std::move(zero));
  IrValue* narrow = patch.add_node(find_op("", "QuantizeLinear"), value->name + "_quantize", {value, step, origin}, 1, {}, {})->output();
  return patch.add_node(find_op("", "DequantizeLinear"), value->name + "_dequantize", {narrow, step, origin}, 1, {}, {})->output();
}

}  // namespace

Result<InsertReport> insert_float8(ir::Graph& graph, const Calibration& calibration, const InsertOptions& options) {
  InsertReport report;
  std::map<const IrValue*, IrValue*> made;
  std::vector<ir::Node*> dense;
  for (const auto& node : graph.nodes()) {
    if (output_axis(*node) >= 0) dense.push_back(node.get());
  }
  for (ir::Node* node : dense) {
    LayerDecision decision{node->name, false, ""};
    IrValue* data = node->input(0);
    const auto named = [&](const std::string& name) { return options.keep.count(name) > 0; };
    const auto range = range_of(calibration, *data);
    if (named(node->name) || std::any_of(node->source_nodes.begin(), node->source_nodes.end(), named)) decision.reason = "kept in float";
    else if (data->is_constant()) decision.reason = "its data is constant";
    else if (!range) decision.reason = fmt::format("no range for '{}'", data->name);
    else if (!all_finite(node->input(1)->constant)) decision.reason = "its weights are not all finite";
    decision.quantized = decision.reason.empty();
    report.layers.push_back(decision);
    if (!decision.quantized) continue;
    ir::Patch patch(graph, *node);
    IrValue*& narrow = made[data];
    if (!narrow) {
      narrow = through_float8(patch, data, *range);
      ++report.quantized_values;
    }
    patch.set_input(node, 0, narrow);
    patch.set_input(node, 1, float8_weights(patch, node->input(1), output_axis(*node)));
    SINTER_TRY(patch.apply().with(fmt::format("while quantizing '{}'", node->name)));
  }
  SINTER_TRY(graph.sort());
  return report;
}

}  // namespace sinter::quant
