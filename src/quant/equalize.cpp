// Scales of channels (equalize.h).
#include "quant/equalize.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "ir/patch.h"
#include "quant/channel_groups.h"

namespace sinter::quant {
namespace {

using ir::Node;
using ir::Patch;
using IrValue = ir::Value;

// What a channel may gain: beyond it, the samples' peak of a channel that hardly speaks would become the limit of what it can say.
constexpr double kMost = 32;
constexpr double kRoom = 1.1;           // between the samples' peak of a channel and a Clip's bound
constexpr double kWorthAProduct = 2;    // ratio of scales that is worth a multiplication of its own

struct Need {
  double peak = 0;     // largest |x| over the largest of its tensor
  double absolute = 0; // largest |x|
  double weight = 0;   // largest |w| over the largest of its row
  bool shared_rows = false;  // read by weights that sum over several channels
  bool read = false;
};

class Equalizer {
 public:
  Equalizer(ir::Graph& graph, const ChannelPeaks& peaks, const EqualizeOptions& options) : graph_(graph), peaks_(peaks), options_(options), groups_(graph) {}

  Result<EqualizeReport> run() {
    collect_needs();
    choose_scales();
    std::vector<IrValue*> scaled;
    for (IrValue* value : groups_.values()) {
      const std::vector<double> scales = scales_of(value);
      if (std::any_of(scales.begin(), scales.end(), [](double s) { return s != 1; })) scaled.push_back(value);
    }
    for (const DenseNode& dense : groups_.dense()) SINTER_TRY(scale_weights(dense));
    for (const ChannelGroups::Adjusted& constant : groups_.adjusted()) SINTER_TRY(scale_constant(*constant.node, constant.input));
    for (IrValue* value : scaled) {
      for (std::string& name : value->onnx_names) name += kEqualizedMark;
    }
    if (options_.explicit_scales) SINTER_TRY(add_products());
    SINTER_TRY(graph_.sort());
    SINTER_TRY(ir::verify(graph_).with("after equalizing channels: this is a bug in Sinter"));
    return report_;
  }

 private:
  const std::vector<float>* peaks_of(const IrValue* value, int64_t channels) const {
    const auto it = peaks_.find(value->name);
    return it != peaks_.end() && static_cast<int64_t>(it->second.size()) == channels ? &it->second : nullptr;
  }

  // What one layer says of the channels that it reads.
  std::optional<std::vector<Need>> needs_of(const DenseNode& dense) const {
    const auto* peaks = peaks_of(dense.node->input(0), dense.inputs);
    if (!peaks) return std::nullopt;
    const float largest = *std::max_element(peaks->begin(), peaks->end());
    if (!(largest > 0) || !std::isfinite(largest)) return std::nullopt;
    std::vector<Need> needs(static_cast<size_t>(dense.inputs));
    const Tensor& weights = dense.node->input(1)->constant;
    std::vector<float> rows(static_cast<size_t>(dense.outputs));
    for (int64_t i = 0; i < weights.count(); ++i) {
      float& row = rows[static_cast<size_t>(dense.row_of(i))];
      row = std::max(row, std::abs(weights.data<float>()[i]));
    }
    for (int64_t i = 0; i < weights.count(); ++i) {
      const float row = rows[static_cast<size_t>(dense.row_of(i))];
      Need& need = needs[static_cast<size_t>(dense.column_of(i))];
      if (row > 0) need.weight = std::max(need.weight, static_cast<double>(std::abs(weights.data<float>()[i]) / row));
    }
    for (size_t c = 0; c < needs.size(); ++c) {
      needs[c].peak = (*peaks)[c] / largest;
      needs[c].absolute = (*peaks)[c];
      needs[c].shared_rows = !dense.depthwise;
      needs[c].read = true;
    }
    return needs;
  }
  static void merge(Need& into, const Need& from) {
    into.peak = std::max(into.peak, from.peak);
    into.absolute = std::max(into.absolute, from.absolute);
    into.weight = std::max(into.weight, from.weight);
    into.shared_rows = into.shared_rows || from.shared_rows;
    into.read = into.read || from.read;
  }

  void collect_needs() {
    for (const DenseNode& dense : groups_.dense()) {
      const auto needs = needs_of(dense);
      for (int64_t c = 0; c < dense.inputs; ++c) {
        const int group = groups_.group_of(dense.node->input(0), c);
        if (needs) merge(needs_[group], (*needs)[static_cast<size_t>(c)]);
        else unknown_[group] = true;
      }
    }
  }

  double scale_for(const Need& need, double bound) const {
    const double peak = std::max(need.peak, 1 / kMost), weight = std::max(need.weight, 1 / kMost);
    double scale = need.shared_rows ? std::pow(peak, options_.alpha) / std::pow(weight, 1 - options_.alpha) : peak;
    if (std::isfinite(bound)) {
      const double least = kRoom * need.absolute / bound;
      scale = least >= 1 ? 1 : std::clamp(scale, least, 1.0);
    }
    return std::clamp(scale, 1 / kMost, kMost);
  }

  void choose_scales() {
    for (const auto& [group, need] : needs_) {
      if (!need.read || unknown_.count(group) || groups_.group(group).fixed) continue;
      scales_[group] = scale_for(need, groups_.group(group).bound);
    }
  }

