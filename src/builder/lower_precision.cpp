#include "builder/lower_precision.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "builder/node_problem.h"
#include "builder/tuner.h"

namespace sinter::builder {
namespace {

double largest(DType dtype) { return dtype == DType::kF16 ? 65504.0 : 3.3895e38; }

// Sums whose results leave f16's range although every element is inside.
bool adds_up(const ir::Node& node) {
  static constexpr std::string_view kSums[] = {"ReduceSum", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceProd", "CumSum", "CumProd", "LpPool", "GlobalLpPool"};
  return node.op->domain.empty() && std::find(std::begin(kSums), std::end(kSums), node.op->name) != std::end(kSums);
}

// The attribute that says the type of the result; null: inputs do.
const char* type_attribute(const ir::Node& node) { return node.is("Cast") ? "to" : node.is("DequantizeLinear") ? "output_dtype" : nullptr; }

bool is_program(const ir::Node& node) { return node.is("Pointwise", "sinter"); }

bool is_dense(const ir::Node& node) {
  static constexpr std::string_view kDense[] = {"Conv", "ConvTranspose", "DeformConv", "Gemm", "MatMul", "Attention", "LSTM", "GRU", "RNN"};
  return node.op->domain.empty() && std::find(std::begin(kDense), std::end(kDense), node.op->name) != std::end(kDense);
}

bool is_f32(const ir::Value* value) { return value && value->type.is_tensor() && value->type.dtype == DType::kF32; }

bool fits(const Tensor& tensor, DType dtype) {
  const float* data = tensor.data<float>();
  const double bound = largest(dtype);
  return std::all_of(data, data + tensor.count(), [&](float x) { return std::isinf(x) || std::isnan(x) || std::abs(x) <= bound; });
}

bool fits(const PointwiseProgram& program, DType dtype) {
  return std::all_of(program.code.begin(), program.code.end(), [&](const PointwiseInstruction& step) {
    return step.op != PointwiseOp::kConst || !(std::abs(step.constant) > largest(dtype));
  });
}

// Type of the parameter behind an input or output; "" for epilogue inputs and what lies beyond a schema.
std::string_view parameter_type(const std::vector<ParamDef>& params, size_t index) {
  if (index < params.size()) return params[index].type;
  return !params.empty() && params.back().kind == ParamKind::kVariadic ? std::string_view(params.back().type) : std::string_view();
}

// Whether the operator itself gives no result of this type, as products of whole numbers give f32 alone: only an epilogue can store it so.
bool is_stored_by_epilogue(const ir::Node& node, DType dtype) {
  const TypeVar* own = node.op->find_type(parameter_type(node.op->outputs, 0));
  return own && !contains(own->tensors, dtype);
}

// The type that a layer was asked to have, kUndefined when it is free. A result's type is its layer's.
DType wanted_type(const ir::Node& node, const LayerTypeMap& types) {
  if (types.empty()) return DType::kUndefined;
  const LayerTypes asked = asked_of(node, types).types;
  const auto floating = [](LayerType type) { return type == LayerType::kF32 || type == LayerType::kF16 || type == LayerType::kBF16; };
  if (floating(asked.precision)) return dtype_of(asked.precision);
  const bool free = asked.precision == LayerType::kFree || asked.precision == LayerType::kFloat;
  return free && !asked.outputs.empty() && floating(asked.outputs[0]) ? dtype_of(asked.outputs[0]) : DType::kUndefined;
}

// What an output was asked to be besides its layer's precision.
DType wanted_output(const ir::Node& node, size_t index, const LayerTypeMap& types) {
  const std::vector<LayerType> outputs = types.empty() ? std::vector<LayerType>() : asked_of(node, types).types.outputs;
  if (outputs.empty() || (outputs.size() > 1 && index >= outputs.size())) return DType::kUndefined;
  const DType dtype = dtype_of(outputs.size() == 1 ? outputs[0] : outputs[index]);
  return is_float(dtype) ? dtype : DType::kUndefined;
}

class Lowering {
 public:
  // `free`: layers that nobody asked for a type of become narrow too.
  Lowering(ir::Graph& graph, const BuildOptions& options, DType dtype, bool free, LoweringReasons& reasons)
      : graph_(graph), options_(options), dtype_(dtype), free_(free), reasons_(reasons), symbols_(collect_symbols(graph, options)) {}

  Status run() {
    collect_captured();
    collect_wanted();
    collect_tail();
    if (free_) collect_streams();
    for (auto it = graph_.nodes().begin(); it != graph_.nodes().end();) {
      ir::Node& node = **it++;
      const ir::Node* next = it == graph_.nodes().end() ? nullptr : it->get();
      if (made_.count(&node)) continue;
      Change change;
      if (pairs_.count(&node) > 0) {
        split_normalization(node);
      } else if (lowered(node, change)) {
        apply(node, change, next);
      } else if (!is_program(node)) {
        for (ir::Value*& input : node.inputs) {
          if (input && narrowed_.count(input)) input = widened(input, node);
        }
      }
      graph_.changed();
    }
    remove_unused_constants();
    SINTER_TRY(ir::infer_types(graph_));
    return ir::verify(graph_).with("after lowering the precision: this is a bug in Sinter");
  }

 private:
  struct Change {
    std::vector<size_t> inputs, outputs;  // which become narrow
    bool wide_result = false;             // output 0 stays f32, whatever the inputs are
    DType epilogue_type = DType::kUndefined;  // the type that the epilogue is to store, where it is to be said
  };

  void collect_wanted() {
    for (const auto& node : graph_.nodes()) {
      const DType wanted = wanted_type(*node, options_.layer_types);
      if (wanted == DType::kUndefined && free_) continue;
      if (wanted != dtype_) {
        kept_.insert(node.get());
        continue;
      }
      pinned_.insert(node.get());
      const ir::Value* output = node->output();
      if (is_f32(output) && wanted_output(*node, 0, options_.layer_types) == DType::kF32 && node->attributes.has(kEpilogueAttr)) wide_sums_.insert(output);
    }
  }

  void collect_captured() {
    for (const auto& node : graph_.nodes()) {
      for (const auto& [name, body] : node->subgraphs) {
        for (const auto& [id, value] : body->values()) {
          if (value->captured) captured_.insert(value->captured);
        }
      }
    }
  }

  // Nodes behind the last dense operator on every way to the outputs: little work, and its results are what people look at.
  void collect_tail() {
    const auto& nodes = graph_.nodes();
    for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) {
      const ir::Node& node = **it;
      bool in_tail = !is_dense(node) && node.subgraphs.empty();
      for (const ir::Value* output : node.outputs) {
        if (!output) continue;
        for (const ir::Node* user : graph_.users(output)) in_tail &= tail_.count(user) > 0;
      }
      if (in_tail) tail_.insert(&node);
    }
  }

  // Networks that normalise after each sum: the normalised value is the next sum's residual, so that every rounding of sums and residuals
  // stays in it to the end (BERT: twice the error). Both are kept in f32: the sum is stored wide, the normalisation's result in both types.
  void collect_streams() {
    for (const auto& node : graph_.nodes()) {
      if (!node->is("LayerNormalization") || node->outputs.size() != 1 || pinned_.count(node.get()) || kept_.count(node.get()) || tail_.count(node.get()) || captured_.count(node->output())) continue;
      const ir::Value* sum = node->input(0);
      if (!is_f32(sum) || !sum->producer || graph_.is_output(sum) || graph_.users(sum).size() != 1) continue;
      const ir::Node& producer = *sum->producer;
      if (pinned_.count(&producer)) continue;
      const bool makes_sum = is_program(producer) || (is_dense(producer) && producer.attributes.has(kEpilogueAttr));
      if (!makes_sum || !is_residual(node->output()) || graph_.is_output(node->output()) || collect_candidates(pair_problem(*node), options_).offers.empty()) continue;
      wide_sums_.insert(sum);
      pairs_.insert(node.get());
    }
  }

  // A program or an epilogue reads it, maybe through a view.
  bool is_residual(const ir::Value* value) const {
    const std::vector<ir::Node*> users = graph_.users(value);
    return std::any_of(users.begin(), users.end(), [&](const ir::Node* user) {
      if (is_program(*user)) return true;
      if (user->op->is(kViewOnly)) return is_residual(user->output());
      if (!user->attributes.has(kEpilogueAttr)) return false;
      return std::find(user->inputs.begin() + user->attributes.i(kEpilogueBaseAttr), user->inputs.end(), value) != user->inputs.end();
    });
  }

  Attributes pair_attributes(const ir::Node& node) const {
    Attributes attributes;
    attributes.set("axis", node.attributes.i("axis"));
    attributes.set("epsilon", node.attributes.f("epsilon"));
    attributes.set("to", static_cast<int64_t>(dtype_));
    return attributes;
  }

  Problem pair_problem(const ir::Node& node) const {
    Problem problem = make_problem(node, symbols_, options_, place());
    problem.domain = "sinter";
    problem.op = "LayerNormalizationPair";
    problem.attributes = pair_attributes(node);
    problem.outputs.push_back(problem.outputs[0]);
    problem.outputs[1].dtype = dtype_;
    return problem;
  }

  void split_normalization(ir::Node& node) {
    ir::Value* result = node.output();
    ir::Node* pair = graph_.add_node(find_op("sinter", "LayerNormalizationPair"), node.name + "_pair", node.inputs, {result->name + "_wide", result->name + "_narrow"},
                                     pair_attributes(node), &node);
    pair->source_nodes = node.source_nodes;
    pair->output(0)->type = result->type;
    pair->output(1)->type = ValueType::tensor(dtype_, result->type.shape);
    graph_.replace_uses(result, pair->output(0));
    graph_.remove_node(&node);
    narrow_[pair->output(0)] = pair->output(1);
    narrowed_.insert(pair->output(1));
    made_.insert(pair);
  }

  plan::Place place() const { return options_.device ? plan::Place::kDevice : plan::Place::kHost; }

  // Gains and biases keep all their digits where the tactics take them so.
  bool lowered(const ir::Node& node, Change& change) const {
    if (kept_.count(&node) || (tail_.count(&node) && !pinned_.count(&node))) return false;
    std::string reason;
    for (const bool wide_vectors : {true, false}) {
      change = change_of(node, wide_vectors);
      reason = obstacle(node, change);
      if (reason.empty()) return true;
    }
    if (pinned_.count(&node)) reasons_[node.name] = reason;
    return false;
  }

  // Inputs and outputs that share the type of a result. A pointwise program reads any type.
  Change change_of(const ir::Node& node, bool wide_vectors) const {
    Change change;
    std::set<std::string_view> types;
    const bool pointwise = is_program(node), by_epilogue = is_stored_by_epilogue(node, dtype_);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (!is_f32(node.outputs[i])) continue;
      change.wide_result |= wide_sums_.count(node.outputs[i]) > 0;
      if (!wide_sums_.count(node.outputs[i])) change.outputs.push_back(i);
      if (!by_epilogue) types.insert(parameter_type(node.op->outputs, i));
    }
    if (change.wide_result) change.epilogue_type = DType::kF32;
    else if (by_epilogue && !change.outputs.empty()) change.epilogue_type = dtype_;
    const size_t own = node.attributes.has(kEpilogueAttr) ? static_cast<size_t>(node.attributes.i(kEpilogueBaseAttr)) : node.inputs.size();
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ir::Value* input = node.inputs[i];
      if (!input || !(is_f32(input) || narrowed_.count(input))) continue;
      if (wide_vectors && i > 0 && i < own && input->is_constant() && input->constant.rank() == 1) continue;
      const bool any_type = pointwise || i >= own;
      if (any_type ? is_large_constant(input) : types.count(parameter_type(node.op->inputs, i)) > 0) change.inputs.push_back(i);
    }
    return change;
  }

