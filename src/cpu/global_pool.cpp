// GlobalAveragePool and GlobalMaxPool, f32, every layout. Row-major: a sum over each row. Channels-last and blocked: sums of vectors
// of channels, in groups of pixels so that long sums keep their digits. Also sinter.IntegerGlobalAveragePool, row-major and channels last, exact: bytes are
// summed in 16 bits over as many pixels as these hold, and those sums in 64 bits.
#include <algorithm>
#include <cmath>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/kernel_table.h"
#include "cpu/kernels/pointwise_steps.h"
#include "cpu/kernels/row_kernels.h"
#include "tactic/integer_mean.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kStrip = 256;              // channels at a time
constexpr int64_t kGroup = 64;               // pixels in a partial sum
constexpr int64_t kByteGroup = 256;          // bytes whose sum fits in 16 bits
constexpr int64_t kMinPartElements = 16384;
constexpr int64_t kMinPartBytes = 32 << 10;

class GlobalPoolKernel final : public Kernel {
 public:
  GlobalPoolKernel(const Problem& problem, const Offer& offer)
      : rows_(row_kernels(problem.isa)), step_(pointwise_steps(problem.isa).step[static_cast<int>(average_of(problem) ? PointwiseOp::kAdd : PointwiseOp::kMax)][0]),
        layout_(offer.input_layouts[0]), average_(average_of(problem)) {}

  static bool average_of(const Problem& problem) { return problem.op == "GlobalAveragePool"; }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims& dims = inputs[0];
    const int64_t block = channel_block(layout_);
    pixels_ = product(dims, 2);
    vector_ = layout_ == Layout::kRowMajor ? 1 : block > 1 ? block : dims[1];
    outer_ = layout_ == Layout::kRowMajor ? dims[0] * dims[1] : block > 1 ? dims[0] * ceil_quotient(dims[1], block) : dims[0];
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const auto* input = static_cast<const float*>(args.inputs[0]);
    auto* output = static_cast<float*>(args.outputs[0]);
    const float factor = 1.0f / static_cast<float>(pixels_);
    const int64_t strips = ceil_quotient(vector_, kStrip);
    const int64_t unit = std::max<int64_t>(1, pixels_ * std::min(vector_, kStrip));
    args.team->split(outer_ * strips, std::max<int64_t>(1, kMinPartElements / unit), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t outer = i / strips, first = i % strips * kStrip;
        const float* a = input + outer * pixels_ * vector_ + first;
        float* d = output + outer * vector_ + first;
        if (vector_ == 1) {
          *d = average_ ? rows_.sum(a, pixels_) * factor : rows_.max(a, pixels_);
        } else {
          strip(a, d, std::min(kStrip, vector_ - first), factor);
        }
      }
    });
    return ok_status();
  }

 private:
  void strip(const float* a, float* d, int64_t n, float factor) const {
    float total[kStrip], part[kStrip];
    for (int64_t p = 0; p < pixels_; p += kGroup) {
      const int64_t end = std::min(pixels_, p + kGroup);
      std::copy_n(a + p * vector_, n, part);
      for (int64_t q = p + 1; q < end; ++q) step_(part, part, a + q * vector_, nullptr, n);
      if (p == 0) {
        std::copy_n(part, n, total);
      } else {
        step_(total, total, part, nullptr, n);
      }
    }
    for (int64_t i = 0; i < n; ++i) d[i] = average_ ? total[i] * factor : total[i];
  }

  const RowKernels& rows_;
  PointwiseStep step_;
  Layout layout_;
  bool average_;
  int64_t pixels_ = 0, vector_ = 1, outer_ = 0;
};

// i8 becomes u8 by a flip of its sign bit, which adds 128.
uint8_t sign_flip(DType dtype) { return dtype == DType::kI8 ? 0x80 : 0; }

