// The Reduce operators over constant axes: f32 all of them, i32 and i64 ReduceSum, Max, Min and Prod; row-major and channels-last.
//
// Neighbouring reduced axes are one. Where reduced and kept axes alternate there is one stage for each reduced group, the innermost
// first, with the results between in the workspace. A stage sees [outer][length][inner]: with inner 1 a row is reduced in vectors
// along it, else in strips of columns with vectors across them.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "cpu/copy_kernel.h"
#include "cpu/kernels/pointwise_steps.h"
#include "cpu/kernels/row_kernels.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kStrip = 256;   // columns at a time
constexpr int64_t kGroup = 64;    // rows in a partial sum, so that long sums keep their digits
constexpr int64_t kMinPartElements = 16384;

enum class Kind { kSum, kMean, kMax, kMin, kSumSquare, kL1, kL2, kProd, kLogSum, kLogSumExp };

std::optional<Kind> kind_of(const Problem& problem) {
  static const std::map<std::string, Kind> kKinds = {
      {"ReduceSum", Kind::kSum}, {"ReduceMean", Kind::kMean}, {"ReduceMax", Kind::kMax}, {"ReduceMin", Kind::kMin},
      {"ReduceSumSquare", Kind::kSumSquare}, {"ReduceL1", Kind::kL1}, {"ReduceL2", Kind::kL2}, {"ReduceProd", Kind::kProd},
      {"ReduceLogSum", Kind::kLogSum}, {"ReduceLogSumExp", Kind::kLogSumExp}};
  const auto it = kKinds.find(problem.op);
  return it == kKinds.end() || !problem.domain.empty() ? std::nullopt : std::optional<Kind>(it->second);
}

// How the results of a stage are reduced further.
Kind later_kind(Kind kind) {
  switch (kind) {
    case Kind::kMax: case Kind::kMin: case Kind::kProd: case Kind::kLogSumExp: return kind;
    default: return Kind::kSum;
  }
}

// Which axes are reduced; nullopt when that is not known or nothing is.
std::optional<std::vector<bool>> axes_of(const Problem& problem) {
  const int64_t rank = problem.inputs[0].rank();
  std::vector<int64_t> axes;
  if (problem.inputs.size() > 1 && problem.inputs[1].present) {
    if (!problem.inputs[1].value.defined()) return std::nullopt;
    axes = problem.inputs[1].value.to_i64();
  } else {
    axes = problem.attributes.ints_or("axes", {});
  }
  if (axes.empty() && problem.attributes.i_or("noop_with_empty_axes", 0) != 0) return std::nullopt;
  std::vector<bool> reduced(static_cast<size_t>(rank), axes.empty());
  for (const int64_t axis : axes) {
    const int64_t at = normal_axis(axis, rank);
    if (at < 0 || at >= rank) return std::nullopt;
    reduced[static_cast<size_t>(at)] = true;
  }
  return reduced;
}

// Logical axes in the order of memory.
std::vector<size_t> memory_order(size_t rank, Layout layout) {
  std::vector<size_t> order(rank);
  for (size_t i = 0; i < rank; ++i) order[memory_dims(Dims(rank, 1), layout, i).axis] = i;
  return order;
}

struct Stage {
  int64_t outer = 1, length = 1, inner = 1;
  int64_t place = -1;  // of the result in the workspace, in elements; -1: the output
};

// The stages for concrete dims, and the workspace in elements.
int64_t plan_stages(const Dims& dims, Layout layout, const std::vector<bool>& reduced, std::vector<Stage>& stages) {
  struct Group {
    int64_t size;
    bool reduced;
  };
  std::vector<Group> groups;
  for (const size_t axis : memory_order(dims.size(), layout)) {
    if (dims[axis] == 1) continue;
    if (!groups.empty() && groups.back().reduced == reduced[axis]) groups.back().size *= dims[axis];
    else groups.push_back({dims[axis], reduced[axis]});
  }
  stages.clear();
  int64_t inner = 1, used = 0;
  for (size_t i = groups.size(); i-- > 0;) {
    if (!groups[i].reduced) {
      inner *= groups[i].size;
      continue;
    }
    Stage stage{1, groups[i].size, inner};
    for (size_t k = 0; k < i; ++k) stage.outer *= groups[k].size;
    stages.push_back(stage);
  }
  if (stages.empty()) stages.push_back({1, 1, inner});
  for (size_t i = 0; i + 1 < stages.size(); ++i) {
    stages[i].place = used;
    used += round_up(stages[i].outer * stages[i].inner, 16);
  }
  return used;
}

