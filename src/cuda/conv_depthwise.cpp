// cuda.conv_depthwise: Conv and QuantizedConv of every channel with its own filter, channels last (kernels/depthwise.cu), f32, f16,
// bf16 and 8-bit integers, computed in f32, which is exact for the integers.
#include <cstring>
#include <optional>

#include "cuda/conv_geometry.h"
#include "cuda/cuda_tactic.h"
#include "cuda/quantized_dense.h"
#include "tactic/arithmetic.h"

namespace sinter::cuda {
namespace {

constexpr int kThreads = 128;       // as in depthwise.cu
constexpr int64_t kMostTaps = 121;  // the kernel's loops over taps are unrolled

struct Form {
  DenseEpilogue epilogue;
  ConvShape shape;  // at the optimum; filter, strides and dilations hold for every shape
  bool whole = false;
  std::optional<QuantizedDense> quantized;
};

Result<Form> form_of(const Problem& problem) {
  Form form;
  SINTER_ASSIGN(form.epilogue, DenseEpilogue::make(problem, conv_epilogue_form(problem)));
  SINTER_ASSIGN(form.shape, conv_shape(problem, problem.inputs[0].opt, problem.inputs[1].opt, problem.outputs[0].opt));
  form.whole = form.shape.channels % 8 == 0;
  if (is_quantized_dense(problem)) {
    SINTER_ASSIGN(form.quantized, QuantizedDense::make(problem, form.shape.out_channels, form.shape.kh * form.shape.kw, RightOperand::kCentred));
  }
  return form;
}

// Output pixels of a thread, along x and y.
struct Config {
  int x = 1, y = 1;
};
constexpr Config kConfigs[] = {{1, 1}, {2, 1}, {2, 2}};
std::string to_string(Config config) { return fmt::format("{}x{}", config.x, config.y); }
Result<Config> parse_config(std::string_view text) {
  for (const Config& config : kConfigs) {
    if (to_string(config) == text) return config;
  }
  return make_error(Code::kInvalidEngine,
                    "cuda.conv_depthwise: found config '{}', expected one of this version's; build the engine again",
                    text);
}

class DepthwiseKernel final : public Kernel {
 public:
  DepthwiseKernel(const Problem& problem, Form form, Config config, Function function)
      : problem_(problem), form_(std::move(form)), config_(config), function_(std::move(function)) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    SINTER_ASSIGN(const ConvShape s, conv_shape(problem_, inputs[0], problem_.inputs[1].opt, outputs[0]));
    SINTER_ASSIGN(params_, conv_params(s, 4));
    form_.epilogue.specialize(inputs, outputs[0], 0);
    const int64_t segments = ceil_quotient(s.ow, config_.x), bands = ceil_quotient(s.oh, config_.y),
                  chunks = ceil_quotient(s.channels, 8);
    const int64_t pieces = s.batch * bands * segments;
    threads_ = pieces * chunks;
    if (threads_ >= INT32_MAX)
      return make_error(Code::kUnsupported, "{} pieces of work are more than this kernel takes; use smaller inputs",
                        threads_);
    params_.m = static_cast<int>(pieces);
    params_.n = static_cast<int>(s.channels);
    params_.by_channels = divisor(chunks);
    params_.by_x = divisor(segments);
    params_.by_image = divisor(bands * segments);
    params_.taps_s = static_cast<int>(segments);
    params_.taps_r = static_cast<int>(bands);
    params_.a_s = s.channels;
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    params_.a = args.inputs[0];
    params_.b = args.blobs[0];
    params_.c = args.outputs[0];
    form_.epilogue.fill(params_, args);
    if (form_.quantized) form_.quantized->fill(params_, args, args.blobs[1], 0);
    Launch how;
    how.grid.x = ceil_quotient(threads_, kThreads);
    how.threads = kThreads;
    how.stream = args.stream;
    return cuda::launch(function_, how, params_);
  }

