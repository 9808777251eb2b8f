#include "cuda/cudnn_graph.h"

#include <algorithm>
#include <charconv>
#include <mutex>

#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

constexpr int64_t kIdX = 1, kIdW = 2, kIdY = 3, kIdOperand = 10, kIdValue = 100;  // of tensors
constexpr int64_t kAlignment = 16;
constexpr int64_t kMostResults = 32, kMostKnobs = 64;

int dnn_type(DType dtype) { return dtype == DType::kF32 ? kDnnF32 : dtype == DType::kF16 ? kDnnF16 : kDnnBF16; }

Status unsupported(std::string reason) { return Status(Code::kUnsupported, std::move(reason)); }

std::optional<int> mode_of(PointwiseOp op) {
  switch (op) {
    case PointwiseOp::kAdd: return kDnnAdd;
    case PointwiseOp::kMul: return kDnnMul;
    case PointwiseOp::kMin: return kDnnMin;
    case PointwiseOp::kMax: return kDnnMax;
    case PointwiseOp::kRelu: return kDnnRelu;
    case PointwiseOp::kSigmoid: return kDnnSigmoid;
    case PointwiseOp::kTanh: return kDnnTanh;
    case PointwiseOp::kSilu: return kDnnSwish;
    case PointwiseOp::kGelu: return kDnnGelu;
    case PointwiseOp::kGeluTanh: return kDnnGeluTanh;
    default: return std::nullopt;
  }
}

// The operand's number in conv.operands.
Result<int> take_operand(const Problem& problem, int input, DnnConv& conv) {
  const TensorDesc &desc = problem.inputs[static_cast<size_t>(input)], &out = problem.outputs[0];
  DnnOperand operand{input, dnn_type(desc.dtype), desc.shape == out.shape};
  if (!desc.present || !is_compute_float(desc.dtype)) return unsupported("an epilogue operand that is not f32, f16 or bf16");
  const size_t spatial = out.shape.size() - 2;
  bool channels = input == conv_bias_input(problem);
  if (!operand.full && !channels && desc.shape.size() > spatial) {
    const size_t at = desc.shape.size() - spatial - 1;
    channels = desc.shape[at] == out.shape[1] && (at == 0 || desc.shape[0].is(1));
    for (size_t i = at + 1; i < desc.shape.size(); ++i) channels &= desc.shape[i].is(1);
  }
  if (!operand.full && !channels) return unsupported(fmt::format("an epilogue operand of shape {}", to_string(desc.shape)));
  conv.operands.push_back(operand);
  return static_cast<int>(conv.operands.size()) - 1;
}

Status read_program(const Problem& problem, DnnConv& conv) {
  const PointwiseProgram& program = problem.epilogue;
  if (program.outputs.size() != 1) return unsupported("an epilogue with several results");
  const int first = static_cast<int>(conv.steps.size());
  // A program's operand as a value's number.
  const auto value_of = [&](int number) { return number == 0 ? first : number < program.inputs ? -1 : first + 1 + number - program.inputs; };
  for (const PointwiseInstruction& instruction : program.code) {
    const auto mode = mode_of(instruction.op);
    if (!mode) return unsupported(fmt::format("'{}' in the epilogue", pointwise_op_name(instruction.op)));
    int x = instruction.args[0], b = pointwise_op_arity(instruction.op) == 2 ? instruction.args[1] : -1;
    if (b >= 0 && value_of(x) < 0) std::swap(x, b);  // all with two arguments commute
    if (value_of(x) < 0) return unsupported("an epilogue that begins with operands");
    DnnStep step{*mode, value_of(x), -1, b >= 0 ? value_of(b) : -1};
    if (b >= 0 && step.b < 0) {
      SINTER_ASSIGN(step.operand, take_operand(problem, problem.epilogue_base + b - 1, conv));
    }
    conv.steps.push_back(step);
  }
  if (program.outputs[0] != program.operand_count() - 1 || program.code.empty()) return unsupported("an epilogue whose result is not its last step");
  return ok_status();
}

