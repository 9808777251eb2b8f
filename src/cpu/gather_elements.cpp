// GatherElements with i32 or i64 indices, row-major, element types of 1, 2, 4 and 8 bytes. An index out of range is an error of the
// data: launch reports it.
#include <algorithm>

#include "cpu/index_access.h"
#include "cpu/kernels/strided_copy.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kMinPartElements = 8192;

class GatherElementsKernel final : public Kernel {
 public:
  explicit GatherElementsKernel(const Problem& problem)
      : wanted_axis_(problem.attributes.i_or("axis", 0)), wide_(problem.inputs[1].dtype == DType::kI64), bytes_(element_bytes(problem.inputs[0].dtype)),
        node_(problem.node) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims &data = inputs[0], &indices = inputs[1];
    axis_ = static_cast<size_t>(normal_axis(wanted_axis_, static_cast<int64_t>(data.size())));
    for (size_t i = 0; i < data.size(); ++i) {
      if (indices.size() != data.size() || (i != axis_ && indices[i] > data[i])) {
        return make_error(Code::kInvalidArgument, "node '{}' (GatherElements): indices are {} for data {}; expected equal ranks and no larger sizes; correct the model",
                          node_, to_string(indices), to_string(data));
      }
    }
    dims_ = indices;
    size_ = data[axis_];
    strides_ = row_major_strides(data);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const int64_t row = dims_.back(), rows = row == 0 ? 0 : product(dims_) / row;
    const Indices indices(args.inputs[1], wide_);
    std::atomic<int64_t> bad{-1};
    with_element_type(bytes_, [&]<typename T>(T) {
      const auto* data = static_cast<const T*>(args.inputs[0]);
      auto* output = static_cast<T*>(args.outputs[0]);
      args.team->split(rows, std::max<int64_t>(1, kMinPartElements / std::max<int64_t>(row, 1)), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const T* from = data + row_offset(r);
          const int64_t step = axis_ + 1 == dims_.size() ? 0 : 1;
          for (int64_t i = 0; i < row; ++i) {
            const int64_t index = indices.at(r * row + i, size_);
            if (index < 0) return bad.store(r * row + i);
            output[r * row + i] = from[i * step + index * strides_[axis_]];
          }
        }
      });
    });
    return bad.load() < 0 ? ok_status() : bad_index(node_, "GatherElements", indices, bad.load(), size_);
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

  int64_t wanted_axis_;
  bool wide_;
  int bytes_;
  std::string node_;
  size_t axis_ = 0;
  Dims dims_, strides_;  // of the indices; of the data
  int64_t size_ = 0;
};

class GatherElements final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "GatherElements")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    if (!has_element_type(problem.inputs[0].dtype)) return answer.decline("elements are not of 1, 2, 4 or 8 bytes");
    if (!is_index_type(problem.inputs[1].dtype)) return answer.decline("indices are not i32 or i64");
    const int64_t rank = problem.inputs[0].rank(), axis = normal_axis(problem.attributes.i_or("axis", 0), rank);
    if (axis < 0 || axis >= rank) return answer.decline("axis out of range");
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<GatherElementsKernel>(problem));
  }
};

}  // namespace

SINTER_CPU_TACTIC(gather_elements, GatherElements)

}  // namespace sinter::cpu