// Floats: reduces one stage.
class FloatReducer {
 public:
  FloatReducer(Isa isa, Kind kind) : rows_(row_kernels(isa)), steps_(pointwise_steps(isa)), kind_(kind) {}

  void run(const Stage& stage, bool first, bool last, int64_t count, const float* input, float* output, ThreadTeam& team) const {
    const Kind kind = first ? kind_ : later_kind(kind_);
    const int64_t strips = ceil_quotient(stage.inner, kStrip);
    const int64_t unit = std::max<int64_t>(1, stage.length * std::min(stage.inner, kStrip));
    team.split(stage.outer * strips, std::max<int64_t>(1, kMinPartElements / unit), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t outer = i / strips, at = i % strips * kStrip, n = std::min(kStrip, stage.inner - at);
        const float* a = input + outer * stage.length * stage.inner + at;
        float* d = output + outer * stage.inner + at;
        if (stage.inner == 1) {
          *d = row(kind, a, stage.length);
        } else if (kind == Kind::kLogSumExp) {
          log_sum_exp_strip(stage, a, d, n);
        } else if (kind == Kind::kProd) {
          product_strip(stage, a, d, n);
        } else {
          strip(kind, stage, a, d, n);
        }
        for (int64_t k = 0; last && k < n; ++k) d[k] = finish(d[k], count);
      }
    });
  }

 private:
  float finish(float value, int64_t count) const {
    if (kind_ == Kind::kMean) return value / static_cast<float>(count);
    if (kind_ == Kind::kLogSum) return std::log(value);
    return kind_ == Kind::kL2 ? std::sqrt(value) : value;
  }

  float row(Kind kind, const float* a, int64_t n) const {
    switch (kind) {
      case Kind::kMax: return rows_.max(a, n);
      case Kind::kMin: return rows_.min(a, n);
      case Kind::kSumSquare: case Kind::kL2: return rows_.sum_square(a, 0.0f, n);
      case Kind::kL1: return rows_.sum_abs(a, n);
      case Kind::kProd: return product_row(a, n);
      case Kind::kLogSumExp: return log_sum_exp_row(a, n);
      default: return rows_.sum(a, n);
    }
  }

  // In double: factors may leave the range of floats and come back.
  static float product_row(const float* a, int64_t n) {
    double products[4] = {1, 1, 1, 1};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
      for (int64_t k = 0; k < 4; ++k) products[k] *= static_cast<double>(a[i + k]);
    }
    for (; i < n; ++i) products[0] *= static_cast<double>(a[i]);
    return static_cast<float>(products[0] * products[1] * (products[2] * products[3]));
  }

  float log_sum_exp_row(const float* a, int64_t n) const {
    const float high = rows_.max(a, n);
    if (std::isinf(high)) return high;
    float chunk[kStrip];
    double sum = 0;
    for (int64_t i = 0; i < n; i += kStrip) sum += static_cast<double>(rows_.exp_sum(chunk, a + i, high, std::min(kStrip, n - i)));
    return high + static_cast<float>(std::log(sum));
  }

  PointwiseStep step(PointwiseOp op) const { return steps_.step[static_cast<int>(op)][0]; }

  // The operand of a sum: a row, or its squares or magnitudes in `chunk`.
  const float* term(Kind kind, const float* a, float* chunk, int64_t n) const {
    if (kind == Kind::kL1) {
      step(PointwiseOp::kAbs)(chunk, a, nullptr, nullptr, n);
      return chunk;
    }
    if (kind != Kind::kSumSquare && kind != Kind::kL2) return a;
    step(PointwiseOp::kMul)(chunk, a, a, nullptr, n);
    return chunk;
  }

  void strip(Kind kind, const Stage& stage, const float* a, float* d, int64_t n) const {
    const bool extreme = kind == Kind::kMax || kind == Kind::kMin;
    const PointwiseStep combine = step(kind == Kind::kMax ? PointwiseOp::kMax : kind == Kind::kMin ? PointwiseOp::kMin : PointwiseOp::kAdd);
    float total[kStrip], part[kStrip], chunk[kStrip];
    const float start = kind == Kind::kMax ? -HUGE_VALF : kind == Kind::kMin ? HUGE_VALF : 0.0f;
    std::fill_n(total, n, extreme ? start : 0.0f);
    for (int64_t i = 0; i < stage.length; i += kGroup) {
      const int64_t rows = std::min(stage.length - i, kGroup);
      if (!extreme && kind != Kind::kL1 && kind != Kind::kSumSquare && kind != Kind::kL2) {
        rows_.column_sum(part, a + i * stage.inner, stage.inner, rows, n);
      } else {
        std::fill_n(part, n, start);
        for (int64_t k = i; k < i + rows; ++k) combine(part, part, term(kind, a + k * stage.inner, chunk, n), nullptr, n);
      }
      combine(total, total, part, nullptr, n);
    }
    std::copy_n(total, n, d);
  }

  static void product_strip(const Stage& stage, const float* a, float* d, int64_t n) {
    double total[kStrip];
    std::fill_n(total, n, 1.0);
    for (int64_t k = 0; k < stage.length; ++k) {
      for (int64_t i = 0; i < n; ++i) total[i] *= static_cast<double>(a[k * stage.inner + i]);
    }
    for (int64_t i = 0; i < n; ++i) d[i] = static_cast<float>(total[i]);
  }

  void log_sum_exp_strip(const Stage& stage, const float* a, float* d, int64_t n) const {
    float high[kStrip], total[kStrip], chunk[kStrip];
    std::fill_n(high, n, -HUGE_VALF);
    for (int64_t k = 0; k < stage.length; ++k) step(PointwiseOp::kMax)(high, high, a + k * stage.inner, nullptr, n);
    std::fill_n(total, n, 0.0f);
    for (int64_t k = 0; k < stage.length; ++k) {
      step(PointwiseOp::kSub)(chunk, a + k * stage.inner, high, nullptr, n);
      step(PointwiseOp::kExp)(chunk, chunk, nullptr, nullptr, n);
      step(PointwiseOp::kAdd)(total, total, chunk, nullptr, n);
    }
    for (int64_t i = 0; i < n; ++i) d[i] = std::isinf(high[i]) ? high[i] : high[i] + std::log(total[i]);
  }

  const RowKernels& rows_;
  const PointwiseSteps& steps_;
  Kind kind_;
};