  // Worth half the bytes; the rest of a program's constants keep all their digits.
  bool is_large_constant(const ir::Value* value) const { return value->is_constant() && value->constant.count() >= 4096 && fits(value->constant, dtype_); }

  // Why the node can't be narrow in this way; "": it can.
  std::string obstacle(const ir::Node& node, const Change& change) const {
    const bool pinned = pinned_.count(&node) > 0;
    if (change.wide_result && is_program(node)) return "its sum stays in f32";
    if (change.outputs.empty() && !change.wide_result) return "it makes no f32";
    if (change.epilogue_type == dtype_ && !node.attributes.has(kEpilogueAttr)) return "its own result is f32 alone";
    if (!node.subgraphs.empty() || node.op->is(kNondeterministic)) return "bodies of control flow and random numbers keep their types";
    if (dtype_ == DType::kF16 && adds_up(node) && !pinned) return "sums soon leave f16's range";
    for (size_t i : change.outputs) {
      if (captured_.count(node.outputs[i])) return "a body of control flow reads it as f32";
    }
    const auto too_large = [&] { return fmt::format("its constants leave the range of {}", dtype_name(dtype_)); };
    for (size_t i : change.inputs) {
      const ir::Value* input = node.inputs[i];
      if (is_f32(input) && input->is_constant() && !fits(input->constant, dtype_)) return too_large();
    }
    Problem problem = make_problem(node, symbols_, options_, place());
    if (problem.has_epilogue() && !fits(problem.epilogue, dtype_)) return too_large();
    if (is_program(node)) {
      const auto program = PointwiseProgram::parse(node.attributes.s("program"));
      if (!program.ok() || !fits(*program, dtype_)) return too_large();
      problem.attributes.set("dtypes", dtypes_of(node, change));
    }
    if (const char* name = type_attribute(node)) problem.attributes.set(name, static_cast<int64_t>(dtype_));
    const NodeKind kind = classify(node, symbols_);
    // A view has the type of its value; of a value in both types, the one that its readers want.
    if (kind == NodeKind::kView) {
      const bool narrow = narrowed_.count(node.inputs[0]) > 0 || (narrow_.count(node.inputs[0]) > 0 && !is_residual(node.output()));
      return narrow || pinned ? "" : "a view of f32";
    }
    if (kind != NodeKind::kKernel) return "its sizes depend on data";
    for (size_t i : change.inputs) {
      problem.inputs[i].dtype = dtype_;
      if (problem.inputs[i].value.defined()) problem.inputs[i].value = problem.inputs[i].value.cast(dtype_);
    }
    for (size_t i : change.outputs) problem.outputs[i].dtype = dtype_;
    if (change.epilogue_type != DType::kUndefined) problem.attributes.set(std::string(kEpilogueTypeAttr), static_cast<int64_t>(change.epilogue_type));
    const Candidates candidates = collect_candidates(problem, options_);
    if (!candidates.offers.empty()) return "";
    return candidates.refusals.empty() ? fmt::format("no tactic knows it in {}", dtype_name(dtype_)) : candidates.refusals.front();
  }

