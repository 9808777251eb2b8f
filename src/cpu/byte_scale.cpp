// cpu.byte_scale: `sinter.Pointwise` programs that multiply an image of 8-bit integers by one value a channel and quantize the product
// (squeeze-and-excite between quantized layers), channels last. Every step is the program's own, in its order: results are the same bits.
//
// The factors are what the program computes from its other operands, which must be one value a channel (of a sample, or of all).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "cpu/byte_dense.h"
#include "cpu/cpu_tactic.h"
#include "cpu/kernels/pointwise_tile.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kMinPartElements = 32768;

struct Body {
  ByteDense quantization;
  PointwiseProgram factors;  // of the other operands, one value a channel
  size_t image = 0;          // the input that is scaled
  float zero = 0, scale = 1;
};

bool is_byte(DType dtype) { return dtype == DType::kI8 || dtype == DType::kU8; }

// A program's instructions by the operand that they make.
struct Maker {
  const PointwiseProgram& program;
  const PointwiseInstruction* of(int operand, PointwiseOp op) const {
    if (operand < program.inputs) return nullptr;
    const PointwiseInstruction& made = program.code[static_cast<size_t>(operand - program.inputs)];
    return made.op == op ? &made : nullptr;
  }
  std::optional<float> constant(int operand) const {
    const PointwiseInstruction* made = of(operand, PointwiseOp::kConst);
    return made != nullptr ? std::optional<float>(made->constant) : std::nullopt;
  }
};

// Whether `operand` is (image - zero) * scale by constants.
bool is_dequantized(const PointwiseProgram& program, int operand, int image, Body& body) {
  const Maker maker{program};
  const PointwiseInstruction* product = maker.of(operand, PointwiseOp::kMul);
  if (product == nullptr) return false;
  const std::optional<float> scale = maker.constant(product->args[1]);
  if (!scale) return false;
  body.scale = *scale;
  body.zero = 0;
  if (product->args[0] == image) return true;
  const PointwiseInstruction* difference = maker.of(product->args[0], PointwiseOp::kSub);
  if (difference == nullptr || difference->args[0] != image) return false;
  const std::optional<float> zero = maker.constant(difference->args[1]);
  if (!zero || *zero != std::nearbyint(*zero) || std::fabs(*zero) > 255.0f) return false;
  body.zero = *zero;
  return true;
}

bool depends_on(const PointwiseProgram& program, int operand, int input) {
  std::vector<bool> reads(static_cast<size_t>(program.operand_count()), false);
  reads[static_cast<size_t>(input)] = true;
  for (size_t i = 0; i < program.code.size(); ++i) {
    for (const int16_t arg : program.code[i].args) {
      if (arg >= 0 && reads[static_cast<size_t>(arg)]) reads[static_cast<size_t>(program.inputs) + i] = true;
    }
  }
  return reads[static_cast<size_t>(operand)];
}

// The problem's parts, or why it is none of this tactic's.
Result<Body> body_of(const Problem& problem) {
  const auto no = [](std::string_view why) { return make_error(Code::kUnsupported, "{}", why); };
  const auto* text = problem.attributes.find_as<std::string>("program");
  if (text == nullptr) return no("no program");
  SINTER_ASSIGN(PointwiseProgram program, PointwiseProgram::parse(*text));
  if (problem.has_epilogue() || problem.outputs.size() != 1 || problem.outputs[0].rank() < 3) return no("not one image");
  if (program.inputs != static_cast<int>(problem.inputs.size()) || program.outputs.size() != 1) return no("operand counts differ");
  Body body;
  if (!split_quantization(problem.outputs[0].dtype, program, body.quantization)) return no("the result is not quantized by constants");
  const Shape& out = problem.outputs[0].shape;
  int images = 0;
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    const TensorDesc& desc = problem.inputs[i];
    if (!desc.present || (desc.dtype != DType::kF32 && !is_byte(desc.dtype))) return no("an operand is not f32, i8 or u8");
    const bool per_channel = desc.rank() == static_cast<int>(out.size()) && desc.shape[1] == out[1] && (desc.shape[0] == out[0] || desc.shape[0].is(1)) &&
                             std::all_of(desc.shape.begin() + 2, desc.shape.end(), [](const Dim& dim) { return dim.is(1); });
    if (per_channel) continue;
    if (desc.shape != out || !is_byte(desc.dtype)) return no("an operand is neither an 8-bit image nor one value a channel");
    body.image = i;
    ++images;
  }
  if (images != 1) return no("not one image");
  const auto image = static_cast<int>(body.image);
  const PointwiseInstruction* product = Maker{program}.of(program.outputs[0], PointwiseOp::kMul);
  if (product == nullptr) return no("not a product");
  const int side = is_dequantized(program, product->args[0], image, body) ? 0 : 1;
  if (side == 1 && !is_dequantized(program, product->args[1], image, body)) return no("not a product of the dequantized image");
  const int16_t factor = product->args[1 - side];
  if (depends_on(program, factor, image)) return no("not linear in the image");
  body.factors = program;
  body.factors.outputs[0] = factor;
  return body;
}

