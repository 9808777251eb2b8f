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

class Lowering {
 public:
  Lowering(ir::Graph& graph, const BuildOptions& options)
      : graph_(graph), options_(options), dtype_(options.precision.fp16 ? DType::kF16 : DType::kBF16), symbols_(collect_symbols(graph, options)) {}

  Status run() {
    collect_captured();
    collect_tail();
    collect_streams();
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
  };

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
      if (!node->is("LayerNormalization") || node->outputs.size() != 1 || tail_.count(node.get()) || captured_.count(node->output())) continue;
      const ir::Value* sum = node->input(0);
      if (!is_f32(sum) || !sum->producer || graph_.is_output(sum) || graph_.users(sum).size() != 1) continue;
      const ir::Node& producer = *sum->producer;
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
    Problem problem = make_problem(node, symbols_, options_, plan::Place::kDevice);
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

  // Gains and biases keep all their digits where the tactics take them so.
  bool lowered(const ir::Node& node, Change& change) const {
    if (tail_.count(&node)) return false;
    change = change_of(node, true);
    if (takes(node, change)) return true;
    change = change_of(node, false);
    return takes(node, change);
  }

  // Inputs and outputs that share the type of a result. A pointwise program reads any type.
  Change change_of(const ir::Node& node, bool wide_vectors) const {
    Change change;
    std::set<std::string_view> types;
    const bool pointwise = is_program(node);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (!is_f32(node.outputs[i])) continue;
      change.wide_result |= wide_sums_.count(node.outputs[i]) > 0;
      if (!wide_sums_.count(node.outputs[i])) change.outputs.push_back(i);
      types.insert(parameter_type(node.op->outputs, i));
    }
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

  bool takes(const ir::Node& node, const Change& change) const {
    if (change.wide_result && is_program(node)) return false;
    if ((change.outputs.empty() && !change.wide_result) || !node.subgraphs.empty() || node.op->is(kNondeterministic)) return false;
    if (dtype_ == DType::kF16 && adds_up(node)) return false;
    for (size_t i : change.outputs) {
      if (captured_.count(node.outputs[i])) return false;
    }
    for (size_t i : change.inputs) {
      const ir::Value* input = node.inputs[i];
      if (is_f32(input) && input->is_constant() && !fits(input->constant, dtype_)) return false;
    }
    Problem problem = make_problem(node, symbols_, options_, plan::Place::kDevice);
    if (problem.has_epilogue() && !fits(problem.epilogue, dtype_)) return false;
    if (is_program(node)) {
      const auto program = PointwiseProgram::parse(node.attributes.s("program"));
      if (!program.ok() || !fits(*program, dtype_)) return false;
      problem.attributes.set("dtypes", dtypes_of(node, change));
    }
    const NodeKind kind = classify(node, symbols_);
    // A view has the type of its value; of a value in both types, the one that its readers want.
    if (kind == NodeKind::kView) return narrowed_.count(node.inputs[0]) > 0 || (narrow_.count(node.inputs[0]) > 0 && !is_residual(node.output()));
    if (kind != NodeKind::kKernel) return false;
    for (size_t i : change.inputs) {
      problem.inputs[i].dtype = dtype_;
      if (problem.inputs[i].value.defined()) problem.inputs[i].value = problem.inputs[i].value.cast(dtype_);
    }
    for (size_t i : change.outputs) problem.outputs[i].dtype = dtype_;
    if (change.wide_result) problem.attributes.set(std::string(kEpilogueTypeAttr), static_cast<int64_t>(DType::kF32));
    return !collect_candidates(problem, options_).offers.empty();
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
    if (change.wide_result) node.attributes.set(std::string(kEpilogueTypeAttr), static_cast<int64_t>(DType::kF32));
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
  const SymbolTable symbols_;
  std::set<const ir::Node*> tail_;
  std::set<const ir::Value*> wide_sums_;  // read by the normalisations in pairs_ alone
  std::set<const ir::Node*> pairs_;
  std::set<const ir::Value*> captured_;  // by bodies: as f32
  std::set<const ir::Value*> narrowed_;  // values that were f32, or stand for one that is
  std::set<const ir::Node*> made_;       // casts
  std::map<ir::Value*, ir::Value*> narrow_, wide_;
};

}  // namespace

Status lower_precision(ir::Graph& graph, const BuildOptions& options) {
  if (!options.device || !(options.precision.fp16 || options.precision.bf16)) return ok_status();
  return Lowering(graph, options).run();
}

}  // namespace sinter::builder
