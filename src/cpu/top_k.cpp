// TopK of f32, i32 and i64 along any axis, row-major. Each line becomes keys whose order is the operator's: the value, then the lower
// index first; NaN above all numbers, zeros of both signs equal. f32 and i32 keys with their indices are 64-bit numbers, which the
// selection compares in one instruction. Results are always sorted.
#include <algorithm>
#include <bit>
#include <cmath>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/row_kernels.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kMinPartElements = 4096;
constexpr int64_t kBlock = 128;  // elements that are looked at together
constexpr int64_t kRoom = 64;    // least number of candidates between two selections

// A monotone map of floats to unsigned numbers.
uint32_t ordered(float value) {
  if (value != value) return UINT32_MAX;
  const auto bits = std::bit_cast<uint32_t>(value + 0.0f);  // -0 becomes +0
  return bits ^ (static_cast<uint32_t>(static_cast<int32_t>(bits) >> 31) | 0x80000000u);  // negative ones: all bits turn
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
      : rows_(row_kernels(problem.isa)), wanted_axis_(problem.attributes.i_or("axis", -1)), largest_(problem.attributes.i_or("largest", 1) != 0),
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
  // The k best keys of a line, in order, at the front. Candidates gather behind the best so far until there is no room; then the k best
  // of both stay, and the worst of them is what later elements must beat. Most blocks have none that does.
  void select(const T* from, Key* keys) const {
    const auto better = [](const Key& a, const Key& b) { return a > b; };
    const int64_t room = std::min(length_, std::max<int64_t>(kRoom, 4 * k_));
    int64_t count = 0;
    bool bounded = false;
    Key worst{};
    T bound{};
    for (int64_t i = 0; i < length_; i += kBlock) {
      const int64_t end = std::min(length_, i + kBlock);
      if (bounded && inner_ == 1 && end - i == kBlock && !any_beyond(from + i, bound)) continue;
      for (int64_t k = i; k < end; ++k) {
        const T value = from[k * inner_];
        if (bounded && (largest_ ? value <= bound : value >= bound)) continue;  // of equals the first one stays
        const Key key = Key::make(value, k, largest_);
        if (bounded && !(key > worst)) continue;
        keys[count++] = key;
        if (count < room || count == k_) continue;
        std::nth_element(keys, keys + k_ - 1, keys + count, better);
        count = k_;
        worst = keys[k_ - 1];
        bound = from[worst.index() * inner_];
        bounded = true;
      }
    }
    if (k_ < count) std::nth_element(keys, keys + k_, keys + count, better);
    std::sort(keys, keys + k_, better);
  }

  // Whether a block may have an element better than one that came before. True when there is a NaN.
  bool any_beyond(const T* a, T bound) const {
    T best;
    if constexpr (std::is_same_v<T, float>) {
      best = largest_ ? rows_.max(a, kBlock) : rows_.min(a, kBlock);
    } else {
      best = largest_ ? *std::max_element(a, a + kBlock) : *std::min_element(a, a + kBlock);
    }
    return largest_ ? !(best <= bound) : !(best >= bound);
  }

  const RowKernels& rows_;
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