// Descriptors with their owner, and the first failure of any call.
class Descriptors {
 public:
  explicit Descriptors(const CudnnApi* api) : api_(api) {}
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;
  ~Descriptors() {
    for (size_t i = made_.size(); i-- > 0;) api_->DestroyDescriptor(made_[i]);
  }
  DnnDescriptor make(int kind) {
    DnnDescriptor made = nullptr;
    note(api_->CreateDescriptor(kind, &made), "cudnnBackendCreateDescriptor", kind);
    if (made) made_.push_back(made);
    return made;
  }
  template <typename T>
  void set(DnnDescriptor to, int name, int type, const T& value) {
    list(to, name, type, &value, 1);
  }
  void list(DnnDescriptor to, int name, int type, const void* values, size_t count) {
    if (status_.ok()) note(api_->SetAttribute(to, name, type, static_cast<int64_t>(count), values), "cudnnBackendSetAttribute", name);
  }
  void finalize(DnnDescriptor descriptor, std::string_view what) {
    if (status_.ok()) status_ = check_cudnn(api_->Finalize(descriptor), fmt::format("cudnnBackendFinalize of {}", what));
  }
  // How many there are; values: room for `most`.
  int64_t get(DnnDescriptor from, int name, int type, int64_t most, void* values) {
    int64_t count = 0;
    if (status_.ok()) note(api_->GetAttribute(from, name, type, most, &count, values), "cudnnBackendGetAttribute", name);
    return std::clamp<int64_t>(count, 0, most);
  }
  const Status& status() const { return status_; }

 private:
  void note(int result, const char* call, int what) {
    if (status_.ok() && result != 0) status_ = check_cudnn(result, fmt::format("{} ({})", call, what));
  }
  const CudnnApi* api_;
  std::vector<DnnDescriptor> made_;
  Status status_;
};

DnnDescriptor tensor(Descriptors& d, int64_t id, int type, const Dims& dims, const Dims& strides, bool inner = false) {
  const DnnDescriptor made = d.make(kDnnTensor);
  d.set(made, kDnnTensorId, kDnnTypeI64, id);
  d.set(made, kDnnTensorType, kDnnTypeData, type);
  d.list(made, kDnnTensorDims, kDnnTypeI64, dims.data(), dims.size());
  d.list(made, kDnnTensorStrides, kDnnTypeI64, strides.data(), strides.size());
  d.set(made, kDnnTensorAlignment, kDnnTypeI64, kAlignment);
  if (inner) d.set(made, kDnnTensorVirtual, kDnnTypeBool, true);
  d.finalize(made, "a tensor");
  return made;
}

Dims channels_last(const Dims& dims) { return {dims[1] * dims[2] * dims[3], 1, dims[1] * dims[3], dims[1]}; }

// The graph's descriptors.
class Graph {
 public:
  static Result<std::unique_ptr<Graph>> make(const DnnConv& conv) {
    SINTER_ASSIGN(const CudnnApi* api, cudnn());
    SINTER_ASSIGN(DnnHandle handle, cudnn_handle());
    std::unique_ptr<Graph> graph(new Graph(api, handle));
    graph->build(conv);
    SINTER_TRY(Status(graph->d.status()));
    return graph;
  }

  const CudnnApi* api;
  DnnHandle handle;
  Descriptors d;
  DnnDescriptor graph = nullptr;

 private:
  Graph(const CudnnApi* library, DnnHandle shared) : api(library), handle(shared), d(library) {}

  void build(const DnnConv& conv) {
    const ConvShape& s = conv.shape;
    const Dims x = {s.batch, s.channels, s.h, s.w}, w = {s.out_channels, s.group_channels(), s.kh, s.kw}, y = {s.batch, s.out_channels, s.oh, s.ow};
    const Dims channels = {1, s.out_channels, 1, 1};
    std::vector<DnnDescriptor> values, operands, ops;
    const auto value = [&](size_t number) {
      const bool last = number == conv.steps.size();
      values.push_back(last ? tensor(d, kIdY, conv.out, y, channels_last(y)) : tensor(d, kIdValue + static_cast<int64_t>(number), kDnnF32, y, channels_last(y), true));
    };
    value(0);
    ops.push_back(convolution(conv, tensor(d, kIdX, conv.type, x, channels_last(x)), tensor(d, kIdW, conv.type, w, channels_last(w)), values[0]));
    for (size_t i = 0; i < conv.operands.size(); ++i) {
      const DnnOperand& operand = conv.operands[i];
      const Dims& dims = operand.full ? y : channels;
      operands.push_back(tensor(d, kIdOperand + static_cast<int64_t>(i), operand.type, dims, channels_last(dims)));
    }
    for (size_t i = 0; i < conv.steps.size(); ++i) {
      const DnnStep& step = conv.steps[i];
      value(i + 1);
      const DnnDescriptor second = step.operand >= 0 ? operands[static_cast<size_t>(step.operand)] : step.b >= 0 ? values[static_cast<size_t>(step.b)] : nullptr;
      ops.push_back(pointwise(step.mode, values[static_cast<size_t>(step.x)], second, values.back()));
    }
    graph = d.make(kDnnGraph);
    d.set(graph, kDnnGraphHandle, kDnnTypeHandle, handle);
    d.list(graph, kDnnGraphOps, kDnnTypeDescriptor, ops.data(), ops.size());
    d.finalize(graph, "the graph");
  }