  AttrValue dtypes_of(const ir::Node& node, const Change& change) const {
    std::vector<int64_t> dtypes = node.attributes.ints("dtypes");
    for (size_t i : change.outputs) dtypes[i] = static_cast<int64_t>(dtype_);
    return dtypes;
  }

  void apply(ir::Node& node, const Change& change, const ir::Node* next) {
    for (size_t i : change.inputs) {
      if (is_f32(node.inputs[i])) node.inputs[i] = narrow(node.inputs[i], node);
    }
    if (is_program(node)) node.attributes.set("dtypes", dtypes_of(node, change));
    if (const char* name = type_attribute(node)) node.attributes.set(name, static_cast<int64_t>(dtype_));
    if (change.epilogue_type != DType::kUndefined) node.attributes.set(std::string(kEpilogueTypeAttr), static_cast<int64_t>(change.epilogue_type));
    for (size_t i : change.outputs) {
      ir::Value* value = node.outputs[i];
      value->type.dtype = value->declared.dtype = dtype_;
      narrowed_.insert(value);
      if (!graph_.is_output(value)) continue;
      // The model's output keeps its type and name.
      ir::Value* wide = cast(value, DType::kF32, next);
      const std::vector<ir::Node*> users = graph_.users(value);
      graph_.replace_uses(value, wide);
      for (ir::Node* user : users) std::replace(user->inputs.begin(), user->inputs.end(), wide, value);
      graph_.changed();
      wide_[value] = wide;
    }
  }

