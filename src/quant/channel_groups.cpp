#include "quant/channel_groups.h"

#include <algorithm>
#include <cmath>

namespace sinter::quant {
namespace {

using ir::Node;
using IrValue = ir::Value;

bool is_f32(const IrValue* value) { return value && value->type.is_tensor() && value->type.dtype == DType::kF32; }

int rank_of(const IrValue* value) { return value->type.shape ? static_cast<int>(value->type.shape->size()) : -1; }

std::optional<int64_t> size_of(const IrValue* value, int axis) {
  if (!value->type.shape || axis < 0 || axis >= rank_of(value)) return std::nullopt;
  const Dim& dim = (*value->type.shape)[static_cast<size_t>(axis)];
  return dim.is_constant() ? std::optional<int64_t>(dim.value()) : std::nullopt;
}

bool is_one_of(const Node& node, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* name) { return node.is(name); });
}

bool same_shape(const IrValue* a, const IrValue* b) { return a->type.shape && b->type.shape && *a->type.shape == *b->type.shape; }

bool is_vector_of(const IrValue* value, int64_t count) {
  return value && value->is_constant() && value->constant.dtype() == DType::kF32 && value->constant.rank() == 1 && value->constant.count() == count;
}

}  // namespace

int64_t DenseNode::row_of(int64_t element) const {
  if (convolution) return element / (inputs / groups * taps);
  return weight_axis == 0 ? element / inputs : element % outputs;
}

int64_t DenseNode::column_of(int64_t element) const {
  if (!convolution) return weight_axis == 0 ? element % inputs : element / outputs;
  const int64_t each = inputs / groups;
  return row_of(element) / (outputs / groups) * each + element / taps % each;
}

std::optional<DenseNode> dense_node(Node& node) {
  const IrValue* weights = node.input(1);
  if (!is_f32(node.input(0)) || !is_f32(weights) || !weights->is_constant() || weights->constant.count() == 0 || node.outputs.size() != 1 || !is_f32(node.output()) ||
      node.attributes.has(kEpilogueAttr)) {
    return std::nullopt;
  }
  const Tensor& w = weights->constant;
  DenseNode dense;
  dense.node = &node;
  if (node.is("Conv") && w.rank() >= 3) {
    dense.convolution = true;
    dense.groups = node.attributes.i_or("group", 1);
    dense.outputs = w.dim(0);
    dense.inputs = w.dim(1) * dense.groups;
    dense.taps = product(w.dims(), 2);
    dense.depthwise = w.dim(1) == 1 && dense.groups > 1;
  } else if ((node.is("MatMul") || node.is("Gemm")) && w.rank() == 2) {
    if (node.is("Gemm") && node.attributes.i_or("transA", 0) != 0) return std::nullopt;
    dense.weight_axis = node.is("Gemm") && node.attributes.i_or("transB", 0) != 0 ? 0 : 1;
    dense.outputs = w.dim(dense.weight_axis);
    dense.inputs = w.dim(1 - dense.weight_axis);
  } else {
    return std::nullopt;
  }
  return dense;
}

ChannelGroups::ChannelGroups(ir::Graph& graph) : graph_(graph) {
  find_axes();
  for (const auto& [id, value] : graph.values()) {
    const auto axis = axes_.find(value.get());
    if (axis == axes_.end()) continue;
    first_[value.get()] = static_cast<int>(above_.size());
    values_.push_back(value.get());
    const int64_t channels = *size_of(value.get(), axis->second);
    for (int64_t c = 0; c < channels; ++c) above_.push_back(static_cast<int>(above_.size()));
  }
  groups_.resize(above_.size());
  for (const auto& node : graph.nodes()) visit(*node);
  for (const IrValue* value : graph.inputs) fix(value);
  for (const IrValue* value : graph.outputs) fix(value);
}

// Convolutions have channels on axis 1, products and normalizations on the last; what keeps the rank passes the axis on, both ways.
void ChannelGroups::find_axes() {
  const auto set = [&](const IrValue* value, int axis) {
    if (!is_f32(value) || value->is_constant() || value->captured || !size_of(value, axis) || *size_of(value, axis) > 65536) return false;
    return axes_.emplace(value, axis).second;
  };
  for (const auto& node : graph_.nodes()) {
    const bool last = is_one_of(*node, {"MatMul", "Gemm", "LayerNormalization"});
    if (!last && !node->is("Conv")) continue;
    for (const IrValue* value : {node->input(0), static_cast<IrValue*>(node->output())}) {
      if (value && rank_of(value) > 0) set(value, last ? rank_of(value) - 1 : 1);
    }
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& node : graph_.nodes()) {
      if (is_one_of(*node, {"Conv", "MatMul", "Gemm", "Transpose", "Reshape"}) || !node->output() || !node->subgraphs.empty()) continue;
      const IrValue* known = nullptr;
      const auto each = [&](auto&& fn) {
        for (const IrValue* input : node->inputs) if (input && rank_of(input) == rank_of(node->output())) fn(input);
        for (const IrValue* output : node->outputs) if (output && rank_of(output) == rank_of(node->output())) fn(output);
      };
      each([&](const IrValue* value) { if (!known && axes_.count(value)) known = value; });
      if (!known) continue;
      const int axis = axes_.at(known);
      each([&](const IrValue* value) { changed = set(value, axis) || changed; });
    }
  }
}

