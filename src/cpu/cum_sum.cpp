// CumSum along a constant axis, f32 (accumulated in double), i32 and i64 (wrapping), row-major. Lines along the last axis go one by
// one; of other axes a strip of lines side by side.
#include <algorithm>

#include "cpu/cpu_tactic.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kStrip = 128;
constexpr int64_t kMinPartElements = 8192;

template <typename T, typename Sum>
class CumSumKernel final : public Kernel {
 public:
  explicit CumSumKernel(const Problem& problem)
      : exclusive_(problem.attributes.i_or("exclusive", 0) != 0), reverse_(problem.attributes.i_or("reverse", 0) != 0),
        wanted_axis_(problem.inputs[1].value.to_i64()[0]) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims& dims = inputs[0];
    const auto axis = static_cast<size_t>(normal_axis(wanted_axis_, static_cast<int64_t>(dims.size())));
    outer_ = product(dims, 0, axis);
    length_ = dims[axis];
    inner_ = product(dims, axis + 1);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const auto* input = static_cast<const T*>(args.inputs[0]);
    auto* output = static_cast<T*>(args.outputs[0]);
    const int64_t strips = ceil_quotient(inner_, kStrip), unit = std::max<int64_t>(1, length_ * std::min(inner_, kStrip));
    args.team->split(outer_ * strips, std::max<int64_t>(1, kMinPartElements / unit), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = i % strips * kStrip, at = i / strips * length_ * inner_ + first;
        if (inner_ == 1) line(input + at, output + at);
        else strip(input + at, output + at, std::min(kStrip, inner_ - first));
      }
    });
    return ok_status();
  }

 private:
  static Sum next(Sum total, T value) { return total + static_cast<Sum>(value); }

  void line(const T* a, T* d) const {
    Sum total = 0;
    const int64_t step = reverse_ ? -1 : 1;
    for (int64_t k = 0, i = reverse_ ? length_ - 1 : 0; k < length_; ++k, i += step) {
      const Sum sum = next(total, a[i]);
      d[i] = static_cast<T>(exclusive_ ? total : sum);
      total = sum;
    }
  }

  void strip(const T* a, T* d, int64_t n) const {
    Sum total[kStrip];
    std::fill_n(total, n, Sum{0});
    for (int64_t k = 0; k < length_; ++k) {
      const int64_t at = (reverse_ ? length_ - 1 - k : k) * inner_;
      for (int64_t i = 0; i < n; ++i) {
        const Sum sum = next(total[i], a[at + i]);
        d[at + i] = static_cast<T>(exclusive_ ? total[i] : sum);
        total[i] = sum;
      }
    }
  }

  bool exclusive_, reverse_;
  int64_t wanted_axis_;
  int64_t outer_ = 1, length_ = 1, inner_ = 1;
};

class CumSum final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "CumSum")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    const TensorDesc &input = problem.inputs[0], &axis = problem.inputs[1];
    if (input.dtype != DType::kF32 && input.dtype != DType::kI32 && input.dtype != DType::kI64) return answer.decline(fmt::format("not for {}", dtype_name(input.dtype)));
    if (!axis.value.defined() || axis.value.count() != 1) return answer.decline("the axis is not constant");
    const int64_t at = normal_axis(axis.value.to_i64()[0], input.rank());
    if (at < 0 || at >= input.rank()) return answer.decline("axis out of range");
    Offer offer = uniform_offer(problem, Layout::kRowMajor);
    offer.in_place_input = 0;
    answer.offer(std::move(offer));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor>) const override {
    switch (problem.inputs[0].dtype) {
      case DType::kI32: return std::unique_ptr<Kernel>(std::make_unique<CumSumKernel<int32_t, uint64_t>>(problem));
      case DType::kI64: return std::unique_ptr<Kernel>(std::make_unique<CumSumKernel<int64_t, uint64_t>>(problem));
      default: return std::unique_ptr<Kernel>(std::make_unique<CumSumKernel<float, double>>(problem));
    }
  }
};

}  // namespace

SINTER_CPU_TACTIC(cum_sum, CumSum)

}  // namespace sinter::cpu
