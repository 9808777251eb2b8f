// cuda.cudnn_conv: convolution by cuDNN 9 with bias and pointwise program fused where it has an engine for that, when --tacticSources asks for it:
// channels last, f32 (with and without TF32), f16 and bf16, constant weights, packed as (row, r, s, channel). The configuration is the
// library's version, an engine's number and its knobs: "v91300 e12 k3=1"; loading builds that plan and searches for nothing.
#include <algorithm>
#include <map>
#include <mutex>

#include "cuda/conv_geometry.h"
#include "cuda/cuda_tactic.h"
#include "cuda/cudnn_graph.h"
#include "tactic/arithmetic.h"

namespace sinter::cuda {
namespace {

constexpr size_t kOffers = 4;

// Engines that were found for a problem, with their workspaces: plans take long to make, and builders ask more than once.
struct Found {
  std::string engine;
  int64_t workspace = 0;
};
struct Memo {
  std::mutex mutex;
  std::map<std::string, Result<std::vector<Found>>, std::less<>> found;
};

Result<std::vector<Found>> search(const Problem& problem, const DnnConv& conv) {
  SINTER_ASSIGN(Device * device, device_like(problem.device));
  const DeviceScope scope(device);
  SINTER_TRY(Status(scope.status()));
  SINTER_ASSIGN(const std::vector<std::string> engines, cudnn_engines(conv, 2 * kOffers));
  std::vector<Found> found;
  for (const std::string& engine : engines) {
    const auto plan = cudnn_plan(conv, engine);
    if (plan.ok()) found.push_back({engine, (*plan)->workspace()});
    if (found.size() >= kOffers) break;
  }
  return found;
}

Result<std::vector<Found>> search_once(const Problem& problem, const DnnConv& conv) {
  static auto* const memo = new Memo();
  const std::lock_guard lock(memo->mutex);
  const std::string key = problem.key();
  const auto known = memo->found.find(key);
  if (known != memo->found.end()) return known->second;
  return memo->found.emplace(key, search(problem, conv)).first->second;
}

Offer plain_offer(const Problem& problem, const DnnConv& conv, std::string config) {
  Offer offer = conv_offer(problem, std::move(config));
  for (const DnnOperand& operand : conv.operands) {
    if (operand.full) offer.input_layouts[static_cast<size_t>(operand.input)] = Layout::kChannelsLast;
  }
  const auto is_relu = [](const DnnStep& step) { return step.mode == kDnnRelu; };
  offer.propagates_nan = std::none_of(conv.steps.begin(), conv.steps.end(), is_relu);
  return offer;
}

class CudnnKernel final : public Kernel {
 public:
  CudnnKernel(Problem problem, std::string engine) : problem_(std::move(problem)), engine_(std::move(engine)) {}
  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    for (size_t i = 0; i < inputs.size(); ++i) problem_.inputs[i].opt = inputs[i];
    problem_.inputs[1].opt = *constant_dims(problem_.inputs[1].shape);
    problem_.outputs[0].opt = outputs[0];
    SINTER_ASSIGN(const DnnConv conv, cudnn_conv_of(problem_));
    SINTER_ASSIGN(plan_, cudnn_plan(conv, engine_));
    return plan_->workspace();
  }
  Status launch(const LaunchArgs& args) override { return plan_->run(args.inputs[0], args.blobs[0], args.outputs[0], args); }

 private:
  Problem problem_;
  std::string engine_;
  std::unique_ptr<DnnPlan> plan_;
};

class CudnnConv final : public Tactic, public TypedTactic {
 public:
  CudnnConv(const char* id, int version) : id_(id), version_(version) {}
  std::string_view id() const override { return id_; }
  int version() const override { return version_; }
  DeviceKind device() const override { return DeviceKind::kCuda; }
  Arithmetic arithmetic(const Problem& problem, const Offer&) const override { return matrix_arithmetic(problem); }
  std::string_view source() const override { return "CUDNN"; }

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Conv")) return;
    const auto conv = cudnn_conv_of(problem);
    if (!conv.ok()) return answer.decline(conv.status().message());
    const auto library = cudnn();
    if (!library.ok()) return answer.decline(library.status().message());
    const auto found = search_once(problem, *conv);
    if (!found.ok()) return answer.decline(found.status().message());
    if (found->empty()) return answer.decline("cuDNN has no engine for it of the wanted precision");
    for (const Found& one : *found) {
      Offer offer = plain_offer(problem, *conv, fmt::format("v{} {}", (*library)->version, one.engine));
      offer.workspace_bytes = one.workspace;
      answer.offer(std::move(offer));
    }
  }

  Result<std::vector<Tensor>> prepare(const Problem&, const Offer&, std::span<const Tensor> constants) const override {
    const Tensor& weights = constants[1];
    const int64_t rows = weights.dims()[0], channels = weights.dims()[1], taps = product(weights.dims(), 2);
    const auto element = static_cast<size_t>(element_bytes(weights.dtype()));
    Tensor packed(weights.dtype(), {rows, taps, channels});
    const char* from = weights.data<char>();
    char* to = packed.data<char>();
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t tap = 0; tap < taps; ++tap) {
        for (int64_t c = 0; c < channels; ++c, to += element) std::copy_n(from + static_cast<size_t>((row * channels + c) * taps + tap) * element, element, to);
      }
    }
    return std::vector<Tensor>{packed};
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    if (!is_op(problem, "Conv")) return make_error(Code::kInvalidEngine, "{} does no {}; the engine is damaged: rebuild it", id_, problem.op);
    SINTER_ASSIGN(const DnnConv conv, cudnn_conv_of(problem));
    const Offer wanted = plain_offer(problem, conv, "");
    if (offer.input_layouts != wanted.input_layouts || offer.output_layouts != wanted.output_layouts || blobs.size() != 1 ||
        blobs[0].dtype() != problem.inputs[1].dtype || blobs[0].count() != product(problem.inputs[1].opt)) {
      return make_error(Code::kInvalidEngine, "{}: layouts or packed weights are not those of the problem; the engine is damaged: rebuild it", id_);
    }
    SINTER_ASSIGN(const CudnnApi* api, cudnn());
    const size_t space = offer.config.find(' ');
    const std::string version = space == std::string::npos || offer.config[0] != 'v' ? "" : offer.config.substr(1, space - 1);
    if (version != std::to_string(api->version)) {
      return make_error(Code::kTargetMismatch, "the engine was built with cuDNN '{}', found {} at '{}'; re-tune it with 'sinter retune F', or name a library of that version in SINTER_CUDNN",
                        version, api->version, api->path);
    }
    return std::unique_ptr<Kernel>(std::make_unique<CudnnKernel>(problem, offer.config.substr(space + 1)));
  }

 private:
  const char* id_;
  int version_;
};

}  // namespace

SINTER_CUDA_TACTIC(cudnn_conv, CudnnConv)

}  // namespace sinter::cuda
