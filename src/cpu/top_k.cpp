// TopK of f32, i32 and i64 along any axis, row-major. Each line becomes keys whose order is the operator's: the value, then the lower
// index first; NaN above all numbers, zeros of both signs equal. f32 and i32 keys with their indices are 64-bit numbers, which the
// selection compares in one instruction. Results are always sorted.
#include <algorithm>
#include <bit>
#include <cmath>

#include "cpu/cpu_tactic.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kMinPartElements = 4096;

// A monotone map of floats to unsigned numbers.
uint32_t ordered(float value) {
  if (value != value) return UINT32_MAX;
  const auto bits = std::bit_cast<uint32_t>(value + 0.0f);  // -0 becomes +0
  return (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
}
uint32_t ordered(int32_t value) { return static_cast<uint32_t>(value) ^ 0x80000000u; }

// The best key is the largest.
template <typename T>
struct ShortKey {
  uint64_t bits;
  static ShortKey make(T value, int64_t index, bool largest) {
    const uint32_t rank = largest ? ordered(value) : ~ordered(value);
    return {static_cast<uint64_t>(rank) << 32 | (UINT32_MAX - static_cast<uint32_t>(index))};
  }
  int64_t index() const { return UINT32_MAX - static_cast<uint32_t>(bits); }
  friend bool operator>(const ShortKey& a, const ShortKey& b) { return a.bits > b.bits; }
};

struct LongKey {
  int64_t rank, place;
  static LongKey make(int64_t value, int64_t index, bool largest) { return {largest ? value : ~value, index}; }
  int64_t index() const { return place; }
  friend bool operator>(const LongKey& a, const LongKey& b) { return a.rank != b.rank ? a.rank > b.rank : a.place < b.place; }
};

template <typename T, typename Key>
class TopKKernel final : public Kernel {
 public:
  explicit TopKKernel(const Problem& problem)
      : wanted_axis_(problem.attributes.i_or("axis", -1)), largest_(problem.attributes.i_or("largest", 1) != 0),
        indices_(problem.outputs.size() > 1 && problem.outputs[1].present), values_(problem.outputs[0].present), node_(problem.node) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    const Dims &dims = inputs[0], &out = outputs[values_ ? 0 : 1];
    const auto axis = static_cast<size_t>(normal_axis(wanted_axis_, static_cast<int64_t>(dims.size())));
    outer_ = product(dims, 0, axis);
    length_ = dims[axis];
    inner_ = product(dims, axis + 1);
    k_ = out[axis];
    if (k_ > length_ || length_ >= UINT32_MAX) {
      return make_error(Code::kInvalidArgument, "node '{}' (TopK): K is {}, but axis {} of {} has {} elements; expected K in [0,{}]; correct the model", node_, k_, axis,
                        to_string(dims), length_, length_);
    }
    return threads * round_up(length_ * static_cast<int64_t>(sizeof(Key)), kTensorAlignment);
  }

  Status launch(const LaunchArgs& args) override {
    const auto* input = static_cast<const T*>(args.inputs[0]);
    const int64_t lines = outer_ * inner_;
    if (lines == 0 || k_ == 0) return ok_status();
    const int parts = static_cast<int>(std::clamp<int64_t>(lines * length_ / kMinPartElements, 1, std::min<int64_t>(args.team->size(), lines)));
    args.team->run(parts, [&](int part) {
      auto* keys = reinterpret_cast<Key*>(static_cast<char*>(args.workspace) + part * round_up(length_ * static_cast<int64_t>(sizeof(Key)), kTensorAlignment));
      for (int64_t line = lines * part / parts; line < lines * (part + 1) / parts; ++line) {
        const int64_t outer = line / inner_, inner = line % inner_;
        const T* from = input + outer * length_ * inner_ + inner;
        select(from, keys);
        const int64_t to = outer * k_ * inner_ + inner;
        for (int64_t i = 0; i < k_; ++i) {
          if (values_) static_cast<T*>(args.outputs[0])[to + i * inner_] = from[keys[i].index() * inner_];
          if (indices_) static_cast<int64_t*>(args.outputs[1])[to + i * inner_] = keys[i].index();
        }
      }
    });
    return ok_status();
  }

 private:
  // The k best keys of a line, in order, at the front.
  void select(const T* from, Key* keys) const {
    const auto better = [](const Key& a, const Key& b) { return a > b; };
    if (k_ * 16 > length_) {
      for (int64_t i = 0; i < length_; ++i) keys[i] = Key::make(from[i * inner_], i, largest_);
      if (k_ < length_) std::nth_element(keys, keys + k_, keys + length_, better);
      std::sort(keys, keys + k_, better);
      return;
    }
    // A few of many: a heap of the best so far, whose root is the worst of them; most elements fall to one comparison.
    for (int64_t i = 0; i < k_; ++i) keys[i] = Key::make(from[i * inner_], i, largest_);
    std::make_heap(keys, keys + k_, better);
    for (int64_t i = k_; i < length_; ++i) {
      const Key key = Key::make(from[i * inner_], i, largest_);
      if (!(key > keys[0])) continue;
      std::pop_heap(keys, keys + k_, better);
      keys[k_ - 1] = key;
      std::push_heap(keys, keys + k_, better);
    }
    std::sort(keys, keys + k_, better);
  }

  int64_t wanted_axis_;
  bool largest_, indices_, values_;
  std::string node_;
  int64_t outer_ = 1, length_ = 0, inner_ = 1, k_ = 0;
};

std::unique_ptr<Kernel> make_kernel(const Problem& problem) {
  switch (problem.inputs[0].dtype) {
    case DType::kI32: return std::make_unique<TopKKernel<int32_t, ShortKey<int32_t>>>(problem);
    case DType::kI64: return std::make_unique<TopKKernel<int64_t, LongKey>>(problem);
    default: return std::make_unique<TopKKernel<float, ShortKey<float>>>(problem);
  }
}

class TopK final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "TopK")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    const TensorDesc& input = problem.inputs[0];
    if (input.dtype != DType::kF32 && !(input.dtype == DType::kI32 || input.dtype == DType::kI64)) return answer.decline(fmt::format("not for {}", dtype_name(input.dtype)));
    const int64_t axis = normal_axis(problem.attributes.i_or("axis", -1), input.rank());
    if (axis < 0 || axis >= input.rank()) return answer.decline("axis out of range");
    Offer offer = uniform_offer(problem, Layout::kRowMajor);
    std::vector<Dims> outputs;
    for (const TensorDesc& desc : problem.outputs) outputs.push_back(desc.opt);
    const std::vector<Dims> inputs{input.opt};
    const auto workspace = make_kernel(problem)->specialize(inputs, outputs, problem.threads);
    if (!workspace.ok()) return answer.decline(workspace.status().message());
    offer.workspace_bytes = *workspace;
    answer.offer(std::move(offer));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor>) const override { return make_kernel(problem); }
};

}  // namespace

SINTER_CPU_TACTIC(top_k, TopK)

}  // namespace sinter::cpu