  ir::Value* narrow(ir::Value* value, const ir::Node& before) {
    ir::Value*& known = narrow_[value];
    if (known) return known;
    known = value->is_constant() ? graph_.add_constant(value->name, value->constant.cast(dtype_)) : cast(value, dtype_, &before);
    if (value->is_constant()) known->onnx_names = value->onnx_names;
    narrowed_.insert(known);
    return known;
  }

  ir::Value* widened(ir::Value* value, const ir::Node& before) {
    ir::Value*& known = wide_[value];
    if (!known) known = cast(value, DType::kF32, &before);
    return known;
  }

  ir::Value* cast(ir::Value* value, DType to, const ir::Node* before) {
    Attributes attributes;
    attributes.set("to", static_cast<int64_t>(to));
    const std::string name = fmt::format("{}_{}", value->name, dtype_name(to));
    ir::Node* node = graph_.add_node(find_op("", "Cast"), name, {value}, {name}, std::move(attributes), before);
    node->source_nodes = value->producer ? value->producer->source_nodes : std::vector<std::string>{};
    node->output()->type = ValueType::tensor(to, value->type.shape);
    made_.insert(node);
    return node->output();
  }

  void remove_unused_constants() {
    for (const auto& [wide, narrow] : narrow_) {
      if (wide->is_constant() && graph_.use_count(wide) == 0) graph_.remove_value(wide);
    }
  }