int ChannelGroups::axis_of(const IrValue* value) const {
  const auto it = axes_.find(value);
  return it == axes_.end() ? -1 : it->second;
}
int64_t ChannelGroups::channels_of(const IrValue* value) const { return axis_of(value) < 0 ? 0 : *size_of(value, axis_of(value)); }

int ChannelGroups::find(int element) const {
  while (above_[static_cast<size_t>(element)] != element) {
    auto& up = above_[static_cast<size_t>(element)];
    up = above_[static_cast<size_t>(up)];
    element = up;
  }
  return element;
}

int ChannelGroups::group_of(const IrValue* value, int64_t channel) const {
  const auto it = first_.find(value);
  return it == first_.end() ? -1 : find(it->second + static_cast<int>(channel));
}

void ChannelGroups::join(const IrValue* a, int64_t in_a, const IrValue* b, int64_t in_b) {
  const int x = group_of(a, in_a), y = group_of(b, in_b);
  if (x == y) return;
  Group &one = groups_[static_cast<size_t>(x)], &other = groups_[static_cast<size_t>(y)];
  one.fixed = one.fixed || other.fixed;
  one.bound = std::min(one.bound, other.bound);
  above_[static_cast<size_t>(y)] = x;
}
void ChannelGroups::join_all(const IrValue* a, const IrValue* b) {
  for (int64_t c = 0; c < channels_of(a); ++c) join(a, c, b, c);
}
bool ChannelGroups::same_channels(const IrValue* a, const IrValue* b) const {
  return a && b && axis_of(a) >= 0 && axis_of(b) >= 0 && channels_of(a) == channels_of(b);
}

void ChannelGroups::fix(const IrValue* value) {
  if (!value) return;
  for (int64_t c = 0; c < channels_of(value); ++c) groups_[static_cast<size_t>(group_of(value, c))].fixed = true;
}
void ChannelGroups::fix_node(const Node& node) {
  for (const IrValue* input : node.inputs) fix(input);
  for (const IrValue* output : node.outputs) fix(output);
}

void ChannelGroups::visit(Node& node) {
  for (const auto& [name, body] : node.subgraphs) {
    for (const auto& [id, value] : body->values()) fix(value->captured);
  }
  if (node.attributes.has(kEpilogueAttr) || !node.subgraphs.empty()) return fix_node(node);
  if (visit_dense(node) || visit_moving(node) || visit_clip(node) || visit_concat(node) || visit_arithmetic(node)) return;
  fix_node(node);
}

// Weights on both sides take any scale; a bias must be there to be scaled, or be none.
bool ChannelGroups::visit_dense(Node& node) {
  if (node.is("LayerNormalization") && node.outputs.size() == 1 && axis_of(node.output()) == rank_of(node.output()) - 1) {
    const int64_t channels = channels_of(node.output());
    fix(node.input(0));
    const bool last_alone = is_vector_of(node.input(1), channels) && (!node.input(2) || is_vector_of(node.input(2), channels));
    if (!last_alone) return false;
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      if (node.inputs[i]) adjusted_.push_back({&node, i});
    }
    return true;
  }
  const auto dense = dense_node(node);
  if (!dense || node.inputs.size() > 3) return false;
  const int last = rank_of(node.output()) - 1, expected = dense->convolution ? 1 : last;
  const int in_expected = dense->convolution ? 1 : rank_of(node.input(0)) - 1;
  if (axis_of(node.output()) != expected || axis_of(node.input(0)) != in_expected || channels_of(node.input(0)) != dense->inputs ||
      channels_of(node.output()) != dense->outputs) {
    return false;
  }
  if (node.input(2) && !is_vector_of(node.input(2), dense->outputs)) fix(node.output());
  else if (node.input(2)) adjusted_.push_back({&node, 2});
  dense_.push_back(*dense);
  return true;
}