// Integers: sums and products wrap around.
template <typename T>
class IntegerReducer {
 public:
  IntegerReducer(Isa, Kind kind) : kind_(kind) {}

  void run(const Stage& stage, bool, bool, int64_t, const T* input, T* output, ThreadTeam& team) const {
    const int64_t unit = std::max<int64_t>(1, stage.length * stage.inner);
    team.split(stage.outer, std::max<int64_t>(1, kMinPartElements / unit), [&](int64_t begin, int64_t end) {
      switch (kind_) {
        case Kind::kMax: return fold(stage, begin, end, input, output, std::numeric_limits<T>::lowest(), [](T a, T b) { return std::max(a, b); });
        case Kind::kMin: return fold(stage, begin, end, input, output, std::numeric_limits<T>::max(), [](T a, T b) { return std::min(a, b); });
        case Kind::kProd: return fold(stage, begin, end, input, output, T{1}, [](T a, T b) { return static_cast<T>(static_cast<U>(a) * static_cast<U>(b)); });
        default: return fold(stage, begin, end, input, output, T{0}, [](T a, T b) { return static_cast<T>(static_cast<U>(a) + static_cast<U>(b)); });
      }
    });
  }

 private:
  using U = std::make_unsigned_t<T>;

  template <typename Fn>
  static void fold(const Stage& stage, int64_t begin, int64_t end, const T* input, T* output, T start, Fn fn) {
    for (int64_t o = begin; o < end; ++o) {
      const T* a = input + o * stage.length * stage.inner;
      T* d = output + o * stage.inner;
      if (stage.inner == 1) {
        T total = start;
        for (int64_t k = 0; k < stage.length; ++k) total = fn(total, a[k]);
        *d = total;
        continue;
      }
      std::fill_n(d, stage.inner, start);
      for (int64_t k = 0; k < stage.length; ++k) {
        for (int64_t i = 0; i < stage.inner; ++i) d[i] = fn(d[i], a[k * stage.inner + i]);
      }
    }
  }

