// infer_types(): runs the shape rules in order and merges what they say with what the file declared.
//
// A declared type is only a claim: a contradiction is an error, and a declared constant does not replace an inferred expression
// whose symbols are all bound by the inputs of the main graph, since that expression is exact.
#include <algorithm>

#include "ir/graph.h"

namespace sinter::ir {
namespace {

constexpr int64_t kTrackedElements = 256;  // constants of more elements are no shapes

std::string symbol_text(std::string_view text) {
  std::string clean;
  for (char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '/';
    clean += plain ? c : '_';
  }
  if (clean.empty() || (clean[0] >= '0' && clean[0] <= '9')) clean.insert(clean.begin(), 'n');
  return clean;
}

// Node names are unique in their graph only, so a body's symbols begin with the names of the nodes that own it.
std::string symbol_prefix(const Node& node) {
  std::string prefix = node.name;
  for (const Graph* graph = node.graph; graph && graph->owner(); graph = graph->parent()) {
    prefix = graph->owner()->name + "/" + graph->name + "/" + prefix;
  }
  return prefix;
}

bool bound_by_inputs(const Dim& dim, const Graph& graph) {
  const Graph* root = &graph;
  while (root->parent()) root = root->parent();
  std::set<std::string> bound, used;
  for (const Value* input : root->inputs) {
    if (!input->type.shape) continue;
    for (const Dim& d : *input->type.shape) d.collect_symbols(bound);
  }
  dim.collect_symbols(used);
  return std::includes(bound.begin(), bound.end(), used.begin(), used.end());
}

// The more precise of two types; nullopt when they contradict each other.
std::optional<ValueType> merge(const ValueType& declared, const ValueType& inferred, const Graph& graph) {
  using Kind = ValueType::Kind;
  if (declared.kind == Kind::kUnknown) return inferred;
  if (inferred.kind == Kind::kUnknown) return declared;
  if (declared.kind != inferred.kind) return std::nullopt;
  if (declared.kind != Kind::kTensor) {
    if (!declared.element) return inferred;
    if (!inferred.element) return declared;
    std::optional<ValueType> element = merge(*declared.element, *inferred.element, graph);
    if (!element) return std::nullopt;
    return declared.kind == Kind::kSequence ? ValueType::sequence(*element) : ValueType::optional(*element);
  }
  ValueType merged = inferred;
  if (merged.dtype == DType::kUndefined) merged.dtype = declared.dtype;
  if (declared.dtype != DType::kUndefined && declared.dtype != merged.dtype) return std::nullopt;
  if (!declared.shape) return merged;
  if (!merged.shape) {
    merged.shape = declared.shape;
    return merged;
  }
  if (merged.shape->size() != declared.shape->size()) return std::nullopt;
  for (size_t i = 0; i < merged.shape->size(); ++i) {
    Dim& dim = (*merged.shape)[i];
    const Dim& claim = (*declared.shape)[i];
    if (!claim.is_constant()) continue;
    if (dim.is_constant()) {
      if (dim != claim) return std::nullopt;
    } else if (!bound_by_inputs(dim, graph)) {
      dim = claim;
    }
  }
  return merged;
}

void note_declared(Value& value) {
  if (value.noted) return;
  value.noted = true;
  value.declared = value.type;
}

const Value* behind_captures(const Value* value) {
  while (value && value->captured) value = value->captured;
  return value;
}

Status infer_body(Graph& graph);

class NodeInference final : public InferContext {
 public:
  explicit NodeInference(Node& node) : node_(node), types_(node.outputs.size()), elements_(node.outputs.size()) {}