// Homogeneous operators on one value, which keep channels apart.
bool ChannelGroups::visit_moving(Node& node) {
  const IrValue *in = node.input(0), *out = node.output();
  if (node.outputs.size() != 1 || !same_channels(in, out)) return false;
  const bool same_axis = rank_of(in) == rank_of(out) && axis_of(in) == axis_of(out);
  bool joins = false;
  if (is_one_of(node, {"Relu", "LeakyRelu", "Identity", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"})) {
    joins = same_axis;
  } else if (node.is("PRelu")) {
    joins = same_axis && node.input(1) && node.input(1)->is_constant();
  } else if (is_one_of(node, {"ReduceMean", "ReduceMax", "ReduceSum"})) {
    joins = same_axis && axis_of(in) == 1 && node.input(1) && node.input(1)->is_constant();
    if (joins) {
      for (double axis : node.input(1)->constant.to_f64()) joins = joins && axis != 0 && axis != 1 && static_cast<int>(axis) + rank_of(in) > 1;
    }
  } else if (node.is("Resize")) {
    joins = same_axis && node.attributes.s_or("coordinate_transformation_mode", "") != "tf_crop_and_resize";
  } else if (node.is("Pad")) {
    const IrValue* fill = node.input(2);
    joins = same_axis && (node.attributes.s_or("mode", "constant") != "constant" || !fill || (fill->is_constant() && fill->constant.count() == 1 && fill->constant.to_f64()[0] == 0));
  } else if (is_one_of(node, {"Flatten", "Reshape", "Squeeze", "Unsqueeze"})) {
    // [n,c,1,1] and [n,c], or the last axis with others folded before it.
    const auto rest_is_one = [&](const IrValue* value) {
      for (int axis = axis_of(value) + 1; axis < rank_of(value); ++axis) {
        if (size_of(value, axis) != std::optional<int64_t>(1)) return false;
      }
      return true;
    };
    joins = rest_is_one(in) && rest_is_one(out);
  }
  if (joins) join_all(in, out);
  return joins;
}

bool ChannelGroups::visit_clip(Node& node) {
  if (!node.is("Clip") || !same_channels(node.input(0), node.output()) || axis_of(node.input(0)) != axis_of(node.output())) return false;
  const auto bound = [&](size_t index, double otherwise) -> std::optional<double> {
    const IrValue* value = node.input(index);
    if (!value) return otherwise;
    if (!value->is_constant() || value->constant.count() != 1) return std::nullopt;
    return value->constant.to_f64()[0];
  };
  const auto low = bound(1, -INFINITY), high = bound(2, INFINITY);
  if (!low || !high || (*low != 0 && !std::isinf(*low)) || !(*high > 0)) return false;
  join_all(node.input(0), node.output());
  for (int64_t c = 0; c < channels_of(node.output()); ++c) {
    Group& group = groups_[static_cast<size_t>(group_of(node.output(), c))];
    group.bound = std::min(group.bound, *high);
  }
  return true;
}

bool ChannelGroups::visit_concat(Node& node) {
  if (!node.is("Concat")) return false;
  const IrValue* out = node.output();
  const int axis = axis_of(out), rank = rank_of(out);
  int64_t along = node.attributes.i("axis");
  along += along < 0 ? rank : 0;
  for (const IrValue* input : node.inputs) {
    if (!input || axis_of(input) != axis || axis < 0) return false;
    if (along != axis && channels_of(input) != channels_of(out)) return false;
  }
  int64_t offset = 0;
  for (const IrValue* input : node.inputs) {
    for (int64_t c = 0; c < channels_of(input); ++c) join(out, offset + c, input, c);
    if (along == axis) offset += channels_of(input);
  }
  return true;
}

// A constant that has one value a channel, or one for all, in place of input `input`; the node's output has the channels.
bool ChannelGroups::takes_constant(Node& node, size_t input) {
  const IrValue* value = node.inputs[input];
  const IrValue* out = node.output();
  if (!value->is_constant() || !is_f32(value)) return false;
  const Dims& dims = value->constant.dims();
  if (value->constant.count() == 1) return true;
  const int64_t place = static_cast<int64_t>(dims.size()) - (rank_of(out) - axis_of(out));
  return place >= 0 && dims[static_cast<size_t>(place)] == channels_of(out) && value->constant.count() == channels_of(out);
}

bool ChannelGroups::visit_arithmetic(Node& node) {
  const IrValue* out = node.output();
  if (!is_one_of(node, {"Add", "Sub", "Mul", "Div", "Max", "Min", "Sum"}) || axis_of(out) < 0 || node.inputs.size() != 2) return false;
  const IrValue *a = node.input(0), *b = node.input(1);
  const auto fits = [&](const IrValue* value) { return value && !value->is_constant() && same_shape(value, out) && axis_of(value) == axis_of(out); };
  const bool product = node.is("Mul") || node.is("Div");
  if (!product && fits(a) && fits(b)) {
    join_all(out, a);
    join_all(out, b);
    return true;
  }
  for (size_t i = 0; i < 2; ++i) {
    const IrValue *data = node.inputs[i], *other = node.inputs[1 - i];
    if (!fits(data) || (node.is("Div") && i == 1)) continue;
    if (product && (other->is_constant() ? takes_constant(node, 1 - i) : !same_shape(other, out))) {
      join_all(out, data);
      fix(other);
      return true;
    }
    if ((node.is("Add") || node.is("Sub")) && takes_constant(node, 1 - i)) {
      join_all(out, data);
      adjusted_.push_back({&node, 1 - i});
      return true;
    }
  }
  return false;
}

}  // namespace sinter::quant
