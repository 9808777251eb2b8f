// cuda.conv_first: the first convolution of a network on tensor cores (kernels/first_conv.cu): up to four input
// channels, which it takes row-major as images come, f16, bf16 and 8-bit integers (as f16, exactly); the result is channels last.
#include <cstring>
#include <optional>

#include "cuda/conv_geometry.h"
#include "cuda/cuda_tactic.h"
#include "cuda/quantized_dense.h"
#include "tactic/arithmetic.h"

namespace sinter::cuda {
namespace {

constexpr int64_t kMostChannels = 4, kMostTaps = 16, kTileX = 16;

struct Config {
  int bn = 0, tile_y = 0;
};
constexpr Config kConfigs[] = {{16, 8}, {32, 8}, {32, 16}, {64, 8}, {64, 16}};

struct Form {
  DenseEpilogue epilogue;
  ConvShape shape;  // at the optimum; channels, filter and strides hold for every shape
  std::optional<QuantizedDense> quantized;
  int64_t padded = 4, steps = 1,
          columns = 1;  // taps of a row, k steps and blocks of eight columns of the packed weights
};

Result<Form> form_of(const Problem& problem) {
  Form form;
  EpilogueForm epilogue = conv_epilogue_form(problem);
  epilogue.grouped = false;
  SINTER_ASSIGN(form.epilogue, DenseEpilogue::make(problem, std::move(epilogue)));
  SINTER_ASSIGN(form.shape, conv_shape(problem, problem.inputs[0].opt, problem.inputs[1].opt, problem.outputs[0].opt));
  form.padded = form.shape.kw <= 4 ? 4 : form.shape.kw <= 8 ? 8 : 16;
  form.steps = ceil_quotient(form.shape.channels * form.shape.kh * form.padded, 16);
  form.columns = ceil_quotient(form.shape.out_channels, 8);
  if (is_quantized_dense(problem)) {
    const ConvShape& s = form.shape;
    SINTER_ASSIGN(form.quantized, QuantizedDense::make(problem, s.out_channels, s.channels * s.kh * s.kw, RightOperand::kCentred));
  }
  return form;
}

Result<Config> parse_config(std::string_view text) {
  for (const Config& config : kConfigs) {
    if (fmt::format("{}x{}", config.bn, config.tile_y) == text) return config;
  }
  return make_error(Code::kInvalidEngine,
                    "cuda.conv_first: found config '{}', expected one of this version's tiles; build the engine again",
                    text);
}

// As first_conv.cu lays it out.
int64_t shared_bytes(const Form& form, const Config& config) {
  const ConvShape& s = form.shape;
  const int64_t rows = (config.tile_y - 1) * s.stride_h + s.kh,
                line = round_up((kTileX - 1) * s.stride_w + form.padded, 2);
  const int64_t patch = round_up(s.channels * rows * line * 2, 16), weights = form.steps * (config.bn / 8) * 256;
  return std::max<int64_t>(patch + weights, int64_t{config.tile_y / 2} * 16 * (config.bn + 8) * 4);
}

class FirstKernel final : public Kernel {
 public:
  FirstKernel(const Problem& problem, Form form, Config config, Function function)
      : problem_(problem), form_(std::move(form)), config_(config), function_(std::move(function)) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    SINTER_ASSIGN(const ConvShape s, conv_shape(problem_, inputs[0], problem_.inputs[1].opt, outputs[0]));
    SINTER_ASSIGN(params_, conv_params(s, 2));
    form_.epilogue.specialize(inputs, outputs[0], 0);
    const int64_t tiles_y = ceil_quotient(s.oh, config_.tile_y), tiles_x = ceil_quotient(s.ow, kTileX);
    params_.n = static_cast<int>(s.out_channels);
    params_.tiles_m = static_cast<int>(tiles_y);
    params_.tiles_n = static_cast<int>(tiles_x);
    params_.by_x = divisor(tiles_x);
    grid_ = {tiles_y * tiles_x, s.batch, ceil_quotient(s.out_channels, config_.bn)};
    if (s.batch > 65535) return make_error(Code::kUnsupported, "a batch of {} is more than CUDA's grid takes", s.batch);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    params_.a = args.inputs[0];
    params_.b = args.blobs[0];
    params_.c = args.outputs[0];
    form_.epilogue.fill(params_, args);
    if (form_.quantized) form_.quantized->fill(params_, args, args.blobs[1], 0);
    Launch how;
    how.grid = grid_;
    how.threads = config_.tile_y * 16;
    how.shared_bytes = static_cast<int>(shared_bytes(form_, config_));
    how.stream = args.stream;
    return cuda::launch(function_, how, params_);
  }

