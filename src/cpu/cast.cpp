// Cast between f32, f16, bf16, bool, i32 and i64, in every layout (padding channels are zeros before and after). Floats beyond an
// integer's range give its most negative value, as the reference kernel does.
#include <algorithm>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/pointwise_steps.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kChunk = 1024;                 // floats between two conversions
constexpr int64_t kMinPartElements = 16 << 10;

bool narrow_float(DType dtype) { return dtype == DType::kF16 || dtype == DType::kBF16; }

template <typename To>
To to_integer(float value) {
  constexpr float kLimit = sizeof(To) == 8 ? 0x1p63f : 0x1p31f;
  return value >= -kLimit && value < kLimit ? static_cast<To>(value) : static_cast<To>(sizeof(To) == 8 ? INT64_MIN : INT32_MIN);
}

template <typename From, typename To>
void convert(const void* source, void* target, int64_t n) {
  const auto* from = static_cast<const From*>(source);
  auto* to = static_cast<To*>(target);
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_same_v<From, float> && std::is_integral_v<To>) {
      to[i] = to_integer<To>(from[i]);
    } else {
      to[i] = static_cast<To>(from[i]);
    }
  }
}

using ConvertFn = void (*)(const void* source, void* target, int64_t n);

struct Flag {  // bool as a byte that is 0 or 1
  uint8_t byte;
  Flag() = default;
  template <typename T>
  explicit Flag(T value) : byte(value != T{0} ? 1 : 0) {}
  template <typename T>
  explicit operator T() const { return static_cast<T>(byte != 0); }
};

template <typename From>
ConvertFn from_type(DType to) {
  switch (to) {
    case DType::kF32: return &convert<From, float>;
    case DType::kI32: return &convert<From, int32_t>;
    case DType::kI64: return &convert<From, int64_t>;
    case DType::kBool: return &convert<From, Flag>;
    default: return nullptr;
  }
}

ConvertFn converter(DType from, DType to) {
  switch (from) {
    case DType::kF32: return from_type<float>(to);
    case DType::kI32: return from_type<int32_t>(to);
    case DType::kI64: return from_type<int64_t>(to);
    case DType::kBool: return from_type<Flag>(to);
    default: return nullptr;
  }
}

class CastKernel final : public Kernel {
 public:
  CastKernel(const Problem& problem, const Offer& offer)
      : steps_(pointwise_steps(problem.isa)), from_(problem.inputs[0].dtype), to_(problem.outputs[0].dtype), layout_(offer.input_layouts[0]) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    count_ = physical_count(layout_, inputs[0]);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const auto* source = static_cast<const char*>(args.inputs[0]);
    auto* target = static_cast<char*>(args.outputs[0]);
    args.team->split(count_, kMinPartElements, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i += kChunk) {
        run(source + i * element_bytes(from_), target + i * element_bytes(to_), std::min(kChunk, end - i));
      }
    });
    return ok_status();
  }

 private:
  // Through f32 where one side is a 16-bit float.
  void run(const void* source, void* target, int64_t n) const {
    float middle[kChunk];
    if (narrow_float(from_)) {
      steps_.widen(from_)(source, to_ == DType::kF32 ? static_cast<float*>(target) : middle, n);
      if (to_ == DType::kF32) return;
      source = middle;
    }
    const DType from = narrow_float(from_) ? DType::kF32 : from_;
    if (!narrow_float(to_)) return converter(from, to_)(source, target, n);
    const float* floats = static_cast<const float*>(source);
    if (from != DType::kF32) {
      converter(from, DType::kF32)(source, middle, n);
      floats = middle;
    }
    steps_.narrow(to_)(floats, target, n);
  }

  const PointwiseSteps& steps_;
  DType from_, to_;
  Layout layout_;
  int64_t count_ = 0;
};

class Cast final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Cast") && !is_op(problem, "CastLike")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    const DType from = problem.inputs[0].dtype, to = problem.outputs[0].dtype;
    const bool known = (narrow_float(from) || converter(from, DType::kF32)) && (narrow_float(to) || converter(DType::kF32, to));
    if (!known || from == to) return answer.decline("element types");
    // Two roundings: 64-bit integers pass through f32 on the way to 16 bits.
    if ((from == DType::kI64 || from == DType::kI32) && narrow_float(to)) return answer.decline("large integers would be rounded twice");
    const int rank = problem.inputs[0].rank();
    for (int l = 0; l < (rank < 3 ? 1 : kLayoutCount); ++l) {
      Offer offer = uniform_offer(problem, static_cast<Layout>(l));
      for (size_t i = 1; i < offer.input_layouts.size(); ++i) offer.input_layouts[i] = Layout::kRowMajor;
      answer.offer(std::move(offer));
    }
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<CastKernel>(problem, offer));
  }
};

}  // namespace

SINTER_CPU_TACTIC(cast, Cast)

}  // namespace sinter::cpu
