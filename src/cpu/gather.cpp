// Gather along one axis with i32 or i64 indices (negative ones count from the end), row-major, any element type of whole bytes. An
// index out of range is an error of the data: launch reports it.
#include <atomic>
#include <cstring>

#include "cpu/cpu_tactic.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kMinPartBytes = 32 << 10;

class GatherKernel final : public Kernel {
 public:
  explicit GatherKernel(const Problem& problem)
      : axis_(problem.attributes.i_or("axis", 0)), wide_(problem.inputs[1].dtype == DType::kI64), bytes_(element_bytes(problem.inputs[0].dtype)),
        node_(problem.node) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims& data = inputs[0];
    const auto axis = static_cast<size_t>(normal_axis(axis_, static_cast<int64_t>(data.size())));
    outer_ = product(data, 0, axis);
    size_ = data[axis];
    row_bytes_ = product(data, axis + 1) * bytes_;
    count_ = product(inputs[1]);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const auto* data = static_cast<const char*>(args.inputs[0]);
    auto* output = static_cast<char*>(args.outputs[0]);
    std::atomic<int64_t> bad{-1};
    args.team->split(outer_ * count_, std::max<int64_t>(1, kMinPartBytes / std::max<int64_t>(row_bytes_, 1)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t index = index_at(args.inputs[1], i % count_);
        if (index < 0 || index >= size_) {
          bad.store(i % count_);
          return;
        }
        std::memcpy(output + i * row_bytes_, data + (i / count_ * size_ + index) * row_bytes_, static_cast<size_t>(row_bytes_));
      }
    });
    if (bad.load() < 0) return ok_status();
    return make_error(Code::kInvalidArgument, "node '{}' (Gather): index {} at position {}; expected one in [{},{}]; correct the input", node_,
                      raw_index(args.inputs[1], bad.load()), bad.load(), -size_, size_ - 1);
  }

 private:
  int64_t raw_index(const void* indices, int64_t i) const {
    return wide_ ? static_cast<const int64_t*>(indices)[i] : static_cast<const int32_t*>(indices)[i];
  }
  int64_t index_at(const void* indices, int64_t i) const {
    const int64_t index = raw_index(indices, i);
    return index < 0 ? index + size_ : index;
  }

  int64_t axis_;
  bool wide_;
  int bytes_;
  std::string node_;
  int64_t outer_ = 0, size_ = 0, row_bytes_ = 0, count_ = 0;
};

class Gather final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Gather")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    if (element_bytes(problem.inputs[0].dtype) == 0) return answer.decline("elements are not whole bytes");
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<GatherKernel>(problem));
  }
};

}  // namespace

SINTER_CPU_TACTIC(gather, Gather)

}  // namespace sinter::cpu