class GlobalByteMeanKernel final : public Kernel {
 public:
  GlobalByteMeanKernel(const Problem& problem, Layout layout)
      : table_(kernel_table(problem.isa)), mean_(*integer_mean(problem)), out_(problem.outputs[0].dtype), flip_(sign_flip(problem.inputs[0].dtype)), layout_(layout) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims& dims = inputs[0];
    pixels_ = product(dims, 2);
    channels_ = layout_ == Layout::kRowMajor ? 1 : dims[1];
    images_ = layout_ == Layout::kRowMajor ? dims[0] * dims[1] : dims[0];
    factor_ = mean_.factor(pixels_);
    offset_ = pixels_ * (mean_.x_zero + flip_);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const auto* source = static_cast<const uint8_t*>(args.inputs[0]);
    const int64_t strips = ceil_quotient(channels_, kStrip);
    const int64_t unit = std::max<int64_t>(1, pixels_ * std::min(channels_, kStrip));
    args.team->split(images_ * strips, std::max<int64_t>(1, kMinPartBytes / unit), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t image = i / strips, first = i % strips * kStrip, n = std::min(kStrip, channels_ - first);
        int64_t sums[kStrip] = {};
        if (channels_ == 1) sums[0] = sum_row(source + image * pixels_);
        else table_.sum_bytes(source + image * pixels_ * channels_ + first, channels_, pixels_, n, flip_, sums);
        store(sums, n, args.outputs[0], image * channels_ + first);
      }
    });
    return ok_status();
  }

 private:
  int64_t sum_row(const uint8_t* row) const {
    int64_t sum = 0;
    for (int64_t p = 0; p < pixels_; p += kByteGroup) {
      const int64_t n = std::min(kByteGroup, pixels_ - p);
      uint32_t part = 0;
      for (int64_t q = 0; q < n; ++q) part += static_cast<uint8_t>(row[p + q] ^ flip_);
      sum += part;
    }
    return sum;
  }

  void store(const int64_t* sums, int64_t n, void* target, int64_t first) const {
    const float low = out_ == DType::kI8 ? -128.0f : 0.0f, high = out_ == DType::kI8 ? 127.0f : 255.0f;
    for (int64_t c = 0; c < n; ++c) {
      const float mean = static_cast<float>(sums[c] - offset_) * factor_;
      if (!mean_.quantizes) {
        static_cast<float*>(target)[first + c] = mean;
      } else {
        const float whole = std::clamp(std::nearbyint(mean) + static_cast<float>(mean_.y_zero), low, high);
        static_cast<uint8_t*>(target)[first + c] = static_cast<uint8_t>(static_cast<int32_t>(whole));
      }
    }
  }

  const KernelTable& table_;
  IntegerMean mean_;
  DType out_;
  uint8_t flip_;
  Layout layout_;
  int64_t pixels_ = 1, channels_ = 1, images_ = 1, offset_ = 0;
  float factor_ = 1;
};

Offer byte_mean_offer(const Problem& problem, Layout layout) {
  Offer offer = uniform_offer(problem, layout);
  offer.packed_inputs.assign(problem.inputs.size(), false);
  for (size_t i = 1; i < problem.inputs.size(); ++i) {
    offer.input_layouts[i] = Layout::kRowMajor;
    offer.packed_inputs[i] = problem.inputs[i].present;  // known when it is bound
  }
  return offer;
}

class GlobalPool final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (is_byte_mean(problem)) {
      if (const std::string reason = integer_mean_objection(problem); !reason.empty()) return answer.decline(reason);
      for (const Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) answer.offer(byte_mean_offer(problem, layout));
      return;
    }
    if (!is_op(problem, "GlobalAveragePool") && !is_op(problem, "GlobalMaxPool")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    if (problem.inputs[0].dtype != DType::kF32) return answer.decline("not f32");
    if (problem.inputs[0].rank() < 3) return answer.decline("rank below 3");
    for (size_t i = 2; i < problem.inputs[0].shape.size(); ++i) {
      if (problem.inputs[0].shape[i].is(0)) return answer.decline("no pixels");
    }
    for (int l = 0; l < kLayoutCount; ++l) answer.offer(uniform_offer(problem, static_cast<Layout>(l)));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    if (is_byte_mean(problem)) {
      if (const std::string reason = integer_mean_objection(problem); !reason.empty()) {
        return make_error(Code::kInvalidEngine, "{}: {}; the engine is damaged: rebuild it", id(), reason);
      }
      return std::unique_ptr<Kernel>(std::make_unique<GlobalByteMeanKernel>(problem, offer.input_layouts[0]));
    }
    return std::unique_ptr<Kernel>(std::make_unique<GlobalPoolKernel>(problem, offer));
  }

 private:
  static bool is_byte_mean(const Problem& problem) { return is_op(problem, "IntegerGlobalAveragePool", "sinter"); }
};

}  // namespace

SINTER_CPU_TACTIC(global_pool, GlobalPool)

}  // namespace sinter::cpu
