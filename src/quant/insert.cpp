// Where quantization goes (insert.h).
#include "quant/insert.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "ir/patch.h"
#include "quant/equalize.h"
#include "quant/movement.h"
#include "quant/weights.h"

namespace sinter::quant {
namespace {

using ir::Graph;
using ir::Node;
using ir::Patch;
using IrValue = ir::Value;

constexpr float kSteps = 127, kUnsignedSteps = 255;
constexpr float kLopsided = 0.7f;  // of the range: values that go no further below zero get a zero point

bool is_f32(const IrValue* value) { return value && value->type.is_tensor() && value->type.dtype == DType::kF32; }

// The axis of the output channels in a dense node's weights; -1: no dense node with weights.
int weight_axis(const Node& node) {
  const IrValue* weights = node.input(1);
  if (!is_f32(node.input(0)) || !is_f32(weights) || !weights->is_constant() || node.outputs.size() != 1 || !is_f32(node.output())) return -1;
  if (node.is("Conv") && weights->constant.rank() >= 3) return 0;
  if (node.is("MatMul") && weights->constant.rank() == 2) return 1;
  if (node.is("Gemm") && weights->constant.rank() == 2) return node.attributes.i_or("transB", 0) != 0 ? 0 : 1;
  return -1;
}

// Whether the last step of a program gives nothing below zero.
bool ends_nonnegative(std::string_view text) {
  const auto program = PointwiseProgram::parse(text);
  if (!program.ok() || program->outputs.size() != 1) return false;
  const int step = program->outputs[0] - program->inputs;
  if (step < 0) return false;
  const PointwiseInstruction& last = program->code[static_cast<size_t>(step)];
  const auto constant = [&](int operand) -> std::optional<float> {
    const int at = operand - program->inputs;
    if (at < 0 || program->code[static_cast<size_t>(at)].op != PointwiseOp::kConst) return std::nullopt;
    return program->code[static_cast<size_t>(at)].constant;
  };
  switch (last.op) {
    case PointwiseOp::kRelu:
    case PointwiseOp::kSigmoid:
    case PointwiseOp::kHardSigmoid:
    case PointwiseOp::kAbs:
    case PointwiseOp::kExp:
    case PointwiseOp::kSqrt:
    case PointwiseOp::kSoftplus: return true;
    case PointwiseOp::kClip: return constant(last.args[1]).value_or(-1) >= 0;
    default: return false;
  }
}

// By what makes it, whatever the data.
bool is_nonnegative(const IrValue& value) {
  const Node* node = value.producer;
  if (!node) return false;
  if (const auto* epilogue = node->attributes.find_as<std::string>(kEpilogueAttr)) return ends_nonnegative(*epilogue);
  if (node->is("Pointwise", "sinter") && node->outputs.size() == 1) return ends_nonnegative(node->attributes.s("program"));
  if (node->is("GlobalAveragePool") || node->is("AveragePool") || node->is("ReduceMean")) return node->input(0) && is_nonnegative(*node->input(0));
  return node->is("Relu") || node->is("Sigmoid") || node->is("Softmax");
}

bool all_finite(const Tensor& tensor) {
  return std::all_of(tensor.data<float>(), tensor.data<float>() + tensor.count(), [](float value) { return std::isfinite(value); });
}

// By any of the value's names.
std::optional<float> find_by_name(const std::map<std::string, float, std::less<>>& numbers, const IrValue& value) {
  for (const std::string& name : value.onnx_names) {
    if (const auto it = numbers.find(name); it != numbers.end()) return it->second;
  }
  const auto it = numbers.find(value.name);
  return it == numbers.end() ? std::nullopt : std::optional<float>(it->second);
}

class Inserter {
 public:
  Inserter(Graph& graph, const Calibration& calibration, const InsertOptions& options) : graph_(graph), calibration_(calibration), options_(options) {}

  Result<InsertReport> run() {
    find_groups();
    find_ranges();
    find_signs();
    find_lows();
    decide_layers();
    decide_storage();
    for (IrValue* value : values_) {
      if (wanted_.count(root(value)) && is_source(value)) SINTER_TRY(quantize_value(value));
    }
    for (Node* node : dense_) SINTER_TRY(quantize_weights_of(*node));
    SINTER_TRY(graph_.sort());
    find_unused();
    return std::move(report_);
  }