  Kind kind_;
};

template <typename T, typename Reducer>
class ReduceKernel final : public Kernel {
 public:
  ReduceKernel(const Problem& problem, const Offer& offer)
      : reducer_(problem.isa, *kind_of(problem)), layout_(offer.input_layouts[0]), reduced_(*axes_of(problem)) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const int64_t elements = plan_stages(inputs[0], layout_, reduced_, stages_);
    count_ = 1;
    for (size_t i = 0; i < reduced_.size(); ++i) count_ *= reduced_[i] ? inputs[0][i] : 1;
    return elements * static_cast<int64_t>(sizeof(T));
  }

  Status launch(const LaunchArgs& args) override {
    const auto* from = static_cast<const T*>(args.inputs[0]);
    for (size_t i = 0; i < stages_.size(); ++i) {
      const bool last = i + 1 == stages_.size();
      T* to = last ? static_cast<T*>(args.outputs[0]) : static_cast<T*>(args.workspace) + stages_[i].place;
      reducer_.run(stages_[i], i == 0, last, count_, from, to, *args.team);
      from = to;
    }
    return ok_status();
  }

 private:
  Reducer reducer_;
  Layout layout_;
  std::vector<bool> reduced_;
  std::vector<Stage> stages_;
  int64_t count_ = 1;  // elements behind one result
};

bool takes(Kind kind, DType dtype) {
  if (dtype == DType::kF32) return true;
  if (dtype != DType::kI32 && dtype != DType::kI64) return false;
  return kind == Kind::kSum || kind == Kind::kMax || kind == Kind::kMin || kind == Kind::kProd;
}

class Reduce final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    const auto kind = kind_of(problem);
    if (!kind) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    const DType dtype = problem.inputs[0].dtype;
    if (!takes(*kind, dtype)) return answer.decline(fmt::format("not for {}", dtype_name(dtype)));
    const auto reduced = axes_of(problem);
    if (!reduced) return answer.decline("axes are not constant");
    const auto rank = reduced->size();
    for (const Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
      if (layout != Layout::kRowMajor && rank < 3) continue;
      Offer offer = uniform_offer(problem, Layout::kRowMajor);
      offer.input_layouts[0] = layout;
      if (layout != Layout::kRowMajor && problem.outputs[0].rank() == problem.inputs[0].rank()) {
        offer.output_layouts[0] = layout;
      } else if (layout != Layout::kRowMajor && !keeps_order(*reduced, layout)) {
        answer.decline("channels-last: the result's axes would be out of order");
        continue;
      }
      std::vector<Stage> stages;
      offer.workspace_bytes = plan_stages(problem.inputs[0].opt, layout, *reduced, stages) * element_bytes(dtype);
      answer.offer(std::move(offer));
    }
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    if (problem.inputs[0].dtype == DType::kI32) return std::unique_ptr<Kernel>(std::make_unique<ReduceKernel<int32_t, IntegerReducer<int32_t>>>(problem, offer));
    if (problem.inputs[0].dtype == DType::kI64) return std::unique_ptr<Kernel>(std::make_unique<ReduceKernel<int64_t, IntegerReducer<int64_t>>>(problem, offer));
    return std::unique_ptr<Kernel>(std::make_unique<ReduceKernel<float, FloatReducer>>(problem, offer));
  }

 private:
  // Whether the kept axes come in the logical order.
  static bool keeps_order(const std::vector<bool>& reduced, Layout layout) {
    size_t before = 0;
    for (const size_t axis : memory_order(reduced.size(), layout)) {
      if (reduced[axis]) continue;
      if (axis < before) return false;
      before = axis;
    }
    return true;
  }
};

}  // namespace

SINTER_CPU_TACTIC(reduce, Reduce)

}  // namespace sinter::cpu
