#include "onnx/adapt/adapt.h"

namespace sinter::onnx {

void AdaptContext::set_input(size_t index, ir::Value* value) {
  if (node.inputs.size() <= index) node.inputs.resize(index + 1, nullptr);
  node.inputs[index] = value;
}

const Shape* AdaptContext::shape(size_t index) const {
  const ir::Value* value = input(index);
  return value && value->type.is_tensor() && value->type.shape ? &*value->type.shape : nullptr;
}

int AdaptContext::rank(size_t index) const {
  const Shape* known = shape(index);
  return known ? static_cast<int>(known->size()) : -1;
}

ir::Value* AdaptContext::constant(const std::string& suffix, Tensor tensor) {
  return maker_.make_constant(node.name + "/" + suffix, std::move(tensor));
}

ir::Value* AdaptContext::constant_i64(const std::string& suffix, const std::vector<int64_t>& values) {
  return constant(suffix, Tensor::from_i64(values));
}

ir::Value* AdaptContext::constant_like(const std::string& suffix, double value, size_t like) {
  const ir::Value* model = input(like);
  const bool known = model && model->type.is_tensor() && model->type.dtype != DType::kUndefined;
  return constant(suffix, Tensor::scalar(DType::kF64, value).cast(known ? model->type.dtype : DType::kF32));
}

ir::Value* AdaptContext::emit(const std::string& op_type, std::vector<ir::Value*> inputs, Attributes attributes) {
  const std::string name = fmt::format("{}/{}_{}", node.name, op_type, made_++);
  return maker_.make_value(op_type, name, std::move(inputs), std::move(attributes), name);
}

void AdaptContext::wrap_output(size_t index, const std::string& op_type, std::vector<ir::Value*> more_inputs,
                               Attributes attributes) {
  if (index >= node.outputs.size() || node.outputs[index].empty()) return;
  const std::string inner = fmt::format("{}/inner_{}", node.outputs[index], made_++);
  wrappers_.push_back({op_type, inner, node.outputs[index], std::move(more_inputs), std::move(attributes)});
  node.outputs[index] = inner;
}

ir::Value* AdaptContext::ints_to_input(const std::string& attribute) {
  const auto* list = node.attributes.find_as<std::vector<int64_t>>(attribute);
  if (!list) return nullptr;
  ir::Value* value = constant_i64(attribute, *list);
  node.attributes.erase(attribute);
  return value;
}

int64_t AdaptContext::take_int(const std::string& attribute, int64_t fallback) {
  if (const auto* value = node.attributes.find_as<int64_t>(attribute)) fallback = *value;
  node.attributes.erase(attribute);
  return fallback;
}

float AdaptContext::take_float(const std::string& attribute, float fallback) {
  if (const auto* value = node.attributes.find_as<float>(attribute)) fallback = *value;
  node.attributes.erase(attribute);
  return fallback;
}

std::string AdaptContext::take_string(const std::string& attribute, const std::string& fallback) {
  std::string text = fallback;
  if (const auto* value = node.attributes.find_as<std::string>(attribute)) text = *value;
  node.attributes.erase(attribute);
  return text;
}

void AdaptContext::set_default(const std::string& attribute, AttrValue value) {
  if (!node.attributes.has(attribute)) node.attributes.set(attribute, std::move(value));
}

Status AdaptContext::error(std::string found, std::string expected, std::string action) const {
  return make_error(Code::kUnsupported, "{}; expected {}; {}", found, expected, action);
}

}  // namespace sinter::onnx
