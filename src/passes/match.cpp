// Questions passes ask of a graph (match.h).
#include "passes/match.h"

#include <algorithm>
#include <cmath>

namespace sinter::passes {

const OpDef* op(std::string_view name, std::string_view domain) { return find_op(domain, name); }

Node* only_user(const IrValue* value) {
  if (!value || !value->graph || value->graph->is_output(value)) return nullptr;
  const std::vector<Node*> users = value->graph->users(value);
  if (users.empty() || !std::all_of(users.begin(), users.end(), [&](Node* user) { return user == users[0]; })) return nullptr;
  return users[0];
}

bool used_once(const IrValue* value) { return only_user(value) != nullptr; }

bool has_epilogue(const Node& node) { return node.attributes.has(kEpilogueAttr); }

Node* producer(const IrValue* value, std::string_view op_name) {
  return value && value->producer && value->producer->is(op_name) && !has_epilogue(*value->producer) ? value->producer : nullptr;
}

bool precedes(const Node& a, const Node& b) {
  for (const auto& node : a.graph->nodes()) {
    if (node.get() == &a) return &a != &b;
    if (node.get() == &b) return false;
  }
  return false;
}

const Tensor* constant_of(const IrValue* value) {
  while (value && value->captured) value = value->captured;
  return value && value->is_constant() ? &value->constant : nullptr;
}

std::optional<double> scalar_of(const IrValue* value) {
  const Tensor* tensor = constant_of(value);
  if (!tensor || tensor->count() != 1 || !contains(kNumericTypes, tensor->dtype())) return std::nullopt;
  return tensor->to_f64()[0];
}

bool is_scalar(const IrValue* value, double number, double tolerance) {
  const auto found = scalar_of(value);
  return found && std::abs(*found - number) <= tolerance * std::abs(number);
}

std::optional<std::vector<int64_t>> ints_of(const IrValue* value) {
  if (!value) return std::nullopt;
  if (const Tensor* tensor = constant_of(value)) {
    if (!is_integer(tensor->dtype())) return std::nullopt;
    return tensor->to_i64();
  }
  if (!value->elements) return std::nullopt;
  std::vector<int64_t> numbers;
  for (const Dim& element : value->elements->elements) {
    if (!element.is_constant()) return std::nullopt;
    numbers.push_back(element.value());
  }
  return numbers;
}

const Shape* shape_of(const IrValue* value) {
  return value && value->type.is_tensor() && value->type.shape ? &*value->type.shape : nullptr;
}

int rank_of(const IrValue* value) {
  const Shape* shape = shape_of(value);
  return shape ? static_cast<int>(shape->size()) : -1;
}

bool same_shape(const IrValue* a, const IrValue* b) {
  const Shape *x = shape_of(a), *y = shape_of(b);
  return x && y && *x == *y;
}

bool same_dtype(const IrValue* a, const IrValue* b) {
  return a && b && a->type.is_tensor() && b->type.is_tensor() && a->type.dtype == b->type.dtype;
}

bool broadcasts_to(const Shape& from, const Shape& to) {
  if (from.size() > to.size()) return false;
  for (size_t i = 0; i < from.size(); ++i) {
    const Dim& dim = from[from.size() - 1 - i];
    if (!dim.is(1) && dim != to[to.size() - 1 - i]) return false;
  }
  return true;
}

bool is_small_float(const IrValue* value) {
  return value && value->type.is_tensor() && contains(dtype_set(DType::kF32, DType::kF16, DType::kBF16), value->type.dtype);
}

std::optional<Dims> static_dims(const IrValue* value) {
  const Shape* shape = shape_of(value);
  return shape ? constant_dims(*shape) : std::nullopt;
}

IrValue* other_input(const Node& node, const IrValue* value) {
  if (node.inputs.size() != 2) return nullptr;
  if (node.inputs[0] == value) return node.inputs[1];
  return node.inputs[1] == value ? node.inputs[0] : nullptr;
}

std::optional<std::vector<int64_t>> reshape_target(const Shape& from, const Shape& to) {
  std::vector<int64_t> target;
  bool wildcard = false;
  for (size_t i = 0; i < to.size(); ++i) {
    if (to[i].is(0)) return std::nullopt;  // 0 stands for a copied dim
    if (to[i].is_constant()) {
      target.push_back(to[i].value());
    } else if (i < from.size() && from[i] == to[i]) {
      target.push_back(0);
    } else if (!wildcard) {
      wildcard = true;
      target.push_back(-1);
    } else {
      return std::nullopt;
    }
  }
  return target;
}

IrValue* add_reshape(Patch& patch, std::string_view name, IrValue* input, const Shape& to, const std::vector<const Node*>& sources) {
  const Shape* from = shape_of(input);
  const auto target = from ? reshape_target(*from, to) : std::nullopt;
  if (!target) return nullptr;
  IrValue* shape = patch.add_constant(fmt::format("{}_shape", name), Tensor::from_i64(*target));
  return patch.add_node(op("Reshape"), name, {input, shape}, 1, {}, sources)->output();
}

Result<std::vector<Tensor>> compute(const OpDef* op, const Attributes& attributes, const std::vector<Tensor>& inputs, int outputs) {
  Graph graph;
  std::vector<IrValue*> values;
  for (const Tensor& input : inputs) values.push_back(input.defined() ? graph.add_constant("c", input) : nullptr);
  std::vector<std::string> names;
  for (int i = 0; i < outputs; ++i) names.push_back("y");
  Node* node = graph.add_node(op, "node", values, names, attributes);
  graph.outputs = node->outputs;
  SINTER_TRY(ir::infer_types(graph));
  SINTER_ASSIGN(std::vector<Value> results, ir::evaluate(graph, {}));
  std::vector<Tensor> tensors;
  for (Value& result : results) {
    if (!result.is_tensor()) return make_error(Code::kUnsupported, "'{}' has an output that is no tensor", op->full_name());
    tensors.push_back(std::move(result.tensor()));
  }
  return tensors;
}

Tensor make_floats(const std::vector<double>& values, Dims dims, DType dtype) {
  Tensor wide(DType::kF64, std::move(dims));
  std::copy(values.begin(), values.end(), wide.data<double>());
  return dtype == DType::kF64 ? wide : wide.cast(dtype);
}

}  // namespace sinter::passes