  ir::Graph& graph_;
  const BuildOptions& options_;
  const DType dtype_;
  const bool free_;
  LoweringReasons& reasons_;
  const SymbolTable symbols_;
  std::set<const ir::Node*> pinned_, kept_;  // asked to be narrow, not to be
  std::set<const ir::Node*> tail_;
  std::set<const ir::Value*> wide_sums_;  // read by the normalisations in pairs_ alone
  std::set<const ir::Node*> pairs_;
  std::set<const ir::Value*> captured_;  // by bodies: as f32
  std::set<const ir::Value*> narrowed_;  // values that were f32, or stand for one that is
  std::set<const ir::Node*> made_;       // casts
  std::map<ir::Value*, ir::Value*> narrow_, wide_;
};

bool is_wanted(const ir::Graph& graph, const BuildOptions& options, DType dtype) {
  const auto& nodes = graph.nodes();
  return std::any_of(nodes.begin(), nodes.end(), [&](const auto& node) { return wanted_type(*node, options.layer_types) == dtype; });
}

bool is_narrow_float(const ir::Value* value) {
  return value && value->type.is_tensor() && (value->type.dtype == DType::kF16 || value->type.dtype == DType::kBF16);
}

ir::Value* add_cast(ir::Graph& graph, ir::Value* value, DType to, const ir::Node& source, const ir::Node* before) {
  Attributes attributes;
  attributes.set("to", static_cast<int64_t>(to));
  const std::string name = fmt::format("{}_{}", value->name, dtype_name(to));
  ir::Node* cast = graph.add_node(find_op("", "Cast"), name, {value}, {name}, std::move(attributes), before);
  cast->source_nodes = source.source_nodes;
  cast->output()->type = ValueType::tensor(to, value->type.shape);
  return cast->output();
}

// Every reader of `value` but the node `first` reads `instead`, which `first` leads to.
void read_instead(ir::Graph& graph, ir::Value* value, ir::Value* instead, ir::Node& first) {
  graph.replace_uses(value, instead);
  std::replace(first.inputs.begin(), first.inputs.end(), instead, value);
  graph.changed();
}

