// Tensors of f16 and bf16 for tactics that take f32: widens the inputs into the workspace, runs the other tactic there and narrows
// its outputs, rounding once. Constants are widened before they are packed. For every operator and layout that another CPU tactic
// offers for; tactics that take the stored types themselves are left alone.
#include <algorithm>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/pointwise_steps.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kMinPartElements = 16384;
constexpr std::string_view kSeparator = ";";

bool is_half(DType dtype) { return dtype == DType::kF16 || dtype == DType::kBF16; }

// The tactics of tactics.def but this one.
const std::vector<const Tactic*>& other_tactics() {
  static const std::vector<const Tactic*> others = [] {
    std::vector<const Tactic*> all;
#define TACTIC(name, version) all.push_back(&name());
#include "cpu/tactics.def"
#undef TACTIC
    std::erase(all, &widen());
    return all;
  }();
  return others;
}

// "cpu.softmax@1;config": the version too, because its packing is in the engine.
std::string name_of(const Tactic& tactic) { return fmt::format("{}@{}", tactic.id(), tactic.version()); }

Problem widened(const Problem& problem) {
  Problem wide = problem;
  for (std::vector<TensorDesc>* descs : {&wide.inputs, &wide.outputs}) {
    for (TensorDesc& desc : *descs) {
      if (!is_half(desc.dtype)) continue;
      desc.dtype = DType::kF32;
      if (desc.value.defined()) desc.value = desc.value.cast(DType::kF32);
    }
  }
  return wide;
}

// A tensor that is converted on its way.
struct Converted {
  size_t index = 0;
  DType dtype = DType::kF16;
  Layout layout = Layout::kRowMajor;
  int64_t count = 0, offset = 0;  // elements; bytes into the workspace
};

class WidenKernel final : public Kernel {
 public:
  WidenKernel(const Problem& problem, const Offer& offer, std::unique_ptr<Kernel> inner)
      : steps_(pointwise_steps(problem.isa)), inner_(std::move(inner)), in_(problem.inputs.size()), out_(problem.outputs.size()) {
    for (size_t i = 0; i < problem.inputs.size(); ++i) {
      const bool packed = i < offer.packed_inputs.size() && offer.packed_inputs[i];
      if (problem.inputs[i].present && !packed && is_half(problem.inputs[i].dtype)) inputs_.push_back({i, problem.inputs[i].dtype, offer.input_layouts[i]});
    }
    for (size_t i = 0; i < problem.outputs.size(); ++i) {
      if (problem.outputs[i].present && is_half(problem.outputs[i].dtype)) outputs_.push_back({i, problem.outputs[i].dtype, offer.output_layouts[i]});
    }
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    SINTER_ASSIGN(const int64_t inner, inner_->specialize(inputs, outputs, threads));
    return place(inputs, outputs, inner);
  }

  // Gives every converted tensor its place behind the inner workspace; the bytes of all.
  int64_t place(std::span<const Dims> inputs, std::span<const Dims> outputs, int64_t inner) {
    int64_t bytes = round_up(inner, kTensorAlignment);
    const auto add = [&](Converted& tensor, const Dims& dims) {
      tensor.count = physical_count(tensor.layout, dims);
      tensor.offset = bytes;
      bytes += round_up(tensor.count * 4, kTensorAlignment);
    };
    for (Converted& tensor : inputs_) add(tensor, inputs[tensor.index]);
    for (Converted& tensor : outputs_) add(tensor, outputs[tensor.index]);
    return bytes;
  }

