// Expansion, and the table of contributed operators.
#include "onnx/contrib/contrib.h"

#include <algorithm>

namespace sinter::onnx {

const Shape* Expansion::shape(const ir::Value* value) {
  return value && value->type.is_tensor() && value->type.shape ? &*value->type.shape : nullptr;
}

int Expansion::rank(const ir::Value* value) {
  const Shape* known = shape(value);
  return known ? static_cast<int>(known->size()) : -1;
}

ir::Value* Expansion::constant(std::string_view suffix, Tensor tensor) {
  return failed_ ? nullptr : maker_.make_constant(fmt::format("{}/{}", node_.name, suffix), std::move(tensor));
}

ir::Value* Expansion::zero_of(DType dtype) {
  failed_ = failed_ || dtype == DType::kUndefined;
  return failed_ ? nullptr : constant("zero", Tensor::scalar(DType::kI64, int64_t{0}).cast(dtype));
}

ir::Value* Expansion::scalar_like(std::string_view suffix, double value, const ir::Value* like) {
  const DType wanted = dtype(like) == DType::kUndefined ? DType::kF32 : dtype(like);
  return constant(suffix, Tensor::scalar(DType::kF64, value).cast(wanted));
}

std::vector<ir::Value*> Expansion::add(std::string_view op_type, std::vector<ir::Value*> inputs, Attributes attributes, const std::string& name,
                                       const std::vector<std::string>& outputs) {
  const std::vector<ir::Value*> nothing(outputs.size(), nullptr);
  if (failed_) return nothing;
  while (!inputs.empty() && !inputs.back()) inputs.pop_back();
  const ir::Node* node = maker_.make_node(std::string(op_type), name, std::move(inputs), std::move(attributes), outputs);
  failed_ = !node;
  for (size_t i = 0; !failed_ && i < outputs.size(); ++i) failed_ = node->outputs[i] && node->outputs[i]->type.kind == ValueType::Kind::kUnknown;
  return failed_ ? nothing : node->outputs;
}

ir::Value* Expansion::emit(std::string_view op_type, std::vector<ir::Value*> inputs, Attributes attributes) {
  return emit_several(op_type, std::move(inputs), 1, std::move(attributes))[0];
}

std::vector<ir::Value*> Expansion::emit_several(std::string_view op_type, std::vector<ir::Value*> inputs, int count, Attributes attributes) {
  const std::string name = fmt::format("{}/{}_{}", node_.name, op_type, made_++);
  std::vector<std::string> names{name};
  for (int i = 1; i < count; ++i) names.push_back(fmt::format("{}_output_{}", name, i));
  return add(op_type, std::move(inputs), std::move(attributes), name, names);
}

ir::Value* Expansion::output(size_t index, std::string_view op_type, std::vector<ir::Value*> inputs, Attributes attributes) {
  if (!wants(index)) return nullptr;
  const std::string name = index == 0 ? node_.name : fmt::format("{}/{}_{}", node_.name, op_type, made_++);
  return outputs_[index] = add(op_type, std::move(inputs), std::move(attributes), name, {output_names_[index]})[0];
}

void Expansion::output_several(std::string_view op_type, std::vector<ir::Value*> inputs, size_t count, Attributes attributes) {
  const std::vector<std::string> names(output_names_.begin(), output_names_.begin() + static_cast<int64_t>(std::min(count, output_names_.size())));
  const std::vector<ir::Value*> made = add(op_type, std::move(inputs), std::move(attributes), node_.name, names);
  std::copy(made.begin(), made.end(), outputs_.begin());
}

ir::Value* Expansion::cast(ir::Value* value, DType dtype) {
  return emit("Cast", {value}, make_attributes({{"to", static_cast<int64_t>(dtype)}}));
}

ir::Value* Expansion::dequantize(ir::Value* value, ir::Value* scale, ir::Value* zero) {
  return emit("DequantizeLinear", {value, scale, zero});
}

ir::Value* Expansion::transpose(ir::Value* value, const std::vector<int64_t>& permutation) {
  return emit("Transpose", {value}, make_attributes({{"perm", permutation}}));
}

ir::Value* Expansion::channels_first(ir::Value* value) {
  const int last = rank(value) - 1;
  std::vector<int64_t> permutation{0, last};
  for (int axis = 1; axis < last; ++axis) permutation.push_back(axis);
  return transpose(value, permutation);
}

std::vector<int64_t> Expansion::channels_last_permutation(int rank) {
  std::vector<int64_t> permutation{0};
  for (int axis = 2; axis < rank; ++axis) permutation.push_back(axis);
  permutation.push_back(1);
  return permutation;
}

ir::Value* Expansion::quantized_output(size_t index, ir::Value* value, ir::Value* scale, ir::Value* zero) {
  return output(index, "QuantizeLinear", {value, scale, zero});
}

ir::Value* Expansion::rounded_output(size_t index, ir::Value* value, DType dtype) {
  return quantized_output(index, value, constant_f32("one", 1), zero_of(dtype));
}

ir::Value* Expansion::program_output(size_t index, const PointwiseProgram& program, std::vector<ir::Value*> inputs, DType dtype) {
  const std::vector<int64_t> dtypes{static_cast<int64_t>(dtype)};
  return output(index, "sinter.Pointwise", std::move(inputs), make_attributes({{"program", program.to_string()}, {"dtypes", dtypes}}));
}

std::optional<float> Expansion::number_of(const ir::Value* value) {
  const Tensor* tensor = constant_of(value);
  if (!tensor || tensor->count() != 1 || contains(kComplexTypes, tensor->dtype()) || tensor->dtype() == DType::kString) return std::nullopt;
  return static_cast<float>(tensor->to_f64()[0]);
}

Status Expansion::check_single(std::initializer_list<size_t> inputs) const {
  for (const size_t index : inputs) {
    const Shape* known = shape(input(index));
    if (!known) continue;
    for (const Dim& dim : *known) {
      if (!dim.is_constant() || dim.value() == 1) continue;
      return error(fmt::format("input {} ('{}') is {}", index, input(index)->name, to_string(*known)),
                   "one element: the scale and zero point of a whole tensor");
    }
  }
  return ok_status();
}

Status Expansion::check_rank(size_t index, int least) const {
  const int found = rank(input(index));
  if (found >= least) return ok_status();
  if (found < 0) {
    return error(fmt::format("the rank of input {} ('{}') is not known", index, input(index)->name), "a known rank",
                 "export the model with shapes, or run its shape inference");
  }
  return error(fmt::format("input {} ('{}') is {}", index, input(index)->name, to_string(*shape(input(index)))), fmt::format("rank {} or more", least));
}

Status Expansion::error(std::string found, std::string expected, std::string action) {
  return make_error(Code::kInvalidModel, "{}; expected {}; {}", found, expected, action);
}

Attributes make_attributes(std::initializer_list<std::pair<const char*, AttrValue>> list) {
  Attributes attributes;
  for (const auto& [name, value] : list) attributes.set(name, value);
  return attributes;
}

const std::map<std::string, ContribOp, std::less<>>& contrib_ops() {
  static const auto* const table = [] {
    ContribList list;
    add_quantized_pointwise(list);
    add_quantized_pools(list);
    add_quantized_products(list);
    add_matmul_nbits(list);
    add_fused_products(list);
    add_activations(list);
    add_normalizations(list);
    add_attention(list);
    add_plugins(list);
    add_maps(list);
    auto* made = new std::map<std::string, ContribOp, std::less<>>();
    for (ContribOp& op : list) {
      std::string name = op.schema.full_name();
      made->emplace(std::move(name), std::move(op));
    }
    return made;
  }();
  return *table;
}

const ContribOp* find_contrib(std::string_view domain, std::string_view name) {
  const auto found = contrib_ops().find(domain.empty() ? std::string(name) : fmt::format("{}.{}", domain, name));
  return found != contrib_ops().end() ? &found->second : nullptr;
}

}  // namespace sinter::onnx
