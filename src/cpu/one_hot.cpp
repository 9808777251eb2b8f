// OneHot with i32 or i64 indices, element types of 1, 2, 4 and 8 bytes, row-major. The depth comes from the output's shape.
#include <algorithm>

#include "cpu/index_access.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kMinPartElements = 16384;

class OneHotKernel final : public Kernel {
 public:
  explicit OneHotKernel(const Problem& problem)
      : wanted_axis_(problem.attributes.i_or("axis", -1)), wide_(problem.inputs[0].dtype == DType::kI64), bytes_(element_bytes(problem.outputs[0].dtype)) {}

  Result<int64_t> specialize(std::span<const Dims>, std::span<const Dims> outputs, int) override {
    const Dims& dims = outputs[0];
    const auto axis = static_cast<size_t>(normal_axis(wanted_axis_, static_cast<int64_t>(dims.size())));
    outer_ = product(dims, 0, axis);
    depth_ = dims[axis];
    inner_ = product(dims, axis + 1);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const Indices indices(args.inputs[0], wide_);
    with_element_type(bytes_, [&]<typename T>(T) {
      const T off = static_cast<const T*>(args.inputs[2])[0], on = static_cast<const T*>(args.inputs[2])[1];
      auto* output = static_cast<T*>(args.outputs[0]);
      const int64_t slice = depth_ * inner_;
      args.team->split(outer_, std::max<int64_t>(1, kMinPartElements / std::max<int64_t>(slice, 1)), [&](int64_t begin, int64_t end) {
        std::fill(output + begin * slice, output + end * slice, off);
        for (int64_t i = begin * inner_; i < end * inner_; ++i) {
          const int64_t index = indices.at(i, depth_);
          if (index >= 0) output[i / inner_ * slice + index * inner_ + i % inner_] = on;
        }
      });
    });
    return ok_status();
  }

 private:
  int64_t wanted_axis_;
  bool wide_;
  int bytes_;
  int64_t outer_ = 1, depth_ = 0, inner_ = 1;
};

class OneHot final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "OneHot")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    if (!is_index_type(problem.inputs[0].dtype)) return answer.decline("indices are not i32 or i64");
    if (!has_element_type(problem.outputs[0].dtype)) return answer.decline("elements are not of 1, 2, 4 or 8 bytes");
    if (!problem.inputs[2].is_static() || problem.inputs[2].opt != Dims{2}) return answer.decline("not one value for off and one for on");
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<OneHotKernel>(problem));
  }
};

}  // namespace

SINTER_CPU_TACTIC(one_hot, OneHot)

}  // namespace sinter::cpu