 private:
  // Values that movement connects, as sets that point to a common value.
  const IrValue* root(const IrValue* value) const {
    for (auto it = above_.find(value); it != above_.end(); it = above_.find(value)) value = it->second;
    return value;
  }
  void join(const IrValue* a, const IrValue* b) {
    a = root(a);
    b = root(b);
    if (a != b) above_[b] = a;
  }

  void find_groups() {
    for (const auto& [id, value] : graph_.values()) {
      if (is_f32(value.get())) values_.push_back(value.get());
    }
    for (const auto& node : graph_.nodes()) {
      const size_t moved = moved_inputs(*node);
      for (size_t i = 0; i < moved; ++i) {
        for (const IrValue* output : node->outputs) {
          if (is_f32(output) && is_f32(node->inputs[i])) join(node->inputs[i], output);
        }
      }
    }
  }

  void find_ranges() {
    for (const IrValue* value : values_) {
      const auto range = range_of(calibration_, *value);
      if (!range) continue;
      float& known = ranges_.try_emplace(root(value), 0.0f).first->second;
      known = std::max(known, *range);
    }
  }

  // A set that never goes below zero has 255 steps instead of 127.
  void find_signs() {
    for (const IrValue* value : values_) {
      if (is_source(value) && !is_nonnegative(*value)) signed_.insert(root(value));
    }
  }

  // The least value of each set all of whose sources are known.
  void find_lows() {
    std::set<const IrValue*> unknown;
    for (const IrValue* value : values_) {
      if (!is_source(value) || !signed_.count(root(value))) continue;
      const auto low = find_by_name(options_.lows, *value);
      if (!low) unknown.insert(root(value));
      else lows_[root(value)] = std::min(lows_.try_emplace(root(value), *low).first->second, *low);
    }
    for (const IrValue* value : unknown) lows_.erase(value);
  }

  struct Steps {
    float scale = 1;
    DType type = DType::kI8;
    int zero = 0;
  };
  Steps steps_of(const IrValue* set) const {
    const float range = ranges_.at(set);
    const bool has_sign = signed_.count(set) > 0;
    Steps steps;
    steps.type = has_sign ? DType::kI8 : DType::kU8;
    float size = range / (has_sign ? kSteps : kUnsignedSteps);
    const auto low = lows_.find(set);
    if (has_sign && low != lows_.end() && low->second > -kLopsided * range) {
      const float below = std::max(0.0f, -low->second);
      steps.type = DType::kU8;
      steps.zero = static_cast<int>(std::ceil(kUnsignedSteps * below / (range + below)));
      size = std::max(range / (kUnsignedSteps - static_cast<float>(steps.zero)), steps.zero > 0 ? below / static_cast<float>(steps.zero) : 0.0f);
    }
    if (size > 0 && std::isfinite(range) && std::isfinite(size)) steps.scale = size;  // a tensor that was all zero is represented by any scale
    return steps;
  }

  bool is_kept(const Node& node) const {
    const auto named = [&](const std::string& name) { return options_.keep.count(name) > 0; };
    return named(node.name) || std::any_of(node.source_nodes.begin(), node.source_nodes.end(), named);
  }

  void decide_layers() {
    for (const auto& node : graph_.nodes()) {
      if (weight_axis(*node) < 0) continue;
      LayerDecision decision{node->name, false, ""};
      const IrValue* data = node->input(0);
      if (is_kept(*node)) decision.reason = "kept in float";
      else if (data->is_constant()) decision.reason = "its data is constant";
      else if (!ranges_.count(root(data))) decision.reason = fmt::format("no range for '{}'", data->name);
      else if (!all_finite(node->input(1)->constant)) decision.reason = "its weights are not all finite";
      else {
        decision.quantized = true;
        dense_.push_back(node.get());
        is_dense_.insert(node.get());
        wanted_.insert(root(data));
      }
      report_.layers.push_back(std::move(decision));
    }
  }

  // Readers that take whole numbers at no cost: quantized products and their epilogues, programs, movement, means over images.
  bool reads_whole_numbers(const Node& user, const IrValue& value) const {
    if (is_dense_.count(&user)) return true;
    if (user.is("Pointwise", "sinter") || user.is("GlobalAveragePool") || user.is("ReduceMean")) return true;
    const size_t moved = moved_inputs(user);
    for (size_t i = 0; i < moved; ++i) {
      if (user.inputs[i] == &value && wanted_.count(root(&value))) return true;
    }
    return false;
  }