  int input_count() const override { return static_cast<int>(node_.inputs.size()); }
  int output_count() const override { return static_cast<int>(node_.outputs.size()); }
  bool has_input(int index) const override { return value(index) != nullptr; }
  bool has_output(int index) const override {
    return index >= 0 && index < output_count() && node_.outputs[index] != nullptr;
  }
  const ValueType& input_type(int index) const override {
    static const ValueType kUnknown;
    const Value* input = value(index);
    return input ? input->type : kUnknown;
  }
  const Shape* input_shape(int index) const override {
    const ValueType& type = input_type(index);
    return type.is_tensor() && type.shape ? &*type.shape : nullptr;
  }
  const Tensor* input_constant(int index) const override {
    const Value* input = behind_captures(value(index));
    return input && input->is_constant() ? &input->constant : nullptr;
  }
  std::optional<ShapeTensor> input_elements(int index) const override {
    if (const Tensor* constant = input_constant(index)) return constant_elements(*constant);
    const Value* input = value(index);
    return input ? input->elements : std::nullopt;
  }
  const Attributes& attributes() const override { return node_.attributes; }

  void set_output(int index, ValueType type) override {
    if (has_output(index)) types_[index] = std::move(type);
  }
  void set_output_elements(int index, ShapeTensor elements) override {
    const bool fits = elements.dims.size() <= 1 && product(elements.dims) == static_cast<int64_t>(elements.elements.size());
    if (has_output(index) && fits) elements_[index] = std::move(elements);
  }
  Dim fresh_symbol(std::string_view hint) override {
    std::string name = symbol_text(symbol_prefix(node_) + "." + std::string(hint));
    const int count = symbols_[name]++;
    if (count > 0) name += fmt::format(".{}", count);
    return Dim::symbol(name);
  }
  bool has_subgraph(std::string_view attribute) const override { return node_.subgraphs.count(attribute) != 0; }
  Result<std::vector<ValueType>> infer_subgraph(std::string_view attribute, std::span<const ValueType> inputs) override;
  Status error(std::string message) const override {
    return make_error(Code::kInvalidModel, "node '{}' ({}): {}", node_.name, node_.op->full_name(), message);
  }

  // Merges with what was declared and stores.
  Status store() {
    for (size_t i = 0; i < types_.size(); ++i) {
      Value* output = node_.outputs[i];
      if (!output) continue;
      note_declared(*output);
      std::optional<ValueType> merged = merge(output->declared, types_[i], *node_.graph);
      if (!merged) {
        return error(fmt::format("output '{}' is declared {} but its inputs make it {}; the two must agree; correct the "
                                 "declared type or export the model again",
                                 output->name, output->declared.to_string(), types_[i].to_string()));
      }
      if (merged->rank() > kMostRank) {
        return error(fmt::format("output '{}' would have rank {}; expected at most {}; correct the model or its inputs", output->name, merged->rank(), kMostRank));
      }
      if (merged->shape && std::any_of(merged->shape->begin(), merged->shape->end(), [](const Dim& dim) { return dim.is_constant() && dim.value() < 0; })) {
        return error(fmt::format("output '{}' would be {}; expected sizes that are not negative; correct the model or its inputs", output->name, to_string(*merged->shape)));
      }
      if (!fits_memory(*merged)) {
        return error(fmt::format("output '{}' would be {}; expected a size that fits in memory; correct the model or its inputs", output->name,
                                 merged->to_string()));
      }
      output->type = std::move(*merged);
      output->elements = std::move(elements_[i]);
    }
    return ok_status();
  }

 private:
  static constexpr int kMostRank = 64;  // what a plan takes

  // False for a tensor of known dims that no machine could hold.
  static bool fits_memory(const ValueType& type) {
    constexpr double kMostBytes = 0x1p47;  // of an address space
    if (!type.is_tensor() || !type.shape) return true;
    double bytes = std::max(1, dtype_bits(type.dtype)) / 8.0;
    for (const Dim& dim : *type.shape) {
      if (!dim.is_constant() || dim.value() == 0) return true;
      bytes *= static_cast<double>(dim.value());
    }
    return bytes <= kMostBytes;
  }