  Status launch(const LaunchArgs& args) override {
    std::copy_n(args.inputs, in_.size(), in_.begin());
    std::copy_n(args.outputs, out_.size(), out_.begin());
    auto* base = static_cast<char*>(args.workspace);
    for (const Converted& tensor : inputs_) {
      auto* wide = reinterpret_cast<float*>(base + tensor.offset);
      const auto* from = static_cast<const uint16_t*>(args.inputs[tensor.index]);
      const WidenFn convert = steps_.widen(tensor.dtype);
      args.team->split(tensor.count, kMinPartElements, [&](int64_t begin, int64_t end) { convert(from + begin, wide + begin, end - begin); });
      in_[tensor.index] = wide;
    }
    for (const Converted& tensor : outputs_) out_[tensor.index] = base + tensor.offset;
    LaunchArgs inner = args;
    inner.inputs = in_.data();
    inner.outputs = out_.data();
    SINTER_TRY(inner_->launch(inner));
    for (const Converted& tensor : outputs_) {
      const auto* wide = reinterpret_cast<const float*>(base + tensor.offset);
      auto* to = static_cast<uint16_t*>(args.outputs[tensor.index]);
      const NarrowFn convert = steps_.narrow(tensor.dtype);
      args.team->split(tensor.count, kMinPartElements, [&](int64_t begin, int64_t end) { convert(wide + begin, to + begin, end - begin); });
    }
    return ok_status();
  }

 private:
  const PointwiseSteps& steps_;
  std::unique_ptr<Kernel> inner_;
  std::vector<Converted> inputs_, outputs_;
  std::vector<const void*> in_;
  std::vector<void*> out_;
};

class Widen final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    const auto half = [](const TensorDesc& desc) { return desc.present && is_half(desc.dtype); };
    if (std::none_of(problem.inputs.begin(), problem.inputs.end(), half) && std::none_of(problem.outputs.begin(), problem.outputs.end(), half)) return;
    if (is_op(problem, "Cast") || is_op(problem, "CastLike") || is_op(problem, "BitCast")) return;  // where the type is the meaning
    const Problem wide = widened(problem);
    for (const Tactic* tactic : other_tactics()) {
      Answer native, inner;
      tactic->query(problem, native);
      if (!native.offers.empty()) continue;
      tactic->query(wide, inner);
      for (Offer& offer : inner.offers) answer.offer(outer_offer(problem, *tactic, std::move(offer)));
    }
  }

  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer& offer, std::span<const Tensor> constants) const override {
    Inner inner;
    SINTER_TRY(find_inner(offer, inner));
    std::vector<Tensor> wide(constants.begin(), constants.end());
    for (Tensor& tensor : wide) {
      if (tensor.defined() && is_half(tensor.dtype())) tensor = tensor.cast(DType::kF32);
    }
    return inner.tactic->prepare(widened(problem), inner.offer, wide);
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    Inner inner;
    SINTER_TRY(find_inner(offer, inner));
    SINTER_ASSIGN(std::unique_ptr<Kernel> kernel, inner.tactic->bind(widened(problem), inner.offer, blobs));
    return std::unique_ptr<Kernel>(std::make_unique<WidenKernel>(problem, offer, std::move(kernel)));
  }

 private:
  struct Inner {
    const Tactic* tactic = nullptr;
    Offer offer;
  };

  static Offer outer_offer(const Problem& problem, const Tactic& tactic, Offer offer) {
    offer.config = name_of(tactic) + std::string(kSeparator) + offer.config;
    offer.in_place_input = -1;
    std::vector<Dims> inputs, outputs;
    for (const TensorDesc& desc : problem.inputs) inputs.push_back(desc.opt);
    for (const TensorDesc& desc : problem.outputs) outputs.push_back(desc.opt);
    offer.workspace_bytes = WidenKernel(problem, offer, nullptr).place(inputs, outputs, offer.workspace_bytes);
    return offer;
  }

  static Status find_inner(const Offer& offer, Inner& inner) {
    const size_t end = offer.config.find(kSeparator);
    const std::string name = offer.config.substr(0, end);
    for (const Tactic* tactic : other_tactics()) {
      if (end == std::string::npos || name_of(*tactic) != name) continue;
      inner.tactic = tactic;
      inner.offer = offer;
      inner.offer.config = offer.config.substr(end + kSeparator.size());
      return ok_status();
    }
    return make_error(Code::kInvalidEngine, "cpu.widen: the engine was made with tactic '{}', which is not in this build; rebuild the engine", name);
  }
};

}  // namespace

SINTER_CPU_TACTIC(widen, Widen)

}  // namespace sinter::cpu
