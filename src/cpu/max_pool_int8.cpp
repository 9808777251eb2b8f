// cpu.max_pool_int8: MaxPool of i8 and u8 images, channels last, with pads, strides and dilations: every output pixel is the largest of its
// window's pixels, vector by vector.
#include <cstring>

#include "core/window.h"
#include "cpu/cpu_tactic.h"
#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kMostTaps = 256;
constexpr int64_t kMinPartBytes = 32 << 10;

// The window over height and width; a missing height has one row.
struct PoolShape {
  int64_t batch, channels, h, w, oh, ow;
  int64_t kh = 1, kw, stride_h = 1, stride_w, dilation_h = 1, dilation_w, top = 0, left;
};

Result<PoolShape> pool_shape(const Problem& problem, const Dims& in, const Dims& out) {
  SINTER_ASSIGN(const Window window, resolve_window(problem, in, out));
  const size_t rank = window.kernel.size(), x = rank - 1;
  PoolShape s{};
  s.batch = in[0];
  s.channels = in[1];
  s.w = in[2 + x];
  s.ow = out[2 + x];
  s.kw = window.kernel[x];
  s.stride_w = window.stride[x];
  s.dilation_w = window.dilation[x];
  s.left = window.pad_begin[x];
  s.h = s.oh = s.kh = s.stride_h = s.dilation_h = 1;
  if (rank == 2) {
    s.h = in[2];
    s.oh = out[2];
    s.kh = window.kernel[0];
    s.stride_h = window.stride[0];
    s.dilation_h = window.dilation[0];
    s.top = window.pad_begin[0];
  }
  return s;
}

class MaxPoolKernel final : public Kernel {
 public:
  explicit MaxPoolKernel(const Problem& problem)
      : problem_(problem), table_(kernel_table(problem.isa)), is_signed_(problem.inputs[0].dtype == DType::kI8) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    SINTER_ASSIGN(shape_, pool_shape(problem_, inputs[0], outputs[0]));
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const int64_t rows = shape_.batch * shape_.oh, row_bytes = std::max<int64_t>(shape_.ow * shape_.channels, 1);
    args.team->split(rows, std::max<int64_t>(1, kMinPartBytes / row_bytes), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) pool_row(static_cast<const uint8_t*>(args.inputs[0]), row, static_cast<uint8_t*>(args.outputs[0]));
    });
    return ok_status();
  }

 private:
  void pool_row(const uint8_t* source, int64_t row, uint8_t* target) const {
    const PoolShape& s = shape_;
    const uint8_t* image = source + row / s.oh * s.h * s.w * s.channels;
    const int64_t top = row % s.oh * s.stride_h - s.top;
    for (int64_t ox = 0; ox < s.ow; ++ox) {
      const uint8_t* taps[kMostTaps];
      int count = 0;
      for (int64_t ky = 0; ky < s.kh; ++ky) {
        const int64_t y = top + ky * s.dilation_h;
        if (y < 0 || y >= s.h) continue;
        for (int64_t kx = 0; kx < s.kw; ++kx) {
          const int64_t x = ox * s.stride_w - s.left + kx * s.dilation_w;
          if (x >= 0 && x < s.w) taps[count++] = image + (y * s.w + x) * s.channels;
        }
      }
      uint8_t* to = target + (row * s.ow + ox) * s.channels;
      if (count > 0) table_.max_bytes(taps, count, s.channels, is_signed_, to);
      else std::memset(to, is_signed_ ? 0x80 : 0, static_cast<size_t>(s.channels));
    }
  }

  Problem problem_;
  const KernelTable& table_;
  bool is_signed_;
  PoolShape shape_{};
};

class MaxPoolInt8 final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "MaxPool")) return;
    if (const std::string reason = unsuitable(problem); !reason.empty()) return answer.decline(reason);
    answer.offer(uniform_offer(problem, Layout::kChannelsLast));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor>) const override {
    if (const std::string reason = unsuitable(problem); !reason.empty()) {
      return make_error(Code::kInvalidEngine, "{}: {}; the engine is damaged: rebuild it", id(), reason);
    }
    return std::unique_ptr<Kernel>(std::make_unique<MaxPoolKernel>(problem));
  }

 private:
  static std::string unsuitable(const Problem& problem) {
    const DType dtype = problem.inputs[0].dtype;
    if (dtype != DType::kI8 && dtype != DType::kU8) return "not i8 or u8";
    if (problem.has_epilogue()) return "no epilogue";
    if (problem.outputs.size() > 1 && problem.outputs[1].present) return "indices are wanted";
    const int rank = problem.inputs[0].rank();
    if (rank != 3 && rank != 4) return "not one or two spatial axes";
    const std::vector<int64_t> kernel = problem.attributes.ints_or("kernel_shape", {});
    if (kernel.size() != static_cast<size_t>(rank) - 2 || product(Dims(kernel.begin(), kernel.end())) > kMostTaps) return "a window of too many taps";
    return "";
  }
};

}  // namespace

SINTER_CPU_TACTIC(max_pool_int8, MaxPoolInt8)

}  // namespace sinter::cpu