// Layers of f16 or bf16 that were asked to be of another type become f32 layers between conversions.
Status widen_pinned(ir::Graph& graph, const BuildOptions& options) {
  if (options.layer_types.empty()) return ok_status();
  std::map<const ir::Value*, ir::Value*> wide;  // a narrowed result → what it was made of
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    ir::Node& node = **it++;
    const ir::Node* next = it == graph.nodes().end() ? nullptr : it->get();
    const DType wanted = wanted_type(node, options.layer_types);
    const bool other = wanted != DType::kUndefined && is_narrow_float(node.output()) && node.output()->type.dtype != wanted;
    if (!other || node.is("Cast") || node.op->is(kViewOnly) || !node.subgraphs.empty() || node.attributes.has("dtype") || node.attributes.has("output_dtype")) continue;
    const bool program = is_program(node);
    for (ir::Value*& input : node.inputs) {
      if (program || !is_narrow_float(input)) continue;
      const auto known = wide.find(input);
      if (known != wide.end()) input = known->second;
      else if (input->is_constant()) input = graph.add_constant(input->name, input->constant.cast(DType::kF32));
      else input = add_cast(graph, input, DType::kF32, node, &node);
    }
    std::vector<int64_t> dtypes = program ? node.attributes.ints("dtypes") : std::vector<int64_t>();
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      ir::Value* output = node.outputs[i];
      if (!is_narrow_float(output)) continue;
      const DType own = output->type.dtype;
      output->type.dtype = output->declared.dtype = DType::kF32;
      if (program) dtypes[i] = static_cast<int64_t>(DType::kF32);
      if (graph.use_count(output) == 0) continue;
      ir::Value* narrow = add_cast(graph, output, own, node, next);
      read_instead(graph, output, narrow, *narrow->producer);
      wide[narrow] = output;
    }
    if (program) node.attributes.set("dtypes", dtypes);
    graph.changed();
  }
  SINTER_TRY(ir::infer_types(graph));
  return ir::verify(graph).with("after widening layers: this is a bug in Sinter");
}

// Results that were asked to be narrower than their layer are rounded to that type.
Status convert_outputs(ir::Graph& graph, const BuildOptions& options) {
  if (options.layer_types.empty()) return ok_status();
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    ir::Node& node = **it++;
    const ir::Node* next = it == graph.nodes().end() ? nullptr : it->get();
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      ir::Value* output = node.outputs[i];
      const DType wanted = wanted_output(node, i, options.layer_types);
      if (!is_f32(output) || (wanted != DType::kF16 && wanted != DType::kBF16) || node.is("Cast") || graph.use_count(output) == 0) continue;
      ir::Value* narrow = add_cast(graph, output, wanted, node, next);
      ir::Value* wide = add_cast(graph, narrow, DType::kF32, node, next);
      read_instead(graph, output, wide, *narrow->producer);
    }
  }
  SINTER_TRY(ir::infer_types(graph));
  return ir::verify(graph).with("after converting results: this is a bug in Sinter");
}

}  // namespace

Status lower_precision(ir::Graph& graph, const BuildOptions& options, LoweringReasons* reasons) {
  LoweringReasons own;
  LoweringReasons& told = reasons ? *reasons : own;
  const Precision& permitted = options.precision;
  DType free = permitted.fp16 ? DType::kF16 : DType::kBF16;
  if (!options.device || !(permitted.fp16 || permitted.bf16)) free = DType::kF32;
  if (options.narrow) free = *options.narrow;
  SINTER_TRY(widen_pinned(graph, options));
  if (free != DType::kF32) SINTER_TRY(Lowering(graph, options, free, true, told).run());
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    if (dtype != free && is_wanted(graph, options, dtype)) SINTER_TRY(Lowering(graph, options, dtype, false, told).run());
  }
  return convert_outputs(graph, options);
}

}  // namespace sinter::builder