class ByteScaleKernel final : public Kernel {
 public:
  ByteScaleKernel(const Problem& problem, Body body)
      : steps_(pointwise_steps(problem.isa)), body_(std::move(body)), factors_(body_.factors, problem.isa), problem_(problem) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    samples_ = outputs[0][0];
    channels_ = outputs[0][1];
    pixels_ = product(outputs[0], 2);
    steps_of_.clear();
    for (const Dims& dims : inputs) steps_of_.push_back(dims[0] == 1 ? 0 : channels_);
    const int64_t rows = static_cast<int64_t>(problem_.inputs.size()) + 1;
    return (rows * channels_ + factors_.scratch_floats()) * 4;
  }

  Status launch(const LaunchArgs& args) override {
    for (int64_t n = 0; n < samples_; ++n) {
      const float* factor = compute_factors(args, n);
      ByteScale call{};
      call.source_signed = problem_.inputs[body_.image].dtype == DType::kI8;
      call.target_signed = problem_.outputs[0].dtype == DType::kI8;
      call.source_zero = body_.zero;
      call.scale = body_.scale;
      call.factor = factor;
      call.divisor = body_.quantization.divisor;
      call.zero = body_.quantization.zero;
      call.low = body_.quantization.low;
      call.high = body_.quantization.high;
      call.channels = channels_;
      const auto* source = static_cast<const uint8_t*>(args.inputs[body_.image]) + n * pixels_ * channels_;
      auto* target = static_cast<uint8_t*>(args.outputs[0]) + n * pixels_ * channels_;
      args.team->split(pixels_, std::max<int64_t>(1, kMinPartElements / std::max<int64_t>(channels_, 1)), [&](int64_t begin, int64_t end) {
        ByteScale part = call;
        part.source = source + begin * channels_;
        part.target = target + begin * channels_;
        part.pixels = end - begin;
        steps_.scale_bytes(part);
      });
    }
    return ok_status();
  }

 private:
  // The factors of sample n, in the workspace.
  const float* compute_factors(const LaunchArgs& args, int64_t n) const {
    auto* row = static_cast<float*>(args.workspace);
    std::vector<PointwiseOperand> operands(problem_.inputs.size());
    for (size_t i = 0; i < operands.size(); ++i, row += channels_) {
      operands[i] = {&body_.zero, true};  // the image is not read
      if (i == body_.image) continue;
      const DType dtype = problem_.inputs[i].dtype;
      const char* from = static_cast<const char*>(args.inputs[i]) + n * dtype_bytes(dtype, steps_of_[i]);
      operands[i] = {dtype == DType::kF32 ? reinterpret_cast<const float*>(from) : row, false};
      if (dtype != DType::kF32) steps_.widen(dtype)(from, row, channels_);
    }
    float* result = row;
    factors_.run(operands.data(), &result, channels_, row + channels_);
    return row;
  }

  const PointwiseSteps& steps_;
  Body body_;
  PointwiseTile factors_;
  Problem problem_;
  int64_t samples_ = 0, channels_ = 0, pixels_ = 0;
  std::vector<int64_t> steps_of_;  // elements of each operand from sample to sample
};

class ByteScaling final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Pointwise", "sinter")) return;
    const Result<Body> body = body_of(problem);
    if (!body.ok()) return answer.decline(body.status().message());
    Offer offer = uniform_offer(problem, Layout::kChannelsLast);
    for (size_t i = 0; i < problem.inputs.size(); ++i) {
      if (i != body->image) offer.input_layouts[i] = Layout::kRowMajor;
    }
    const int64_t rows = static_cast<int64_t>(problem.inputs.size()) + 1;
    offer.workspace_bytes = (rows * problem.outputs[0].opt[1] + PointwiseTile(body->factors, problem.isa).scratch_floats()) * 4;
    answer.offer(std::move(offer));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor>) const override {
    SINTER_ASSIGN(Body body, body_of(problem));
    return std::unique_ptr<Kernel>(std::make_unique<ByteScaleKernel>(problem, std::move(body)));
  }
};

}  // namespace

SINTER_CPU_TACTIC(byte_scale, ByteScaling)

}  // namespace sinter::cpu
