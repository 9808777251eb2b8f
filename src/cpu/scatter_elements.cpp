// ScatterElements and Scatter with i32 or i64 indices, element types of 1, 2, 4 and 8 bytes (reductions of f32, i32 and i64), row-major, in
// place where it may be. Updates are applied in order; only what lies apart whatever the indices are (the axes before theirs) goes to threads.
#include <algorithm>

#include "cpu/index_access.h"
#include "cpu/kernels/strided_copy.h"
#include "cpu/update.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kMinPartElements = 4096;

class ScatterElementsKernel final : public Kernel {
 public:
  explicit ScatterElementsKernel(const Problem& problem)
      : scatter_(find_scatter(problem.attributes.s_or("reduction", "none"), problem.inputs[0].dtype)), wanted_axis_(problem.attributes.i_or("axis", 0)),
        wide_(problem.inputs[1].dtype == DType::kI64), bytes_(element_bytes(problem.inputs[0].dtype)), node_(problem.node), op_(problem.op) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims &data = inputs[0], &indices = inputs[1];
    axis_ = static_cast<size_t>(normal_axis(wanted_axis_, static_cast<int64_t>(data.size())));
    bool fits = indices.size() == data.size() && inputs[2] == indices;
    for (size_t i = 0; fits && i < data.size(); ++i) fits = i == axis_ || indices[i] <= data[i];
    if (!fits) {
      return make_error(Code::kInvalidArgument, "node '{}' ({}): data is {}, indices are {} and updates {}; expected indices inside the data and as many updates; correct the model",
                        node_, op_, to_string(data), to_string(indices), to_string(inputs[2]));
    }
    dims_ = indices;
    size_ = data[axis_];
    count_ = product(data);
    strides_ = row_major_strides(data);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const Indices indices(args.inputs[1], wide_);
    const int64_t updates = product(dims_);
    for (int64_t i = 0; i < updates; ++i) {
      if (indices.at(i, size_) < 0) return bad_index(node_, op_, indices, i, size_);
    }
    copy_unless_same(args, count_ * bytes_);
    if (updates == 0) return ok_status();
    auto* output = static_cast<char*>(args.outputs[0]);
    const auto* from = static_cast<const char*>(args.inputs[2]);
    const int64_t outer = product(dims_, 0, axis_), slice = updates / outer, row = dims_.back(), rows = slice / row;
    const int64_t step = axis_ + 1 == dims_.size() ? 0 : 1;
    args.team->split(outer, std::max<int64_t>(1, kMinPartElements / slice), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin * rows; r < end * rows; ++r) {
        const int64_t base = row_offset(r);
        scatter_(output + base * bytes_, from + r * row * bytes_, indices, r * row, size_, step, strides_[axis_], row);
      }
    });
    return ok_status();
  }

 private:
  // Where row r of the indices begins in the data, its axis left out.
  int64_t row_offset(int64_t r) const {
    int64_t offset = 0;
    for (size_t i = dims_.size() - 1; i-- > 0;) {
      if (i != axis_) offset += r % dims_[i] * strides_[i];
      r /= dims_[i];
    }
    return offset;
  }

  ScatterFn scatter_;
  int64_t wanted_axis_;
  bool wide_;
  int bytes_;
  std::string node_, op_;
  size_t axis_ = 0;
  Dims dims_, strides_;  // of the indices; of the data
  int64_t size_ = 0, count_ = 0;
};

class ScatterElements final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "ScatterElements") && !is_op(problem, "Scatter")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    const DType dtype = problem.inputs[0].dtype;
    if (!is_index_type(problem.inputs[1].dtype)) return answer.decline("indices are not i32 or i64");
    if (find_scatter(problem.attributes.s_or("reduction", "none"), dtype) == nullptr) return answer.decline(fmt::format("no such scattering of {}", dtype_name(dtype)));
    const int64_t rank = problem.inputs[0].rank(), axis = normal_axis(problem.attributes.i_or("axis", 0), rank);
    if (axis < 0 || axis >= rank) return answer.decline("axis out of range");
    Offer offer = uniform_offer(problem, Layout::kRowMajor);
    offer.in_place_input = 0;
    answer.offer(std::move(offer));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<ScatterElementsKernel>(problem));
  }
};

}  // namespace

SINTER_CPU_TACTIC(scatter_elements, ScatterElements)

}  // namespace sinter::cpu
