// Softmax and LogSoftmax over one axis, f32, row-major. The last axis: a row at a time, three passes over a row that stays in cache.
// Other axes: strips of columns, with vectors across the columns.
#include <algorithm>
#include <cmath>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/pointwise_steps.h"
#include "cpu/kernels/row_kernels.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kStrip = 256;               // columns side by side: maxima and sums take 2 KiB
constexpr int64_t kMinPartElements = 4096;    // work of a few microseconds

class SoftmaxKernel final : public Kernel {
 public:
  SoftmaxKernel(const Problem& problem, bool log)
      : rows_(row_kernels(problem.isa)), steps_(pointwise_steps(problem.isa)), axis_(problem.attributes.i_or("axis", -1)), log_(log) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims& dims = inputs[0];
    const auto axis = static_cast<size_t>(normal_axis(axis_, static_cast<int64_t>(dims.size())));
    outer_ = product(dims, 0, axis);
    length_ = dims.empty() ? 1 : dims[axis];
    inner_ = product(dims, axis + 1);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const auto* input = static_cast<const float*>(args.inputs[0]);
    auto* output = static_cast<float*>(args.outputs[0]);
    if (length_ == 0) return ok_status();
    const int64_t strips = inner_ == 1 ? 1 : ceil_quotient(inner_, kStrip);
    const int64_t unit = length_ * std::min(inner_, kStrip);
    args.team->split(outer_ * strips, std::max<int64_t>(1, kMinPartElements / std::max<int64_t>(unit, 1)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t start = i / strips * length_ * inner_ + i % strips * kStrip;
        if (inner_ == 1) {
          row(input + start, output + start);
        } else {
          strip(input + start, output + start, std::min(kStrip, inner_ - i % strips * kStrip));
        }
      }
    });
    return ok_status();
  }

 private:
  void row(const float* a, float* d) const {
    const float high = rows_.max(a, length_);
    if (!log_) {
      const float sum = rows_.exp_sum(d, a, high, length_);
      rows_.scale(d, d, 1.0f / sum, length_);
      return;
    }
    float chunk[kStrip];
    float sum = 0;
    for (int64_t i = 0; i < length_; i += kStrip) sum += rows_.exp_sum(chunk, a + i, high, std::min(kStrip, length_ - i));
    // Two steps: the sum of both shifts would round away small differences.
    rows_.normalize(d, a, high, 1.0f, nullptr, nullptr, length_);
    rows_.normalize(d, d, std::log(sum), 1.0f, nullptr, nullptr, length_);
  }

  PointwiseStep step(PointwiseOp op) const { return steps_.step[static_cast<int>(op)][0]; }

  void strip(const float* a, float* d, int64_t n) const {
    float high[kStrip], sum[kStrip], chunk[kStrip];
    std::copy_n(a, n, high);
    for (int64_t i = 1; i < length_; ++i) step(PointwiseOp::kMax)(high, high, a + i * inner_, nullptr, n);
    std::fill_n(sum, n, 0.0f);
    for (int64_t i = 0; i < length_; ++i) {
      float* target = log_ ? chunk : d + i * inner_;
      step(PointwiseOp::kSub)(target, a + i * inner_, high, nullptr, n);
      step(PointwiseOp::kExp)(target, target, nullptr, nullptr, n);
      step(PointwiseOp::kAdd)(sum, sum, target, nullptr, n);
    }
    if (log_) {
      step(PointwiseOp::kLog)(sum, sum, nullptr, nullptr, n);
      for (int64_t i = 0; i < length_; ++i) {
        step(PointwiseOp::kSub)(d + i * inner_, a + i * inner_, high, nullptr, n);
        step(PointwiseOp::kSub)(d + i * inner_, d + i * inner_, sum, nullptr, n);
      }
      return;
    }
    step(PointwiseOp::kReciprocal)(sum, sum, nullptr, nullptr, n);
    for (int64_t i = 0; i < length_; ++i) step(PointwiseOp::kMul)(d + i * inner_, d + i * inner_, sum, nullptr, n);
  }

  const RowKernels& rows_;
  const PointwiseSteps& steps_;
  int64_t axis_;
  bool log_;
  int64_t outer_ = 1, length_ = 1, inner_ = 1;
};

class Softmax final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Softmax") && !is_op(problem, "LogSoftmax")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    if (problem.inputs[0].dtype != DType::kF32) return answer.decline("not f32");
    Offer offer = uniform_offer(problem, Layout::kRowMajor);
    if (is_op(problem, "Softmax")) offer.in_place_input = 0;
    answer.offer(std::move(offer));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<SoftmaxKernel>(problem, problem.op == "LogSoftmax"));
  }
};

}  // namespace

SINTER_CPU_TACTIC(softmax, Softmax)

}  // namespace sinter::cpu
