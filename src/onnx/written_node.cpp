#include "onnx/written_node.h"

#include <algorithm>

#include "onnx/schema_versions.h"
#include "onnx/wire.h"

namespace sinter::onnx {
namespace {

using Lowering = bool (*)(WrittenNode&, const ir::Node&, int64_t opset);

const Tensor* constant_input(const WrittenNode& node, size_t index) {
  return index < node.inputs.size() ? constant_behind(node.inputs[index].value) : nullptr;
}

bool has_input(const WrittenNode& node, size_t index) { return index < node.inputs.size() && node.inputs[index].value; }

void drop_inputs(WrittenNode& node, size_t from) {
  if (node.inputs.size() > from) node.inputs.resize(from);
}

int rank_of(const ir::Node& node, size_t index) {
  const ir::Value* value = node.input(index);
  return value ? value->type.rank() : -1;
}

// A constant list of integers at `index` becomes an attribute. False: it is not constant. Absent: no attribute.
bool list_to_attribute(WrittenNode& node, size_t index, const char* attribute) {
  if (!has_input(node, index)) return true;
  const Tensor* constant = constant_input(node, index);
  if (!constant || !is_integer(constant->dtype())) return false;
  node.attributes.set(attribute, constant->to_i64());
  node.inputs[index].value = nullptr;
  return true;
}

bool number_to_attribute(WrittenNode& node, size_t index, const char* attribute) {
  if (!has_input(node, index)) return true;
  const Tensor* constant = constant_input(node, index);
  if (!constant || constant->count() != 1 || constant->dtype() == DType::kString) return false;
  node.attributes.set(attribute, static_cast<float>(constant->to_f64()[0]));
  node.inputs[index].value = nullptr;
  return true;
}

// Reduce*, Squeeze, Unsqueeze. An empty list means no axis at all where the node says so, and all of them as an attribute left out.
bool lower_axes(WrittenNode& node, const ir::Node& source, int64_t) {
  if (source.attributes.i_or("noop_with_empty_axes", 0) != 0) return false;
  node.attributes.erase("noop_with_empty_axes");
  if (!list_to_attribute(node, 1, "axes")) return false;
  drop_inputs(node, 1);
  const auto* axes = node.attributes.find_as<std::vector<int64_t>>("axes");
  if (axes && axes->empty()) {
    if (node.op_type == "Unsqueeze") return false;
    node.attributes.erase("axes");
  }
  // Negative axes came with opset 11.
  axes = node.attributes.find_as<std::vector<int64_t>>("axes");
  if (axes && std::any_of(axes->begin(), axes->end(), [](int64_t axis) { return axis < 0; })) {
    const int rank = node.op_type == "Unsqueeze" ? (rank_of(source, 0) < 0 ? -1 : rank_of(source, 0) + static_cast<int>(axes->size())) : rank_of(source, 0);
    if (rank < 0) return false;
    std::vector<int64_t> counted = *axes;
    for (int64_t& axis : counted) axis += axis < 0 ? rank : 0;
    node.attributes.set("axes", counted);
  }
  return true;
}

bool lower_split(WrittenNode& node, const ir::Node& source, int64_t opset) {
  if (opset >= 18) return true;
  node.attributes.erase("num_outputs");
  if (!has_input(node, 1)) {  // equal parts only
    const ir::Value* data = source.input(0);
    if (!data || !data->type.shape) return false;
    const int64_t axis = source.attributes.i_or("axis", 0);
    const auto rank = static_cast<int64_t>(data->type.shape->size());
    if (axis < -rank || axis >= rank) return false;
    const Dim& dim = (*data->type.shape)[static_cast<size_t>(axis < 0 ? axis + rank : axis)];
    if (!dim.is_constant() || dim.value() % static_cast<int64_t>(source.outputs.size()) != 0) return false;
  }
  if (opset >= 13) return true;
  if (!list_to_attribute(node, 1, "split")) return false;
  drop_inputs(node, 1);
  return true;
}

// Until opset 12 all axes from `axis` on were one, and the default was 1: the same where those behind it have one element.
bool lower_softmax(WrittenNode& node, const ir::Node& source, int64_t opset) {
  if (opset >= 13) return true;
  const int rank = rank_of(source, 0);
  const int64_t stated = source.attributes.i_or("axis", -1), axis = stated < 0 ? stated + rank : stated;
  if (rank < 1 || axis < 0 || axis >= rank) return false;
  const Shape& shape = *source.input(0)->type.shape;
  if (!std::all_of(shape.begin() + axis + 1, shape.end(), [](const Dim& dim) { return dim.is(1); })) return false;
  node.attributes.set("axis", axis);
  return true;
}

bool lower_clip(WrittenNode& node, const ir::Node&, int64_t opset) {
  if (opset >= 11) return true;
  if (!number_to_attribute(node, 1, "min") || !number_to_attribute(node, 2, "max")) return false;
  drop_inputs(node, 1);
  return true;
}

bool lower_dropout(WrittenNode& node, const ir::Node& source, int64_t opset) {
  if (opset >= 12) return true;
  const Tensor* training = constant_input(node, 2);
  if (has_input(node, 2) && (!training || training->count() != 1 || training->to_i64()[0] != 0)) return false;
  if (source.outputs.size() > 1 && source.outputs[1] && opset < 10) return false;
  if (!number_to_attribute(node, 1, "ratio")) return false;
  node.attributes.erase("seed");
  drop_inputs(node, 1);
  return true;
}

bool lower_pad(WrittenNode& node, const ir::Node&, int64_t opset) {
  if (opset >= 11) return true;
  if (has_input(node, 3) || !has_input(node, 1)) return false;
  if (!list_to_attribute(node, 1, "pads") || !number_to_attribute(node, 2, "value")) return false;
  drop_inputs(node, 1);
  return true;
}

bool lower_slice(WrittenNode& node, const ir::Node&, int64_t opset) {
  if (opset >= 10) return true;
  if (has_input(node, 4)) {
    const Tensor* steps = constant_input(node, 4);
    if (!steps) return false;
    const std::vector<int64_t> values = steps->to_i64();
    if (std::any_of(values.begin(), values.end(), [](int64_t step) { return step != 1; })) return false;
  }
  if (!list_to_attribute(node, 1, "starts") || !list_to_attribute(node, 2, "ends") || !list_to_attribute(node, 3, "axes")) return false;
  drop_inputs(node, 1);
  return true;
}

bool lower_top_k(WrittenNode& node, const ir::Node& source, int64_t opset) {
  if (opset >= 10) return true;
  const Tensor* k = constant_input(node, 1);
  if (!k || k->count() != 1 || source.attributes.i_or("largest", 1) != 1 || source.attributes.i_or("sorted", 1) != 1) return false;
  node.attributes.set("k", k->to_i64()[0]);
  drop_inputs(node, 1);
  return true;
}

// Until opset 12 regions and scales could not be left out: an empty tensor meant nothing.
bool lower_resize(WrittenNode& node, const ir::Node&, int64_t opset) {
  if (opset >= 13) return true;
  if (opset < 11) return false;
  for (size_t i = 1; i <= 2; ++i) {
    if (node.inputs.size() <= i) node.inputs.resize(i + 1);
    if (!node.inputs[i].value) node.inputs[i].constant = Tensor(DType::kF32, {0});
  }
  return true;
}

bool lower_roi_align(WrittenNode& node, const ir::Node& source, int64_t opset) {
  if (opset >= 16) return true;
  node.attributes.erase("coordinate_transformation_mode");
  return source.attributes.s_or("coordinate_transformation_mode", "half_pixel") == "output_half_pixel";
}

bool lower_grid_sample(WrittenNode& node, const ir::Node& source, int64_t opset) {
  if (opset >= 20) return true;
  if (rank_of(source, 0) != 4) return false;
  const std::string mode = source.attributes.s_or("mode", "linear");
  node.attributes.set("mode", mode == "linear" ? std::string("bilinear") : mode == "cubic" ? std::string("bicubic") : mode);
  return true;
}

// In inference the attribute that came with opset 14 is 0, its default.
bool lower_batch_normalization(WrittenNode& node, const ir::Node& source, int64_t opset) {
  if (opset < 14) node.outputs = std::min<size_t>(node.outputs, 1);
  return opset >= 14 || source.outputs.size() <= 1;
}

// Until opset 10 the bias was needed.
bool lower_gemm(WrittenNode& node, const ir::Node&, int64_t opset) { return opset >= 11 || has_input(node, 2); }

struct Row {
  const char* op_type;
  int64_t below;  // applies to files of opsets below this
  Lowering lower;
};

constexpr Row kLowerings[] = {
    {"BatchNormalization", 14, lower_batch_normalization},
    {"Clip", 11, lower_clip},
    {"Dropout", 12, lower_dropout},
    {"Gemm", 11, lower_gemm},
    {"GridSample", 20, lower_grid_sample},
    {"Hardmax", 13, lower_softmax},
    {"LogSoftmax", 13, lower_softmax},
    {"Pad", 11, lower_pad},
    {"ReduceL1", 18, lower_axes},
    {"ReduceL2", 18, lower_axes},
    {"ReduceLogSum", 18, lower_axes},
    {"ReduceLogSumExp", 18, lower_axes},
    {"ReduceMax", 18, lower_axes},
    {"ReduceMean", 18, lower_axes},
    {"ReduceMin", 18, lower_axes},
    {"ReduceProd", 18, lower_axes},
    {"ReduceSum", 13, lower_axes},
    {"ReduceSumSquare", 18, lower_axes},
    {"Resize", 13, lower_resize},
    {"RoiAlign", 16, lower_roi_align},
    {"Slice", 10, lower_slice},
    {"Softmax", 13, lower_softmax},
    {"Split", 18, lower_split},
    {"Squeeze", 13, lower_axes},
    {"TopK", 10, lower_top_k},
    {"Unsqueeze", 13, lower_axes},
};

const Row* lowering_of(const std::string& op_type, int64_t opset) {
  for (const Row& row : kLowerings) {
    if (op_type == row.op_type && opset < row.below) return &row;
  }
  return nullptr;
}

// What the version of the operator has: attributes, number and types of inputs and outputs.
bool fits(const WrittenNode& written, const ir::Node& node, const SchemaVersion& schema) {
  for (const auto& [name, value] : written.attributes) {
    if (!schema.has_attribute(name)) return false;
  }
  const bool variadic = node.op->max_inputs() > 64;
  if (!variadic && written.inputs.size() > schema.input_count()) return false;
  for (size_t i = 0; i < written.inputs.size(); ++i) {
    const ir::Value* value = written.inputs[i].value;
    if (value && value->type.is_tensor() && !schema.takes(i, value->type.dtype)) return false;
  }
  for (size_t i = 0; i < written.outputs; ++i) {
    const ir::Value* value = node.outputs[i];
    if (value && value->type.is_tensor() && !schema.gives(i, value->type.dtype)) return false;
  }
  return true;
}

WrittenNode plain(const ir::Node& node) {
  WrittenNode written;
  written.op_type = node.op->name;
  for (const ir::Value* input : node.inputs) written.inputs.push_back({input, {}});
  while (!written.inputs.empty() && !written.inputs.back().value) written.inputs.pop_back();
  written.outputs = node.outputs.size();
  // Which outputs of an If, a Loop or a Split there are follows from their number.
  const bool counted = node.op->max_outputs() > 64;
  while (!counted && written.outputs > 0 && !node.outputs[written.outputs - 1]) --written.outputs;
  Attributes defaults;
  for (const AttrDef& def : node.op->attributes) {
    if (def.default_value) defaults.set(def.name, *def.default_value);
  }
  for (const auto& [name, value] : node.attributes) {
    const AttrValue* usual = defaults.find(name);
    Attributes a, b;
    a.set(name, value);
    if (usual) b.set(name, *usual);
    if (!(a == b)) written.attributes.set(name, value);
  }
  return written;
}

}  // namespace

const Tensor* constant_behind(const ir::Value* value) {
  while (value && value->captured) value = value->captured;
  return value && value->is_constant() ? &value->constant : nullptr;
}

std::optional<WrittenNode> write_node(const ir::Node& node, int64_t opset) {
  WrittenNode written = plain(node);
  if (!node.op->domain.empty()) return opset >= node.op->since ? std::optional(std::move(written)) : std::nullopt;
  const Row* lowering = lowering_of(node.op->name, opset);
  if (lowering && !lowering->lower(written, node, opset)) return std::nullopt;
  if (!lowering && opset < node.op->since) return std::nullopt;
  while (!written.inputs.empty() && !written.inputs.back().value && !written.inputs.back().constant.defined()) written.inputs.pop_back();
  if (const SchemaVersion* schema = find_schema(node.op->name, opset)) return fits(written, node, *schema) ? std::optional(std::move(written)) : std::nullopt;
  return find_schema(node.op->name, INT64_MAX) ? std::nullopt : std::optional(std::move(written));
}

int64_t needed_opset(const ir::Node& node, int64_t wanted) {
  for (int64_t opset = wanted; opset <= kNewestOpset; ++opset) {
    if (write_node(node, opset)) return opset;
  }
  return 0;
}

}  // namespace sinter::onnx
