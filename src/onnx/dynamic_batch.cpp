#include "onnx/dynamic_batch.h"

#include <algorithm>

#include "onnx/batch_tracer.h"
#include "onnx/import.h"

namespace sinter::onnx {

Status make_batch_dynamic(ir::Graph& graph, const std::string& label, std::optional<int64_t> size) {
  return BatchTracer(graph, label).run(size);
}

std::vector<ir::Value*> BatchTracer::find_inputs() const {
  std::vector<ir::Value*> found;
  for (ir::Value* input : graph_.inputs) {
    const ValueType& type = input->type;
    if (type.is_tensor() && type.shape && !type.shape->empty() && type.shape->front().is(1)) found.push_back(input);
  }
  return found;
}

Status BatchTracer::run(std::optional<int64_t> size) {
  const std::vector<ir::Value*> inputs = find_inputs();
  if (inputs.empty()) return ok_status();
  SINTER_TRY(see_constants());
  std::set<std::string> taken;
  for (const auto& [id, value] : graph_.values()) {
    if (!value->type.is_tensor() || !value->type.shape) continue;
    shapes_.emplace(value.get(), *value->type.shape);
    for (const Dim& dim : *value->type.shape) dim.collect_symbols(taken);
  }
  symbol_ = "batch";
  for (int i = 2; taken.count(symbol_); ++i) symbol_ = fmt::format("batch_{}", i);
  batch_ = Dim::symbol(symbol_);
  first_input_ = inputs.front();
  for (ir::Value* input : inputs) {
    input->type.shape->front() = batch_;
    places_[input] = Place::at(0);
  }
  std::vector<ir::Node*> nodes;  // rules insert nodes
  for (const auto& node : graph_.nodes()) nodes.push_back(node.get());
  for (ir::Node* node : nodes) SINTER_TRY(trace(*node));
  SINTER_TRY(check_outputs());
  // The file's claims held for one sample.
  for (const auto& [id, value] : graph_.values()) value->declared = value->type;
  return size ? bind(*size) : ok_status();
}

Status BatchTracer::bind(int64_t size) {
  for (ir::Value* input : graph_.inputs) {
    if (places_.count(input)) input->type.shape->front() = size;
  }
  return ir::infer_types(graph_).with(fmt::format("while giving '{}' a batch of {}", label_, size));
}

const Shape& BatchTracer::single(const ir::Value& value) const {
  static const Shape kUnknown;
  const auto found = shapes_.find(&value);
  return found == shapes_.end() ? kUnknown : found->second;
}

Place BatchTracer::place(size_t input) const {
  const auto found = places_.find(node_->input(input));
  return found == places_.end() ? Place() : found->second;
}

std::optional<std::vector<int64_t>> BatchTracer::integers(size_t input) const {
  const ir::Value* value = node_->input(input);
  while (value && value->captured) value = value->captured;
  if (!value) return std::nullopt;
  if (value->is_constant()) return is_integer(value->constant.dtype()) ? std::optional(value->constant.to_i64()) : std::nullopt;
  if (!value->elements) return std::nullopt;
  std::vector<int64_t> result;
  for (const Dim& dim : value->elements->elements) {
    if (!dim.is_constant()) return std::nullopt;
    result.push_back(dim.value());
  }
  return result;
}

bool BatchTracer::varies(size_t input, size_t element) const {
  if (place(input).kind == Place::Kind::kShared) return false;
  const std::optional<ShapeTensor>& elements = node_->input(input)->elements;
  return !elements || element >= elements->elements.size() || depends_on_batch(elements->elements[element]);
}

int64_t BatchTracer::attribute(std::string_view name, int64_t otherwise) const {
  const AttrValue* value = node_->attributes.find(name);
  const int64_t* number = value ? std::get_if<int64_t>(value) : nullptr;
  return number ? *number : otherwise;
}

Status BatchTracer::forbid(const std::string& found) const {
  Finding finding;
  finding.file = label_;
  finding.node = node_->source_nodes.empty() ? node_->name : node_->source_nodes.front();
  finding.op = node_->op->name;
  finding.domain = node_->op->domain;
  finding.found = found;
  finding.expected = "samples that do not affect each other (--dynamic-batch)";
  finding.action = "build without --dynamic-batch, or export the model with a dynamic batch";
  return make_error(Code::kUnsupported, "{}", finding.to_string());
}

Status BatchTracer::put(size_t output, Place place) {
  if (const ir::Value* value = node_->output(output)) places_[value] = std::move(place);
  return ok_status();
}

bool BatchTracer::depends_on_batch(const Dim& dim) const {
  std::set<std::string> symbols;
  dim.collect_symbols(symbols);
  return symbols.count(symbol_) > 0;
}

Shape BatchTracer::expected(const Shape& single, const Place& place) const {
  Shape shape = single;
  shape[static_cast<size_t>(place.axis)] *= batch_;
  return shape;
}

const Shape* BatchTracer::inferred(size_t output) const {
  const ir::Value* value = node_->output(output);
  return value && value->type.is_tensor() && value->type.shape ? &*value->type.shape : nullptr;
}

bool BatchTracer::infers(size_t output, const Place& place) {
  if (!ir::infer_node(*node_).ok()) return false;
  const Shape* shape = inferred(output);
  return shape && *shape == expected(output_shape(output), place);
}

ir::Node* BatchTracer::make_node(std::string_view op, std::vector<ir::Value*> inputs, Attributes attributes) {
  const std::string name = graph_.unique_node_name(fmt::format("{}/{}", node_->name, op));
  ir::Node* made = graph_.add_node(find_op("", op), name, std::move(inputs), {name}, std::move(attributes), node_);
  made->source_nodes = node_->source_nodes;
  return made;
}

// i64[n]: these elements, the one at `axis` being the number of samples.
Result<ir::Value*> BatchTracer::sizes_vector(std::vector<int64_t> elements, int axis) {
  Attributes first;
  first.set("start", int64_t{0});
  first.set("end", int64_t{1});
  ir::Node* shape = make_node("Shape", {first_input_}, std::move(first));
  SINTER_TRY(ir::infer_node(*shape));
  if (elements.size() == 1) return shape->output();
  const auto middle = elements.begin() + axis;
  std::vector<ir::Value*> parts;
  if (axis > 0) parts.push_back(graph_.add_constant(node_->name + "/before", Tensor::from_i64({elements.begin(), middle})));
  parts.push_back(shape->output());
  if (middle + 1 != elements.end()) parts.push_back(graph_.add_constant(node_->name + "/after", Tensor::from_i64({middle + 1, elements.end()})));
  Attributes axis_0;
  axis_0.set("axis", int64_t{0});
  ir::Node* joined = make_node("Concat", std::move(parts), std::move(axis_0));
  SINTER_TRY(ir::infer_node(*joined));
  return joined->output();
}

Status BatchTracer::spread(size_t input, int axis) {
  ir::Value* value = node_->input(input);
  if (place(input).kind == Place::Kind::kSizes || rank(input) <= axis || !shape(input)[static_cast<size_t>(axis)].is(1)) {
    return forbid(fmt::format("input '{}' {}, which is the same for every sample", value->name, to_string(shape(input))));
  }
  std::vector<int64_t> ones(static_cast<size_t>(rank(input) - axis), 1);
  SINTER_ASSIGN(ir::Value* const target, sizes_vector(std::move(ones), 0));
  ir::Node* expand = make_node("Expand", {value, target});
  shapes_[expand->output()] = shape(input);
  SINTER_TRY(ir::infer_node(*expand));
  places_[expand->output()] = Place::at(axis);
  node_->inputs[input] = expand->output();
  graph_.changed();
  return ok_status();
}

Status BatchTracer::follow_batch(size_t input, int axis) {
  std::optional<std::vector<int64_t>> elements = integers(input);
  if (!elements || static_cast<size_t>(axis) >= elements->size() || (*elements)[static_cast<size_t>(axis)] != 1) {
    return forbid(fmt::format("operand '{}' holds the number of samples in a form that can't be followed", node_->input(input)->name));
  }
  SINTER_ASSIGN(node_->inputs[input], sizes_vector(std::move(*elements), axis));
  graph_.changed();
  return ok_status();
}

void BatchTracer::set_constant(size_t input, const std::vector<int64_t>& elements) {
  node_->inputs[input] = graph_.add_constant(node_->input(input)->name + "/batch", Tensor::from_i64(elements));
  graph_.changed();
}

// Arithmetic on sizes: its results are known element by element.
Status BatchTracer::trace_sizes() {
  SINTER_TRY(ir::infer_node(*node_));
  for (const ir::Value* output : node_->outputs) {
    if (!output) continue;
    if (!output->elements) return forbid("computes with the number of samples");
    const std::vector<Dim>& elements = output->elements->elements;
    const bool depends = std::any_of(elements.begin(), elements.end(), [&](const Dim& dim) { return depends_on_batch(dim); });
    if (depends) places_[output] = {Place::Kind::kSizes};
  }
  return ok_status();
}

namespace {

constexpr int64_t kOperandElements = 256;  // larger ones are no shapes, scales or axes

// The value of a small operand that is computed from constants alone (Concat of Constants); undefined where it is not, or is not small.
Tensor constant_operand(const ir::Value& value) {
  const ir::Node* node = value.producer;
  const bool plain = node && node->outputs.size() == 1 && node->subgraphs.empty() && !node->op->is(kNondeterministic) &&
                     node->op->name.find("uantizeLinear") == std::string::npos;
  if (!plain || !value.type.is_tensor() || !value.type.shape || value.type.shape->size() > 1) return {};
  const std::optional<Dims> dims = constant_dims(*value.type.shape);
  if (!dims || product(*dims) > kOperandElements) return {};
  ir::Graph alone;
  std::vector<ir::Value*> inputs;
  for (const ir::Value* input : node->inputs) {
    if (input && (!input->is_constant() || input->constant.count() > kOperandElements)) return {};
    inputs.push_back(input ? alone.add_constant(input->name, input->constant) : nullptr);
  }
  alone.outputs = {alone.add_node(node->op, node->name, std::move(inputs), {value.name}, node->attributes)->output()};
  if (!ir::infer_types(alone).ok()) return {};
  const Result<std::vector<sinter::Value>> result = ir::evaluate(alone, {});
  return result.ok() && (*result)[0].is_tensor() ? (*result)[0].tensor() : Tensor();
}

}  // namespace

// Shape rules look for constants; the passes that fold them come later. Nodes are in order, so that chains fold as they are met.
Status BatchTracer::see_constants() {
  std::unordered_map<const ir::Value*, ir::Value*> known;
  for (const auto& node : graph_.nodes()) {
    for (ir::Value*& input : node->inputs) {
      if (!input || input->is_constant()) continue;
      const auto [found, is_new] = known.emplace(input, nullptr);
      if (is_new) {
        const Tensor tensor = constant_operand(*input);
        if (tensor.defined()) found->second = graph_.add_constant(input->name + "/value", tensor);
      }
      if (found->second) input = found->second;
    }
  }
  graph_.changed();
  return ir::infer_types(graph_).with(fmt::format("while giving '{}' a dynamic batch", label_));
}

Status BatchTracer::trace(ir::Node& node) {
  node_ = &node;
  bool batched = false, sizes = false;
  const auto count = [&](const ir::Value* value) {
    const auto found = places_.find(value);
    if (found == places_.end()) return;
    batched |= found->second.batched();
    sizes |= found->second.kind == Place::Kind::kSizes;
  };
  for (const ir::Value* input : node.inputs) count(input);
  bool captures = false;
  for (const auto& [name, body] : node.subgraphs) {
    for (const auto& [id, value] : body->values()) {
      if (!value->captured) continue;
      const bool before = batched || sizes;
      count(value->captured);
      captures |= !before && (batched || sizes);
    }
  }
  if (!batched && !sizes) return ir::infer_node(node);
  if (captures || !node.subgraphs.empty()) return forbid("control flow that depends on the samples");
  if (node.is("Shape") || node.is("Size")) return trace_sizes();
  const bool takes_type_only = node.is("CastLike") && !places_.count(node.input(0));
  if (takes_type_only) return ir::infer_node(node);
  const BatchRule rule = find_batch_rule(*node.op);
  const bool fills = node.is("ConstantOfShape") || node.is("Expand") || node.is("Tile");
  if (!batched && !fills) return trace_sizes();
  if (!rule) return forbid("samples meet an operator that is not known to treat them alone");
  for (const ir::Value* value : node.inputs) {
    if (value && !shapes_.count(value)) return forbid(fmt::format("the rank of '{}' is unknown", value->name));
  }
  if (node.output() && !shapes_.count(node.output())) return forbid("an output of unknown rank");
  SINTER_TRY(rule(*this));
  SINTER_TRY(ir::infer_node(node).with(fmt::format("while giving '{}' a dynamic batch", label_)));
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const ir::Value* output = node.output(i);
    if (!output) continue;
    const auto found = places_.find(output);
    if (found == places_.end() || !found->second.batched()) return forbid(fmt::format("output '{}' mixes samples", output->name));
    if (!inferred(i) || *inferred(i) != expected(output_shape(i), found->second)) {
      return forbid(fmt::format("shape {} for one sample becomes {}", to_string(output_shape(i)),
                                inferred(i) ? to_string(*inferred(i)) : "unknown"));
    }
  }
  return ok_status();
}

Status BatchTracer::forbid_output(const ir::Value& output) const {
  const auto found = places_.find(&output);
  const bool batched = found != places_.end() && found->second.batched();
  const std::string what = batched ? fmt::format("has its samples in axis {}", found->second.axis) : "is the same for any number of samples";
  return make_error(Code::kUnsupported, "{}: output '{}' {} (made by node '{}'); expected them in axis 0 (--dynamic-batch); build without --dynamic-batch, "
                    "or export the model with a dynamic batch", label_, output.name, what, output.producer ? output.producer->name : "");
}

Status BatchTracer::check_outputs() {
  for (const ir::Value* output : graph_.outputs) {
    const auto found = places_.find(output);
    const bool leads = found != places_.end() && found->second.batched() && found->second.axis == 0 && found->second.outer.is(1);
    if (!leads || !output->type.shape || !depends_on_batch(output->type.shape->front())) return forbid_output(*output);
  }
  return ok_status();
}

}  // namespace sinter::onnx