  DnnDescriptor convolution(const DnnConv& conv, DnnDescriptor x, DnnDescriptor w, DnnDescriptor y) {
    const ConvShape& s = conv.shape;
    const int64_t pre[] = {s.pad_top, s.pad_left}, post[] = {conv.pad_bottom, conv.pad_right}, strides[] = {s.stride_h, s.stride_w},
                  dilations[] = {s.dilation_h, s.dilation_w}, spatial = 2;
    const DnnDescriptor desc = d.make(kDnnConvolution);
    d.set(desc, kDnnConvType, kDnnTypeData, kDnnF32);
    d.set(desc, kDnnConvMode, kDnnTypeConvMode, kDnnCrossCorrelation);
    d.set(desc, kDnnConvSpatial, kDnnTypeI64, spatial);
    d.list(desc, kDnnConvPrePads, kDnnTypeI64, pre, 2);
    d.list(desc, kDnnConvPostPads, kDnnTypeI64, post, 2);
    d.list(desc, kDnnConvStrides, kDnnTypeI64, strides, 2);
    d.list(desc, kDnnConvDilations, kDnnTypeI64, dilations, 2);
    d.finalize(desc, "a convolution");
    const DnnDescriptor op = d.make(kDnnConvForward);
    d.set(op, kDnnForwardConv, kDnnTypeDescriptor, desc);
    d.set(op, kDnnForwardX, kDnnTypeDescriptor, x);
    d.set(op, kDnnForwardW, kDnnTypeDescriptor, w);
    d.set(op, kDnnForwardY, kDnnTypeDescriptor, y);
    d.set(op, kDnnForwardAlpha, kDnnTypeF32, 1.0f);
    d.set(op, kDnnForwardBeta, kDnnTypeF32, 0.0f);
    d.finalize(op, "the convolution");
    return op;
  }

  DnnDescriptor pointwise(int mode, DnnDescriptor x, DnnDescriptor b, DnnDescriptor y) {
    const DnnDescriptor desc = d.make(kDnnPointwise);
    d.set(desc, kDnnPwMode, kDnnTypePointwise, mode);
    d.set(desc, kDnnPwPrecision, kDnnTypeData, kDnnF32);
    if (mode == kDnnSwish) d.set(desc, kDnnPwSwishBeta, kDnnTypeF64, 1.0);
    d.finalize(desc, "a pointwise function");
    const DnnDescriptor op = d.make(kDnnPointwiseOp);
    d.set(op, kDnnOpPointwise, kDnnTypeDescriptor, desc);
    d.set(op, kDnnOpX, kDnnTypeDescriptor, x);
    if (b) d.set(op, kDnnOpB, kDnnTypeDescriptor, b);
    d.set(op, kDnnOpY, kDnnTypeDescriptor, y);
    d.finalize(op, "a step of the epilogue");
    return op;
  }
};

// An engine's numbers must be those of Precision, and the same in every run.
bool acceptable(const DnnConv& conv, const std::vector<int>& notes) {
  for (const int note : notes) {
    if (note == kDnnNoteReducedSums || note == kDnnNoteFft || note == kDnnNoteNotDeterministic) return false;
    if (note >= kDnnNoteWinogradFirst && note <= kDnnNoteWinogradLast) return false;
    if (conv.type == kDnnF32 && (note == kDnnNoteDownConverts || (note == kDnnNoteTensorCore && !conv.tf32))) return false;
  }
  return true;
}

// "" for one that is not acceptable.
std::string describe_engine(Descriptors& d, DnnDescriptor config, const DnnConv& conv) {
  DnnDescriptor engine = d.make(kDnnEngine);
  d.get(config, kDnnConfigEngine, kDnnTypeDescriptor, 1, &engine);
  std::vector<int> notes(16);
  notes.resize(static_cast<size_t>(d.get(engine, kDnnEngineNotes, kDnnTypeNote, 16, notes.data())));
  if (!acceptable(conv, notes)) return "";
  int64_t index = 0;
  d.get(engine, kDnnEngineIndex, kDnnTypeI64, 1, &index);
  std::string text = fmt::format("e{} k", index);
  std::vector<DnnDescriptor> knobs;
  for (int64_t i = 0; i < kMostKnobs; ++i) knobs.push_back(d.make(kDnnKnobChoice));
  knobs.resize(static_cast<size_t>(d.get(config, kDnnConfigKnobs, kDnnTypeDescriptor, kMostKnobs, knobs.data())));
  for (size_t i = 0; i < knobs.size(); ++i) {
    int kind = 0;
    int64_t value = 0;
    d.get(knobs[i], kDnnKnobKind, kDnnTypeKnob, 1, &kind);
    d.get(knobs[i], kDnnKnobValue, kDnnTypeI64, 1, &value);
    text += fmt::format("{}{}={}", i == 0 ? "" : ",", kind, value);
  }
  return text;
}