 private:
  Problem problem_;
  Form form_;
  Config config_;
  Function function_;
  sinter_kernels::DenseParams params_{};
  int64_t threads_ = 0;
};

class ConvDepthwise final : public CudaTactic, public TypedTactic {
 public:
  using CudaTactic::CudaTactic;
  Arithmetic arithmetic(const Problem& problem, const Offer&) const override { return {plain_arithmetic(problem).storage, "f32", "f32"}; }

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Conv") && !is_op(problem, "QuantizedConv", "sinter")) return;
    if (const std::string reason = conv_unsuitable(problem); !reason.empty()) return answer.decline(reason);
    const auto form = form_of(problem);
    if (!form.ok()) return answer.decline(form.status().message());
    const ConvShape& s = form->shape;
    if (s.groups != s.channels || s.channels != s.out_channels) return answer.decline("not one filter a channel");
    if (s.kh * s.kw > kMostTaps)
      return answer.decline(fmt::format("a filter of {}x{}, takes up to {} taps", s.kh, s.kw, kMostTaps));
    for (const Config& config : kConfigs) {
      const int64_t threads =
          s.batch * ceil_quotient(s.oh, config.y) * ceil_quotient(s.ow, config.x) * ceil_quotient(s.channels, 8);
      const bool few = threads < int64_t{kThreads} * problem.device.processors / 2;
      if (config.x > 1 && (few || s.ow == 1 || (config.y > 1 && s.oh == 1))) continue;
      Offer offer = conv_offer(problem, form->epilogue, to_string(config));
      if (form->quantized) form->quantized->book(offer);
      answer.offer(std::move(offer));
    }
  }

  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer&,
                                      std::span<const Tensor> constants) const override {
    SINTER_ASSIGN(const Form form, form_of(problem));
    Tensor weights = constants[1];
    if (form.quantized) {
      SINTER_ASSIGN(weights, form.quantized->centred(constants));
    }
    const int64_t channels = weights.dim(0), taps = weights.count() / std::max<int64_t>(channels, 1);
    const auto bytes = static_cast<size_t>(element_bytes(weights.dtype()));
    Tensor packed(weights.dtype(), {taps, channels});
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t t = 0; t < taps; ++t) {
        std::memcpy(packed.data<char>() + static_cast<size_t>(t * channels + c) * bytes,
                    weights.data<char>() + static_cast<size_t>(c * taps + t) * bytes, bytes);
      }
    }
    std::vector<Tensor> blobs{std::move(packed)};
    if (form.quantized) {
      SINTER_ASSIGN(blobs.emplace_back(), form.quantized->table(constants, [](int64_t) { return int64_t{0}; }));
    }
    return blobs;
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer,
                                       std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Form form, form_of(problem));
    SINTER_ASSIGN(const Config config, parse_config(offer.config));
    const DType type = form.quantized ? DType::kF16 : problem.inputs[1].dtype;
    SINTER_TRY(check_packed(id(), blobs, type, product(problem.inputs[1].opt), form.quantized ? 2 : 1));
    if (form.quantized) SINTER_TRY(form.quantized->check_table(id(), blobs[1]));
    SINTER_ASSIGN(Function function, load_code(blobs, "depthwise"));
    return std::unique_ptr<Kernel>(
        std::make_unique<DepthwiseKernel>(problem, std::move(form), config, std::move(function)));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer& offer) const override {
    SINTER_ASSIGN(const Form form, form_of(problem));
    SINTER_ASSIGN(const Config config, parse_config(offer.config));
    Source source{"depthwise.cu", {}, form.epilogue.source()};
    const auto define = [&](std::string_view name, const auto& value) {
      source.defines.push_back(fmt::format("{}={}", name, value));
    };
    define("TYPE", form.quantized ? "f16" : device_type(problem.inputs[0].dtype));
    define("FROM", device_type(problem.inputs[0].dtype));
    if (form.quantized) {
      define("INTEGERS", 1);
      define("FILL", form.quantized->fill_kind());
    }
    define("OUT", device_type(problem.outputs[0].dtype));
    define("WHOLE", int{form.whole});
    define("TAPS_R", form.shape.kh);
    define("TAPS_S", form.shape.kw);
    define("STRIDE_Y", form.shape.stride_h);
    define("STRIDE_X", form.shape.stride_w);
    define("DILATION_Y", form.shape.dilation_h);
    define("DILATION_X", form.shape.dilation_w);
    define("OX", config.x);
    define("OY", config.y);
    define("BLOCKS", config.y > 1 && (form.shape.stride_w > 1 || form.quantized) ? 3 : 4);
    return source;
  }
};

}  // namespace

SINTER_CUDA_TACTIC(conv_depthwise, ConvDepthwise)

}  // namespace sinter::cuda
