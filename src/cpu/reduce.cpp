// ReduceSum, Mean, Max, Min, SumSquare, L1 and L2 over neighbouring axes, f32, row-major. The tensor is [outer][length][inner]; with
// inner 1 a row is reduced in vectors along it, else in strips of columns with vectors across them.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/pointwise_steps.h"
#include "cpu/kernels/row_kernels.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kStrip = 256;   // columns at a time
constexpr int64_t kGroup = 64;    // rows in a partial sum, so that long sums keep their digits
constexpr int64_t kMinPartElements = 16384;

enum class Kind { kSum, kMean, kMax, kMin, kSumSquare, kL1, kL2 };

std::optional<Kind> kind_of(const Problem& problem) {
  static const std::map<std::string, Kind> kKinds = {{"ReduceSum", Kind::kSum}, {"ReduceMean", Kind::kMean}, {"ReduceMax", Kind::kMax},
                                                     {"ReduceMin", Kind::kMin}, {"ReduceSumSquare", Kind::kSumSquare},
                                                     {"ReduceL1", Kind::kL1}, {"ReduceL2", Kind::kL2}};
  const auto it = kKinds.find(problem.op);
  return it == kKinds.end() || !problem.domain.empty() ? std::nullopt : std::optional<Kind>(it->second);
}

// The reduced axes in order; nullopt when they are not known or not neighbours.
std::optional<std::vector<int64_t>> axes_of(const Problem& problem) {
  const int64_t rank = problem.inputs[0].rank();
  std::vector<int64_t> axes;
  if (problem.inputs.size() > 1 && problem.inputs[1].present) {
    if (!problem.inputs[1].value.defined()) return std::nullopt;
    axes = problem.inputs[1].value.to_i64();
  } else {
    axes = problem.attributes.ints_or("axes", {});
  }
  if (axes.empty() && problem.attributes.i_or("noop_with_empty_axes", 0) != 0) return std::nullopt;
  for (int64_t& axis : axes) axis = normal_axis(axis, rank);
  const bool all = axes.empty();
  for (int64_t i = 0; all && i < rank; ++i) axes.push_back(i);
  std::sort(axes.begin(), axes.end());
  for (size_t i = 1; i < axes.size(); ++i) {
    if (axes[i] != axes[i - 1] + 1) return std::nullopt;
  }
  if (axes.empty() || axes.front() < 0 || axes.back() >= rank) return std::nullopt;
  return axes;
}

class ReduceKernel final : public Kernel {
 public:
  ReduceKernel(const Problem& problem, Kind kind, std::vector<int64_t> axes)
      : rows_(row_kernels(problem.isa)), steps_(pointwise_steps(problem.isa)), kind_(kind), axes_(std::move(axes)) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const auto first = static_cast<size_t>(axes_.front()), last = static_cast<size_t>(axes_.back());
    outer_ = product(inputs[0], 0, first);
    length_ = product(inputs[0], first, last + 1);
    inner_ = product(inputs[0], last + 1);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const auto* input = static_cast<const float*>(args.inputs[0]);
    auto* output = static_cast<float*>(args.outputs[0]);
    const int64_t strips = ceil_quotient(inner_, kStrip);
    const int64_t unit = std::max<int64_t>(1, length_ * std::min(inner_, kStrip));
    args.team->split(outer_ * strips, std::max<int64_t>(1, kMinPartElements / unit), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t outer = i / strips, first = i % strips * kStrip;
        const float* a = input + outer * length_ * inner_ + first;
        float* d = output + outer * inner_ + first;
        if (inner_ == 1) {
          *d = finish(row(a));
        } else {
          strip(a, d, std::min(kStrip, inner_ - first));
        }
      }
    });
    return ok_status();
  }

 private:
  float finish(float value) const {
    if (kind_ == Kind::kMean) return value / static_cast<float>(length_);
    return kind_ == Kind::kL2 ? std::sqrt(value) : value;
  }

  float row(const float* a) const {
    switch (kind_) {
      case Kind::kMax: return rows_.max(a, length_);
      case Kind::kMin: return rows_.min(a, length_);
      case Kind::kSumSquare: case Kind::kL2: return rows_.sum_square(a, 0.0f, length_);
      case Kind::kL1: return rows_.sum_abs(a, length_);
      default: return rows_.sum(a, length_);
    }
  }

  PointwiseStep step(PointwiseOp op) const { return steps_.step[static_cast<int>(op)][0]; }

  // The operand of a sum: a row, or its squares or magnitudes in `chunk`.
  const float* term(const float* a, float* chunk, int64_t n) const {
    if (kind_ == Kind::kL1) {
      step(PointwiseOp::kAbs)(chunk, a, nullptr, nullptr, n);
      return chunk;
    }
    if (kind_ != Kind::kSumSquare && kind_ != Kind::kL2) return a;
    step(PointwiseOp::kMul)(chunk, a, a, nullptr, n);
    return chunk;
  }

  void strip(const float* a, float* d, int64_t n) const {
    const bool extreme = kind_ == Kind::kMax || kind_ == Kind::kMin;
    const PointwiseStep combine = step(kind_ == Kind::kMax ? PointwiseOp::kMax : kind_ == Kind::kMin ? PointwiseOp::kMin : PointwiseOp::kAdd);
    float total[kStrip], part[kStrip], chunk[kStrip];
    const float start = kind_ == Kind::kMax ? -HUGE_VALF : kind_ == Kind::kMin ? HUGE_VALF : 0.0f;
    std::fill_n(total, n, extreme ? start : 0.0f);
    for (int64_t i = 0; i < length_; i += kGroup) {
      std::fill_n(part, n, start);
      for (int64_t k = i; k < std::min(length_, i + kGroup); ++k) combine(part, part, term(a + k * inner_, chunk, n), nullptr, n);
      combine(total, total, part, nullptr, n);
    }
    for (int64_t i = 0; i < n; ++i) d[i] = finish(total[i]);
  }

  const RowKernels& rows_;
  const PointwiseSteps& steps_;
  Kind kind_;
  std::vector<int64_t> axes_;
  int64_t outer_ = 1, length_ = 1, inner_ = 1;
};

class Reduce final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!kind_of(problem)) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    if (problem.inputs[0].dtype != DType::kF32) return answer.decline("not f32");
    if (!axes_of(problem)) return answer.decline("axes are not constant or not neighbours");
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<ReduceKernel>(problem, *kind_of(problem), *axes_of(problem)));
  }
};

}  // namespace

SINTER_CPU_TACTIC(reduce, Reduce)

}  // namespace sinter::cpu