struct Engine {
  int64_t index = 0;
  std::vector<std::pair<int, int64_t>> knobs;
};

// Takes a number off the front.
bool take_number(std::string_view& text, int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}
bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<Engine> parse_engine(std::string_view text) {
  Engine engine;
  if (!take(text, "e") || !take_number(text, engine.index) || !take(text, " k")) return std::nullopt;
  while (!text.empty() && engine.knobs.size() < static_cast<size_t>(kMostKnobs)) {
    int64_t kind = 0, value = 0;
    if ((!engine.knobs.empty() && !take(text, ",")) || !take_number(text, kind) || !take(text, "=") || !take_number(text, value)) return std::nullopt;
    engine.knobs.emplace_back(static_cast<int>(kind), value);
  }
  return text.empty() ? std::optional<Engine>(engine) : std::nullopt;
}

class Plan final : public DnnPlan {
 public:
  Plan(std::unique_ptr<Graph> graph, const DnnConv& conv) : graph_(std::move(graph)), conv_(conv) {}

  Status finish(const Engine& chosen) {
    Descriptors& d = graph_->d;
    const DnnDescriptor engine = d.make(kDnnEngine);
    d.set(engine, kDnnEngineGraph, kDnnTypeDescriptor, graph_->graph);
    d.set(engine, kDnnEngineIndex, kDnnTypeI64, chosen.index);
    d.finalize(engine, "the engine");
    std::vector<DnnDescriptor> knobs;
    for (const auto& [kind, value] : chosen.knobs) {
      knobs.push_back(d.make(kDnnKnobChoice));
      d.set(knobs.back(), kDnnKnobKind, kDnnTypeKnob, kind);
      d.set(knobs.back(), kDnnKnobValue, kDnnTypeI64, value);
      d.finalize(knobs.back(), "a knob");
    }
    const DnnDescriptor config = d.make(kDnnEngineConfig);
    d.set(config, kDnnConfigEngine, kDnnTypeDescriptor, engine);
    if (!knobs.empty()) d.list(config, kDnnConfigKnobs, kDnnTypeDescriptor, knobs.data(), knobs.size());
    d.finalize(config, "the engine's configuration");
    plan_ = d.make(kDnnPlan);
    d.set(plan_, kDnnPlanHandle, kDnnTypeHandle, graph_->handle);
    d.set(plan_, kDnnPlanConfig, kDnnTypeDescriptor, config);
    d.finalize(plan_, "the plan");
    d.get(plan_, kDnnPlanWorkspace, kDnnTypeI64, 1, &workspace_);
    return d.status();
  }

  int64_t workspace() const override { return workspace_; }

  Status run(const void* x, const void* w, void* y, const LaunchArgs& args) override {
    Descriptors d(graph_->api);
    std::vector<int64_t> ids = {kIdX, kIdW, kIdY};
    std::vector<const void*> pointers = {x, w, y};
    for (size_t i = 0; i < conv_.operands.size(); ++i) {
      ids.push_back(kIdOperand + static_cast<int64_t>(i));
      pointers.push_back(args.inputs[conv_.operands[i].input]);
    }
    const DnnDescriptor pack = d.make(kDnnVariantPack);
    d.list(pack, kDnnPackIds, kDnnTypeI64, ids.data(), ids.size());
    d.list(pack, kDnnPackPointers, kDnnTypePointer, pointers.data(), pointers.size());
    d.set(pack, kDnnPackWorkspace, kDnnTypePointer, args.workspace);
    d.finalize(pack, "the pointers");
    SINTER_TRY(Status(d.status()));
    static std::mutex mutex;  // a handle has one stream at a time
    const std::lock_guard lock(mutex);
    SINTER_TRY(check_cudnn(graph_->api->SetStream(graph_->handle, static_cast<CUstream>(args.stream)), "cudnnSetStream"));
    return check_cudnn(graph_->api->Execute(graph_->handle, plan_, pack), "cudnnBackendExecute");
  }