  std::vector<double> scales_of(const IrValue* value) const {
    std::vector<double> scales(static_cast<size_t>(groups_.channels_of(value)), 1.0);
    for (size_t c = 0; c < scales.size(); ++c) {
      const auto it = scales_.find(groups_.group_of(value, static_cast<int64_t>(c)));
      if (it != scales_.end()) scales[c] = it->second;
    }
    return scales;
  }
  static int64_t count_scaled(const std::vector<double>& scales) {
    return std::count_if(scales.begin(), scales.end(), [](double s) { return s != 1; });
  }

  Status scale_columns(const DenseNode& dense, const std::vector<double>& in, const std::vector<double>& out) {
    Node& node = *dense.node;
    const Tensor& weights = node.input(1)->constant;
    Tensor scaled(DType::kF32, weights.dims());
    for (int64_t i = 0; i < weights.count(); ++i) {
      const double factor = in[static_cast<size_t>(dense.column_of(i))] / out[static_cast<size_t>(dense.row_of(i))];
      scaled.data<float>()[i] = static_cast<float>(weights.data<float>()[i] * factor);
    }
    Patch patch(graph_, node);
    patch.set_input(&node, 1, patch.add_constant(node.input(1)->name, std::move(scaled), {node.input(1)}));
    return patch.apply().with(fmt::format("while equalizing '{}'", node.name));
  }

  Status scale_weights(const DenseNode& dense) {
    const std::vector<double> in = scales_of(dense.node->input(0)), out = scales_of(dense.node->output());
    const int64_t channels = count_scaled(in);
    if (channels > 0) ++report_.layers, report_.channels += channels;
    return channels + count_scaled(out) > 0 ? scale_columns(dense, in, out) : ok_status();
  }

  // What is added to channels, or multiplied to normalized ones.
  Status scale_constant(Node& node, size_t input) {
    const std::vector<double> out = scales_of(node.output());
    if (count_scaled(out) == 0) return ok_status();
    const Tensor& given = node.inputs[input]->constant;
    Dims dims = given.dims();
    if (given.count() == 1) {
      dims.assign(node.output()->type.shape->size(), 1);
      dims[static_cast<size_t>(groups_.axis_of(node.output()))] = static_cast<int64_t>(out.size());
    }
    Tensor scaled(DType::kF32, dims);
    for (size_t c = 0; c < out.size(); ++c) scaled.data<float>()[c] = static_cast<float>(given.data<float>()[given.count() == 1 ? 0 : c] / out[c]);
    Patch patch(graph_, node);
    patch.set_input(&node, input, patch.add_constant(node.inputs[input]->name, std::move(scaled), {node.inputs[input]}));
    return patch.apply().with(fmt::format("while equalizing '{}'", node.name));
  }

  Status add_products() {
    std::map<IrValue*, std::vector<const DenseNode*>> readers;
    for (const DenseNode& dense : groups_.dense()) {
      IrValue* value = dense.node->input(0);
      if (value->producer && count_scaled(scales_of(value)) == 0 && peaks_of(value, dense.inputs)) readers[value].push_back(&dense);
    }
    for (const auto& [value, layers] : readers) SINTER_TRY(add_product(*value, layers));
    return ok_status();
  }

  Status add_product(IrValue& value, const std::vector<const DenseNode*>& layers) {
    std::vector<Need> needs(static_cast<size_t>(layers.front()->inputs));
    for (const DenseNode* layer : layers) {
      const auto own = needs_of(*layer);
      if (!own) return ok_status();
      for (size_t c = 0; c < needs.size(); ++c) merge(needs[c], (*own)[c]);
    }
    std::vector<double> scales;
    for (const Need& need : needs) scales.push_back(scale_for(need, INFINITY));
    const auto [least, most] = std::minmax_element(scales.begin(), scales.end());
    if (*most < kWorthAProduct * *least) return ok_status();
    Dims dims(value.type.shape->size(), 1);
    dims[static_cast<size_t>(groups_.axis_of(&value))] = static_cast<int64_t>(scales.size());
    Tensor factors(DType::kF32, dims);
    for (size_t c = 0; c < scales.size(); ++c) factors.data<float>()[c] = static_cast<float>(1 / scales[c]);
    Patch patch(graph_, *layers.front()->node);
    IrValue* factor = patch.add_constant(value.name + "_factors", std::move(factors));
    const std::vector<const Node*> sources;
    IrValue* scaled = patch.add_node(find_op("", "Mul"), value.name + "_scaled", {&value, factor}, 1, {}, sources)->output();
    for (const std::string& name : value.onnx_names) scaled->onnx_names.push_back(name + std::string(kEqualizedMark));
    for (const DenseNode* layer : layers) patch.set_input(layer->node, 0, scaled);
    SINTER_TRY(patch.apply().with(fmt::format("while equalizing '{}'", value.name)));
    for (const DenseNode* layer : layers) {
      ++report_.layers, ++report_.explicit_layers, report_.channels += count_scaled(scales);
      SINTER_TRY(scale_columns(*layer, scales, std::vector<double>(static_cast<size_t>(layer->outputs), 1.0)));
    }
    return ok_status();
  }

  ir::Graph& graph_;
  const ChannelPeaks& peaks_;
  const EqualizeOptions& options_;
  ChannelGroups groups_;
  std::map<int, Need> needs_;      // by group
  std::map<int, bool> unknown_;    // groups that are read by a layer whose data was not seen
  std::map<int, double> scales_;   // by group
  EqualizeReport report_;
};

}  // namespace

Result<EqualizeReport> equalize(ir::Graph& graph, const ChannelPeaks& peaks, const EqualizeOptions& options) {
  return Equalizer(graph, peaks, options).run();
}

}  // namespace sinter::quant