  static std::optional<ShapeTensor> constant_elements(const Tensor& tensor) {
    if (tensor.rank() > 1 || tensor.count() > kTrackedElements || !is_integer(tensor.dtype())) return std::nullopt;
    ShapeTensor elements{tensor.dims(), {}};
    for (int64_t element : tensor.to_i64()) elements.elements.emplace_back(element);
    return elements;
  }
  const Value* value(int index) const { return index >= 0 && index < input_count() ? node_.inputs[index] : nullptr; }

  Node& node_;
  std::vector<ValueType> types_;
  std::vector<std::optional<ShapeTensor>> elements_;
  std::map<std::string, int> symbols_;
};

Result<std::vector<ValueType>> NodeInference::infer_subgraph(std::string_view attribute, std::span<const ValueType> inputs) {
  auto found = node_.subgraphs.find(attribute);
  if (found == node_.subgraphs.end()) {
    return error(fmt::format("body '{}' is missing; the operator needs it; check the exporter", attribute));
  }
  Graph& body = *found->second;
  if (body.inputs.size() != inputs.size()) {
    return error(fmt::format("body '{}' has {} inputs; the node passes {}; check the exporter", attribute, body.inputs.size(),
                             inputs.size()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    Value* input = body.inputs[i];
    note_declared(*input);
    std::optional<ValueType> merged = merge(input->declared, inputs[i], body);
    if (!merged) {
      return error(fmt::format("body '{}' declares its input '{}' {} but gets {}; the two must agree; export the model again",
                               attribute, input->name, input->declared.to_string(), inputs[i].to_string()));
    }
    input->type = std::move(*merged);
  }
  Status status = infer_body(body);
  if (!status.ok()) return std::move(status).with(fmt::format("in body '{}' of node '{}'", attribute, node_.name));
  std::vector<ValueType> types;
  for (const Value* output : body.outputs) types.push_back(output->type);
  return types;
}

Status infer_body(Graph& graph) {
  for (const auto& [id, value] : graph.values()) {
    if (!value->captured) continue;
    value->type = value->captured->type;
    value->elements = value->captured->elements;
  }
  for (const auto& node : graph.nodes()) SINTER_TRY(infer_node(*node));
  return ok_status();
}

}  // namespace

bool is_conditional(const Graph& graph) {
  for (const Graph* at = &graph; at; at = at->parent()) {
    if (at->owner() && at->owner()->is("If")) return true;
  }
  return false;
}

Status refine_node(Node& node) {
  Status status = infer_node(node);
  if (status.ok() || !is_conditional(*node.graph)) return status;
  for (Value* output : node.outputs) {
    if (!output) continue;
    output->type = {};
    output->elements.reset();
  }
  return ok_status();
}

Status infer_node(Node& node) {
  NodeInference inference(node);
  if (!node.op || !node.op->infer) {
    return make_error(Code::kUnsupported, "node '{}' ({}): the operator has no shape rule", node.name,
                      node.op ? node.op->full_name() : "no operator");
  }
  const int inputs = static_cast<int>(node.inputs.size());
  if (inputs < node.op->min_inputs()) {
    return inference.error(fmt::format("it has {} inputs; at least {} are needed; check the exporter", inputs,
                                       node.op->min_inputs()));
  }
  for (const AttrDef& def : node.op->attributes) {
    const AttrValue* value = node.attributes.find(def.name);
    if (def.kind == AttrKind::kGraph ? false : value ? value->index() != static_cast<size_t>(def.kind) : def.required) {
      return inference.error(fmt::format("attribute '{}' is {}; expected {}; check the exporter", def.name,
                                         value ? "of another kind" : "missing", attr_kind_name(def.kind)));
    }
  }
  SINTER_TRY(infer_op(*node.op, inference));
  return inference.store();
}

Status infer_types(Graph& graph) { return infer_body(graph); }

}  // namespace sinter::ir