 private:
  std::unique_ptr<Graph> graph_;
  DnnConv conv_;
  DnnDescriptor plan_ = nullptr;
  int64_t workspace_ = 0;
};

}  // namespace

Result<DnnConv> cudnn_conv_of(const Problem& problem) {
  if (const std::string reason = conv_unsuitable(problem); !reason.empty()) return unsupported(reason);
  if (!is_compute_float(problem.inputs[0].dtype) || !is_compute_float(problem.outputs[0].dtype)) return unsupported("operands or a result of integers");
  for (const auto* descs : {&problem.inputs, &problem.outputs}) {
    for (const TensorDesc& desc : *descs) {
      if (desc.present && !desc.is_static()) return unsupported("dynamic sizes: an engine is chosen for one size");
    }
  }
  DnnConv conv;
  SINTER_ASSIGN(conv.shape, conv_shape(problem, problem.inputs[0].opt, problem.inputs[1].opt, problem.outputs[0].opt));
  const ConvShape& s = conv.shape;
  conv.pad_bottom = (s.oh - 1) * s.stride_h + (s.kh - 1) * s.dilation_h + 1 - s.h - s.pad_top;
  conv.pad_right = (s.ow - 1) * s.stride_w + (s.kw - 1) * s.dilation_w + 1 - s.w - s.pad_left;
  conv.pad_bottom = std::max<int64_t>(conv.pad_bottom, 0);
  conv.pad_right = std::max<int64_t>(conv.pad_right, 0);
  if (product(problem.outputs[0].opt) == 0 || product(problem.inputs[0].opt) == 0) return unsupported("an empty tensor");
  if (problem.inputs[1].dtype != problem.inputs[0].dtype) return unsupported("operands of two types");
  conv.type = dnn_type(problem.inputs[0].dtype);
  conv.out = dnn_type(problem.outputs[0].dtype);
  SINTER_ASSIGN(const DenseMath math, dense_math(problem));
  conv.tf32 = math == DenseMath::kTf32;
  if (const int bias = conv_bias_input(problem); bias >= 0) {
    SINTER_ASSIGN(const int operand, take_operand(problem, bias, conv));
    conv.steps.push_back({kDnnAdd, 0, operand, -1});
  }
  if (problem.has_epilogue()) SINTER_TRY(read_program(problem, conv));
  return conv;
}

Result<std::vector<std::string>> cudnn_engines(const DnnConv& conv, size_t most) {
  SINTER_ASSIGN(const std::unique_ptr<Graph> graph, Graph::make(conv));
  Descriptors d(graph->api);
  const DnnDescriptor heuristic = d.make(kDnnHeuristic);
  d.set(heuristic, kDnnHeurGraph, kDnnTypeDescriptor, graph->graph);
  d.set(heuristic, kDnnHeurMode, kDnnTypeHeurMode, kDnnHeurA);
  d.finalize(heuristic, "a heuristic");
  std::vector<DnnDescriptor> configs;
  for (int64_t i = 0; i < kMostResults; ++i) configs.push_back(d.make(kDnnEngineConfig));
  configs.resize(static_cast<size_t>(d.get(heuristic, kDnnHeurResults, kDnnTypeDescriptor, kMostResults, configs.data())));
  SINTER_TRY(Status(d.status()));
  std::vector<std::string> engines;
  for (const DnnDescriptor config : configs) {
    Descriptors own(graph->api);
    const std::string text = describe_engine(own, config, conv);
    if (!own.status().ok() || text.empty() || std::find(engines.begin(), engines.end(), text) != engines.end()) continue;
    engines.push_back(text);
    if (engines.size() >= most) break;
  }
  return engines;
}

Result<std::unique_ptr<DnnPlan>> cudnn_plan(const DnnConv& conv, const std::string& engine) {
  const auto chosen = parse_engine(engine);
  if (!chosen) return make_error(Code::kInvalidEngine, "cuDNN: found '{}', expected an engine and its knobs; the engine is damaged: rebuild it", engine);
  SINTER_ASSIGN(std::unique_ptr<Graph> graph, Graph::make(conv));
  auto plan = std::make_unique<Plan>(std::move(graph), conv);
  const Status status = plan->finish(*chosen);
  if (!status.ok()) {
    return make_error(Code::kTargetMismatch, "{}: this library has not the engine '{}' that was chosen; re-tune with 'sinter retune F'", status.message(), engine);
  }
  return std::unique_ptr<DnnPlan>(std::move(plan));
}

}  // namespace sinter::cuda