  // A quantized product's result that nobody needs in f32 is stored in 8 bits.
  void decide_storage() {
    for (Node* node : dense_) {
      IrValue* value = node->output();
      if (wanted_.count(root(value)) || !ranges_.count(root(value)) || root(value) != value || graph_.is_output(value)) continue;
      const std::vector<Node*> users = graph_.users(value);
      const auto reads = [&](const Node* user) { return reads_whole_numbers(*user, *value) && moved_inputs(*user) == 0; };
      if (!users.empty() && std::all_of(users.begin(), users.end(), reads)) wanted_.insert(root(value));
    }
  }

  // Made by something else than movement within its set.
  bool is_source(const IrValue* value) const {
    const Node* node = value->producer;
    const size_t moved = node ? moved_inputs(*node) : 0;
    for (size_t i = 0; i < moved; ++i) {
      if (is_f32(node->inputs[i])) return false;
    }
    return true;
  }

  // Whether a reader of the value gets its quantized form.
  bool is_served(const Node& user, const IrValue& value, bool dense_result) const {
    if (is_dense_.count(&user) && user.input(0) == &value) return true;
    if (moved_inputs(user) > 0) return reads_whole_numbers(user, value);
    return dense_result && reads_whole_numbers(user, value);  // else f32 is there anyhow, and exact
  }

  Status quantize_value(IrValue* value) {
    const bool dense_result = value->producer && is_dense_.count(value->producer) > 0;
    std::vector<Node*> served;
    for (Node* user : graph_.users(value)) {
      if (user->subgraphs.empty() && is_served(*user, *value, dense_result) && std::find(served.begin(), served.end(), user) == served.end()) served.push_back(user);
    }
    if (served.empty()) return ok_status();
    const Steps steps = steps_of(root(value));
    // An equalized value says so in its name, which its whole numbers take over: they stand for no tensor of the model.
    const bool equalized = !value->onnx_names.empty() && value->onnx_names.front().ends_with(kEqualizedMark);
    const std::string name = value->name + std::string(equalized ? kEqualizedMark : "");
    Patch patch(graph_, *served.front());
    IrValue* step = patch.add_constant(value->name + "_scale", Tensor::scalar(DType::kF32, steps.scale));
    IrValue* zero = patch.add_constant(value->name + "_zero", steps.type == DType::kI8 ? Tensor::scalar(DType::kI8, int8_t{0}) : Tensor::scalar(DType::kU8, static_cast<uint8_t>(steps.zero)));
    const std::vector<const Node*> sources;
    IrValue* whole = patch.add_node(find_op("", "QuantizeLinear"), name + "_quantize", {value, step, zero}, 1, {}, sources)->output();
    IrValue* wide = patch.add_node(find_op("", "DequantizeLinear"), name + "_dequantize", {whole, step, zero}, 1, {}, sources)->output();
    for (Node* user : served) {
      for (size_t i = 0; i < user->inputs.size(); ++i) {
        if (user->inputs[i] == value && !(moved_inputs(*user) > 0 && i >= moved_inputs(*user))) patch.set_input(user, i, wide);
      }
    }
    ++report_.quantized_values;
    return patch.apply().with(fmt::format("while quantizing '{}'", value->name));
  }

  Status quantize_weights_of(Node& node) {
    IrValue* weights = node.inputs[1];
    const int axis = weight_axis(node);
    QuantizedWeights quantized = quantize_weights(weights->constant, axis);
    if (const auto given = options_.rounded.find(node.name); given != options_.rounded.end()) {
      if (given->second.dtype() != DType::kI8 || given->second.dims() != weights->constant.dims()) {
        return make_error(Code::kInternal, "rounded weights of '{}' are {}; report this", node.name, given->second.type().to_string());
      }
      quantized.values = given->second;
    }
    Patch patch(graph_, node);
    correct_bias(patch, node, quantized, axis);
    Attributes attributes;
    attributes.set("axis", static_cast<int64_t>(axis));
    IrValue* whole = patch.add_constant(weights->name, std::move(quantized.values), {weights});
    IrValue* scales = patch.add_constant(weights->name + "_scales", std::move(quantized.scales));
    IrValue* wide = patch.add_node(find_op("", "DequantizeLinear"), weights->name + "_dequantize", {whole, scales}, 1, std::move(attributes), {})->output();
    patch.set_input(&node, 1, wide);
    return patch.apply().with(fmt::format("while quantizing the weights of '{}'", node.name));
  }

