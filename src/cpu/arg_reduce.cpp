// ArgMax and ArgMin: f32, i32, i64, u8 and i8, row-major, and channels-last along the channels, where each pixel is a row. f32 rows:
// the extreme in vectors, then a search for it. Other axes: strips of columns that keep their best and its index. The first NaN wins.
#include <algorithm>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/row_kernels.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kStrip = 256;
constexpr int64_t kMinPartElements = 16384;

struct ArgRule {
  bool largest = true, last = false;
};

// [outer][length][inner]
struct ArgShape {
  int64_t outer = 1, length = 1, inner = 1;
};

class FloatSearch {
 public:
  FloatSearch(Isa isa, ArgRule rule) : rows_(row_kernels(isa)), rule_(rule) {}

  int64_t row(const float* a, int64_t n) const {
    const float best = rule_.largest ? rows_.max(a, n) : rows_.min(a, n);
    if (!rule_.last || best != best) return rows_.find(a, best, n);
    int64_t i = n - 1;
    while (i > 0 && a[i] != best) --i;
    return i;
  }

  void strip(const float* a, int64_t length, int64_t stride, int64_t* d, int64_t n) const {
    float best[kStrip];
    int32_t index[kStrip];
    std::copy_n(a, n, best);
    std::fill_n(index, n, 0);
    for (int64_t r = 1; r < length; ++r) rows_.keep_best(best, index, a + r * stride, static_cast<int32_t>(r), rule_.largest, rule_.last, n);
    for (int64_t i = 0; i < n; ++i) d[i] = index[i];
  }

 private:
  const RowKernels& rows_;
  ArgRule rule_;
};

template <typename T>
class IntegerSearch {
 public:
  IntegerSearch(Isa, ArgRule rule) : rule_(rule) {}

  int64_t row(const T* a, int64_t n) const {
    int64_t index = 0;
    for (int64_t i = 1; i < n; ++i) index = better(a[i], a[index]) ? i : index;
    return index;
  }

  void strip(const T* a, int64_t length, int64_t stride, int64_t* d, int64_t n) const {
    T best[kStrip];
    std::copy_n(a, n, best);
    std::fill_n(d, n, 0);
    for (int64_t r = 1; r < length; ++r) {
      for (int64_t i = 0; i < n; ++i) {
        const bool take = better(a[r * stride + i], best[i]);
        best[i] = take ? a[r * stride + i] : best[i];
        d[i] = take ? r : d[i];
      }
    }
  }

 private:
  bool better(T a, T b) const { return (rule_.largest ? a > b : a < b) || (rule_.last && a == b); }

  ArgRule rule_;
};

template <typename T, typename Search>
class ArgReduceKernel final : public Kernel {
 public:
  ArgReduceKernel(const Problem& problem, const Offer& offer)
      : search_(problem.isa, {problem.op == "ArgMax", problem.attributes.i_or("select_last_index", 0) != 0}), layout_(offer.input_layouts[0]),
        axis_(problem.attributes.i_or("axis", 0)), node_(problem.node) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims& dims = inputs[0];
    const auto axis = static_cast<size_t>(normal_axis(axis_, static_cast<int64_t>(dims.size())));
    shape_ = {product(dims, 0, axis), dims[axis], product(dims, axis + 1)};
    if (layout_ == Layout::kChannelsLast) shape_ = {shape_.outer * shape_.inner, shape_.length, 1};
    if (shape_.length == 0 && shape_.outer * shape_.inner > 0) {
      return make_error(Code::kInvalidArgument, "node '{}': axis {} of {} is empty; expected at least one element to choose from; correct the input", node_,
                        axis, to_string(dims));
    }
    if (shape_.length > INT32_MAX) return make_error(Code::kUnsupported, "node '{}': axis {} of {} is too long for 32-bit indices", node_, axis, to_string(dims));
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const auto* input = static_cast<const T*>(args.inputs[0]);
    auto* output = static_cast<int64_t*>(args.outputs[0]);
    const int64_t strips = ceil_quotient(shape_.inner, kStrip);
    const int64_t unit = std::max<int64_t>(1, shape_.length * std::min(shape_.inner, kStrip));
    args.team->split(shape_.outer * strips, std::max<int64_t>(1, kMinPartElements / unit), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t outer = i / strips, first = i % strips * kStrip;
        const T* a = input + outer * shape_.length * shape_.inner + first;
        int64_t* d = output + outer * shape_.inner + first;
        if (shape_.inner == 1) *d = search_.row(a, shape_.length);
        else search_.strip(a, shape_.length, shape_.inner, d, std::min(kStrip, shape_.inner - first));
      }
    });
    return ok_status();
  }

 private:
  Search search_;
  Layout layout_;
  int64_t axis_;
  std::string node_;
  ArgShape shape_;
};

template <typename T>
std::unique_ptr<Kernel> integer_kernel(const Problem& problem, const Offer& offer) {
  return std::make_unique<ArgReduceKernel<T, IntegerSearch<T>>>(problem, offer);
}

class ArgReduce final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "ArgMax") && !is_op(problem, "ArgMin")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    const TensorDesc& input = problem.inputs[0];
    constexpr DTypeSet kTaken = dtype_set(DType::kF32, DType::kI32, DType::kI64, DType::kU8, DType::kI8);
    if (!contains(kTaken, input.dtype)) return answer.decline(fmt::format("not for {}", dtype_name(input.dtype)));
    const int64_t axis = normal_axis(problem.attributes.i_or("axis", 0), input.rank());
    if (axis < 0 || axis >= input.rank()) return answer.decline("axis out of range");
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
    if (axis != 1 || input.rank() < 3) return;
    // Without its channels the result's pixels lie in the same order in both layouts.
    Offer offer = uniform_offer(problem, Layout::kRowMajor);
    offer.input_layouts[0] = Layout::kChannelsLast;
    answer.offer(std::move(offer));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    switch (problem.inputs[0].dtype) {
      case DType::kI32: return integer_kernel<int32_t>(problem, offer);
      case DType::kI64: return integer_kernel<int64_t>(problem, offer);
      case DType::kU8: return integer_kernel<uint8_t>(problem, offer);
      case DType::kI8: return integer_kernel<int8_t>(problem, offer);
      default: return std::unique_ptr<Kernel>(std::make_unique<ArgReduceKernel<float, FloatSearch>>(problem, offer));
    }
  }
};

}  // namespace

SINTER_CPU_TACTIC(arg_reduce, ArgReduce)

}  // namespace sinter::cpu