 private:
  Problem problem_;
  Form form_;
  Config config_;
  Function function_;
  sinter_kernels::DenseParams params_{};
  Grid grid_;
};

std::string unsuitable(const Problem& problem, const ConvShape& s) {
  if (problem.inputs[0].rank() != 4) return "not a 2-d image";
  if (problem.inputs[0].dtype == DType::kF32) return "f32, takes f16, bf16 and 8-bit integers";
  if (s.groups != 1 || s.channels > kMostChannels)
    return fmt::format("{} channels in {} groups, takes up to {} in one", s.channels, s.groups, kMostChannels);
  if (s.kh > kMostTaps || s.kw > kMostTaps) return fmt::format("a filter of {}x{}, takes up to 16x16", s.kh, s.kw);
  if (s.dilation_h != 1 || s.dilation_w != 1) return "a dilated filter";
  return "";
}

class ConvFirst final : public CudaTactic, public TypedTactic {
 public:
  using CudaTactic::CudaTactic;
  Arithmetic arithmetic(const Problem& problem, const Offer&) const override {
    Arithmetic result = matrix_arithmetic(problem);
    if (result.compute == "i8") result.compute = "f16", result.accumulate = "f32";
    return result;
  }

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Conv") && !is_op(problem, "QuantizedConv", "sinter")) return;
    if (const std::string reason = conv_unsuitable(problem); !reason.empty()) return answer.decline(reason);
    const auto form = form_of(problem);
    if (!form.ok()) return answer.decline(form.status().message());
    if (const std::string reason = unsuitable(problem, form->shape); !reason.empty()) return answer.decline(reason);
    const int64_t outputs = form->shape.out_channels;
    for (const Config& config : kConfigs) {
      if (shared_bytes(*form, config) > std::min<int64_t>(problem.device.shared_bytes, 96 << 10)) continue;
      if (config.bn >= 2 * std::max<int64_t>(outputs, 16) || (config.bn < 64 && config.bn < outputs)) continue;
      Offer offer = conv_offer(problem, form->epilogue, fmt::format("{}x{}", config.bn, config.tile_y));
      offer.input_layouts[0] = Layout::kRowMajor;
      if (form->quantized) form->quantized->book(offer);
      answer.offer(std::move(offer));
    }
  }

  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer&,
                                      std::span<const Tensor> constants) const override {
    SINTER_ASSIGN(const Form form, form_of(problem));
    const ConvShape& s = form.shape;
    Tensor weights = constants[1];
    if (form.quantized) {
      SINTER_ASSIGN(weights, form.quantized->centred(constants));
    }
    Tensor packed(weights.dtype(), {form.steps, form.columns, 32, 4});
    std::memset(packed.raw(), 0, static_cast<size_t>(packed.bytes()));
    const auto* from = reinterpret_cast<const uint16_t*>(weights.raw());
    auto* to = reinterpret_cast<uint16_t*>(packed.raw());
    for (int64_t n = 0; n < s.out_channels; ++n) {
      for (int64_t line = 0; line < s.channels * s.kh; ++line) {
        for (int64_t x = 0; x < s.kw; ++x) {
          const int64_t k = line * form.padded + x, in_step = k % 16, lane = n % 8 * 4 + in_step % 8 / 2;
          to[((k / 16 * form.columns + n / 8) * 32 + lane) * 4 + in_step / 8 * 2 + in_step % 2] =
              from[(n * s.channels * s.kh + line) * s.kw + x];
        }
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
    SINTER_TRY(check_packed(id(), blobs, type, form.steps * form.columns * 128, form.quantized ? 2 : 1));
    if (form.quantized) SINTER_TRY(form.quantized->check_table(id(), blobs[1]));
    SINTER_ASSIGN(Function function, load_code(blobs, "first_conv"));
    SINTER_TRY(function.allow_shared(static_cast<int>(shared_bytes(form, config))));
    return std::unique_ptr<Kernel>(
        std::make_unique<FirstKernel>(problem, std::move(form), config, std::move(function)));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer& offer) const override {
    SINTER_ASSIGN(const Form form, form_of(problem));
    SINTER_ASSIGN(const Config config, parse_config(offer.config));
    Source source{"first_conv.cu", {}, form.epilogue.source()};
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
    define("CHANNELS", form.shape.channels);
    define("TAPS_R", form.shape.kh);
    define("TAPS_S", form.shape.kw);
    define("SPAD", form.padded);
    define("STRIDE_Y", form.shape.stride_h);
    define("STRIDE_X", form.shape.stride_w);
    define("TILE_Y", config.tile_y);
    define("BN", config.bn);
    define("WHOLE", int{form.shape.out_channels % 8 == 0});
    return source;
  }
};

}  // namespace

SINTER_CUDA_TACTIC(conv_first, ConvFirst)

}  // namespace sinter::cuda