  // Rounding moves the mean of an output channel by the sum of its weights' errors times the means of what they multiply.
  void correct_bias(Patch& patch, Node& node, const QuantizedWeights& quantized, int axis) const {
    const int64_t base = node.attributes.i_or(kEpilogueBaseAttr, static_cast<int64_t>(node.inputs.size()));
    const IrValue* bias = base > 2 ? node.inputs[2] : nullptr;
    const auto means = options_.input_means.find(node.inputs[0]->producer ? unquantized(*node.inputs[0])->name : node.inputs[0]->name);
    if (!bias || !bias->is_constant() || means == options_.input_means.end()) return;
    const Tensor& weights = node.inputs[1]->constant;
    const int64_t channels = weights.dim(axis), count = weights.count(), inner = product(weights.dims(), static_cast<size_t>(axis) + 1);
    if (bias->constant.count() != channels) return;
    // Weights of a convolution are [filter][channel of its group][taps], of a product [in][out] or [out][in].
    const int64_t taps = node.is("Conv") ? product(weights.dims(), 2) : 1, each = node.is("Conv") ? weights.dim(1) : count / channels;
    const int64_t groups = node.is("Conv") ? node.attributes.i_or("group", 1) : 1;
    if (static_cast<int64_t>(means->second.size()) != each * groups) return;
    std::vector<double> corrected = bias->constant.to_f64();
    for (int64_t i = 0; i < count; ++i) {
      const int64_t filter = i / inner % channels;
      const int64_t input = axis == 0 ? i % inner / taps : i / channels;
      const double error = static_cast<double>(quantized.values.data<int8_t>()[i]) * quantized.scales.data<float>()[filter] - weights.data<float>()[i];
      corrected[static_cast<size_t>(filter)] -= error * means->second[static_cast<size_t>(filter / (channels / groups) * each + input)];
    }
    Tensor values(DType::kF32, bias->constant.dims());
    for (size_t c = 0; c < corrected.size(); ++c) values.data<float>()[c] = static_cast<float>(corrected[c]);
    patch.set_input(&node, 2, patch.add_constant(bias->name, std::move(values), {bias}));
  }
  // The f32 value behind a quantization put in here.
  static const IrValue* unquantized(const IrValue& value) {
    const Node* wide = value.producer;
    if (!wide->is("DequantizeLinear") || !wide->input(0)->producer || !wide->input(0)->producer->is("QuantizeLinear")) return &value;
    return wide->input(0)->producer->input(0);
  }

  void find_unused() {
    std::set<std::string_view> known;
    for (const auto& [id, value] : graph_.values()) {
      known.insert(value->name);
      known.insert(value->onnx_names.begin(), value->onnx_names.end());
    }
    for (const auto& [name, range] : calibration_.ranges) {
      if (!known.count(name)) report_.unused.push_back(name);
    }
  }

  Graph& graph_;
  const Calibration& calibration_;
  const InsertOptions& options_;
  InsertReport report_;
  std::vector<IrValue*> values_;                       // f32, in the order of their ids
  std::map<const IrValue*, const IrValue*> above_;     // sets of joined values
  std::map<const IrValue*, float> ranges_;             // by set
  std::set<const IrValue*> wanted_;                    // sets that are quantized
  std::set<const IrValue*> signed_;                    // sets with values that may be below zero
  std::map<const IrValue*, float> lows_;               // by set, of those with a sign
  std::vector<Node*> dense_;
  std::set<const Node*> is_dense_;
};

}  // namespace

std::optional<float> range_of(const Calibration& calibration, const ir::Value& value) { return find_by_name(calibration.ranges, value); }

Result<InsertReport> insert_quantization(ir::Graph& graph, const Calibration& calibration, const InsertOptions& options) {
  return Inserter(graph, calibration, options).run();
}

}  // namespace sinter::quant
