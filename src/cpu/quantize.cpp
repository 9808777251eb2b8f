// QuantizeLinear to and DequantizeLinear from integers of 8 and 16 bits (the latter also i32) and floats of 8 bits; one scale for all, for each place along
// an axis, or for each block along it. Exact: the reference kernel's operations, in f32. One scale for all: channels last too, and in blocks of
// channels where there is no zero point. Bandwidth-bound.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "core/numeric.h"
#include "cpu/cpu_tactic.h"
#include "cpu/kernels/pointwise_steps.h"
#include "tactic/scale_grid.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kChunk = 1024;
constexpr int64_t kMinPartElements = 16 << 10;

bool quantizes(const Problem& problem) { return problem.op == "QuantizeLinear"; }
bool has_zeros(const Problem& problem) { return problem.inputs.size() > 2 && problem.inputs[2].present; }
bool is_wide(DType dtype) { return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16; }
bool is_float8(DType dtype) { return contains(kFloat8Types, dtype) && dtype != DType::kF8E8M0; }

// The numbers of elements [first, first + n) out of one number a scale.
void spread(const ScaleGrid& grid, const float* numbers, int64_t first, int64_t n, float* out) {
  int64_t line = first / grid.inner, inside = first % grid.inner;
  for (int64_t done = 0; done < n;) {
    const int64_t outer = line / grid.size, place = line % grid.size;
    const float* from = numbers + outer * grid.outer_step + place / grid.block * grid.step + inside * grid.inner_step;
    if (grid.inner == 1 && grid.inner_step == 0) {
      const int64_t run = std::min(grid.size - place, n - done);  // one scale a place, the axis innermost
      std::copy_n(from, run, out + done);
      done += run;
      line += run;
      continue;
    }
    const int64_t run = std::min(grid.inner - inside, n - done);
    if (grid.inner_step == 0) std::fill_n(out + done, run, *from);
    else std::copy_n(from, run, out + done);
    done += run;
    inside = 0;
    ++line;
  }
}

// Exact for whole numbers that are not large: the sum's last bit is a one.
constexpr float kRounder = 12582912.0f;

template <typename T>
void store_integers(const float* values, const float* zeros, T* out, int64_t n) {
  constexpr float kLow = std::numeric_limits<T>::min(), kHigh = std::numeric_limits<T>::max();
  for (int64_t i = 0; i < n; ++i) {
    // Limits are whole, so that rounding after them is the same; max in this order makes NaN the least.
    const float limited = std::min(std::max(kLow - zeros[i], values[i]), kHigh - zeros[i]);
    out[i] = static_cast<T>(static_cast<int32_t>((limited + kRounder) - kRounder + zeros[i]));
  }
}

// Bits of the type's fraction, and the exponent's bias; the largest code of a finite number.
struct Format {
  int fraction, bias;
  uint32_t most;
};

// Floats of 8 bits: by their bits, to nearest even; what is too large, NaN and -0 where there is none as core/numeric.h says.
template <int kFraction>
void store_floats(DType dtype, const Format& format, bool saturate, const float* values, uint8_t* out, int64_t n) {
  constexpr int kDropped = 23 - kFraction;
  const uint32_t least_normal = static_cast<uint32_t>(128 - format.bias) << 23, rebias = static_cast<uint32_t>(127 - format.bias) << kFraction;
  const float to_steps = std::ldexp(1.0f, format.bias - 1 + kFraction);
  const bool no_negative_zero = dtype == DType::kF8E4M3FNUZ || dtype == DType::kF8E5M2FNUZ;
  uint32_t special = 0;
  for (int64_t i = 0; i < n; ++i) {
    uint32_t bits;
    std::memcpy(&bits, values + i, 4);
    const uint32_t sign = bits >> 31, size = bits & 0x7fffffffu;
    const uint32_t normal = ((size + ((1u << (kDropped - 1)) - 1) + ((size >> kDropped) & 1)) >> kDropped) - rebias;
    float magnitude;
    std::memcpy(&magnitude, &size, 4);
    const float steps = std::min(magnitude * to_steps, 1024.0f) + 8388608.0f;
    uint32_t small;
    std::memcpy(&small, &steps, 4);
    const uint32_t code = size >= least_normal ? normal : small & 0xffffu;
    special |= static_cast<uint32_t>(code > format.most) | (static_cast<uint32_t>(no_negative_zero) & static_cast<uint32_t>(code == 0) & sign);
    out[i] = static_cast<uint8_t>(sign << 7 | (code & 0x7fu));
  }
  if (!special) return;
  for (int64_t i = 0; i < n; ++i) out[i] = float_to_small_float(dtype, values[i], saturate);
}

Format format_of(DType dtype) {
  switch (dtype) {
    case DType::kF8E4M3FN: return {3, 7, 0x7e};
    case DType::kF8E4M3FNUZ: return {3, 8, 0x7f};
    case DType::kF8E5M2: return {2, 15, 0x7b};
    default: return {2, 16, 0x7f};
  }
}

class QuantizeKernel final : public Kernel {
 public:
  QuantizeKernel(const Problem& problem, Layout layout) : steps_(pointwise_steps(problem.isa)), problem_(problem), layout_(layout) {
    const TensorDesc& narrow = quantizes(problem_) ? problem_.outputs[0] : problem_.inputs[0];
    narrow_ = narrow.dtype;
    wide_ = quantizes(problem_) ? problem_.inputs[0].dtype : problem_.outputs[0].dtype;
    precision_ = problem_.inputs[1].dtype;
    if (const int64_t given = problem_.attributes.i_or("precision", 0); quantizes(problem_) && given != 0) precision_ = static_cast<DType>(given);
    saturate_ = problem_.attributes.i_or("saturate", 1) != 0;
    if (!is_float8(narrow_)) return;
    for (int i = 0; i < 256; ++i) table_[static_cast<size_t>(i)] = small_float_to_float(narrow_, static_cast<uint8_t>(i));
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    SINTER_ASSIGN(grid_, resolve_scale_grid(problem_, inputs[0], inputs[1]));
    grid_.count = physical_count(layout_, inputs[0]);
    scales_ = product(inputs[1]);
    return scales_ * 2 * int64_t{sizeof(float)};
  }

  Status launch(const LaunchArgs& args) override {
    auto* scales = static_cast<float*>(args.workspace);
    float* zeros = scales + scales_;
    to_floats(problem_.inputs[1].dtype, args.inputs[1], scales, scales_);
    if (quantizes(problem_)) round(scales, scales_);
    if (has_zeros(problem_)) to_floats(problem_.inputs[2].dtype, args.inputs[2], zeros, scales_);
    else std::fill_n(zeros, scales_, 0.0f);
    args.team->split(grid_.count, kMinPartElements, [&](int64_t begin, int64_t end) {
      float scale[kChunk], zero[kChunk];
      if (grid_.single()) {
        std::fill_n(scale, kChunk, scales[0]);
        std::fill_n(zero, kChunk, zeros[0]);
      }
      for (int64_t i = begin; i < end; i += kChunk) {
        const int64_t n = std::min(kChunk, end - i);
        if (!grid_.single()) {
          spread(grid_, scales, i, n, scale);
          spread(grid_, zeros, i, n, zero);
        }
        const char* from = static_cast<const char*>(args.inputs[0]) + i * element_bytes(problem_.inputs[0].dtype);
        char* to = static_cast<char*>(args.outputs[0]) + i * element_bytes(problem_.outputs[0].dtype);
        if (quantizes(problem_)) quantize(from, scale, zero, to, n);
        else dequantize(from, scale, zero, to, n);
      }
    });
    return ok_status();
  }

 private:
  // Rounds to the type that the division has.
  void round(float* values, int64_t n) const {
    const NarrowFn narrow = steps_.narrow(precision_);
    if (precision_ == DType::kF32 || !narrow) return;
    uint16_t halves[kChunk];
    for (int64_t i = 0; i < n; i += kChunk) {
      narrow(values + i, halves, std::min(kChunk, n - i));
      steps_.widen(precision_)(halves, values + i, std::min(kChunk, n - i));
    }
  }

  void to_floats(DType dtype, const void* source, float* target, int64_t n) const {
    const auto convert = [&]<typename T>(const T* from) {
      for (int64_t i = 0; i < n; ++i) target[i] = static_cast<float>(from[i]);
    };
    switch (dtype) {
      case DType::kF16:
      case DType::kBF16: return steps_.widen(dtype)(source, target, n);
      case DType::kI8: return convert(static_cast<const int8_t*>(source));
      case DType::kU8: return convert(static_cast<const uint8_t*>(source));
      case DType::kI16: return convert(static_cast<const int16_t*>(source));
      case DType::kU16: return convert(static_cast<const uint16_t*>(source));
      case DType::kI32: return convert(static_cast<const int32_t*>(source));
      case DType::kF32: return convert(static_cast<const float*>(source));
      default: break;
    }
    const auto* bytes = static_cast<const uint8_t*>(source);
    for (int64_t i = 0; i < n; ++i) target[i] = table_[bytes[i]];
  }

  void quantize(const char* from, const float* scale, const float* zero, char* to, int64_t n) const {
    float values[kChunk];
    to_floats(wide_, from, values, n);
    round(values, n);
    for (int64_t i = 0; i < n; ++i) values[i] /= scale[i];
    round(values, n);
    switch (narrow_) {
      case DType::kI8: return store_integers(values, zero, reinterpret_cast<int8_t*>(to), n);
      case DType::kU8: return store_integers(values, zero, reinterpret_cast<uint8_t*>(to), n);
      case DType::kI16: return store_integers(values, zero, reinterpret_cast<int16_t*>(to), n);
      case DType::kU16: return store_integers(values, zero, reinterpret_cast<uint16_t*>(to), n);
      default: break;
    }
    const Format format = format_of(narrow_);
    for (int64_t i = 0; i < n; ++i) values[i] += zero[i];
    if (format.fraction == 3) store_floats<3>(narrow_, format, saturate_, values, reinterpret_cast<uint8_t*>(to), n);
    else store_floats<2>(narrow_, format, saturate_, values, reinterpret_cast<uint8_t*>(to), n);
  }

  void dequantize(const char* from, const float* scale, const float* zero, char* to, int64_t n) const {
    float values[kChunk];
    to_floats(narrow_, from, values, n);
    float* out = wide_ == DType::kF32 ? reinterpret_cast<float*>(to) : values;
    for (int64_t i = 0; i < n; ++i) out[i] = (values[i] - zero[i]) * scale[i];
    if (wide_ != DType::kF32) steps_.narrow(wide_)(out, to, n);
  }

  const PointwiseSteps& steps_;
  Problem problem_;
  Layout layout_;
  DType narrow_, wide_, precision_;
  bool saturate_ = true;
  std::array<float, 256> table_{};
  ScaleGrid grid_;
  int64_t scales_ = 1;
};

std::string unsuitable(const Problem& problem) {
  if (problem.has_epilogue()) return "no epilogue";
  if (problem.inputs.size() < 2) return "no scale";
  const DType from = problem.inputs[0].dtype, to = problem.outputs[0].dtype, narrow = quantizes(problem) ? to : from;
  const bool integer = narrow == DType::kI8 || narrow == DType::kU8 || narrow == DType::kI16 || narrow == DType::kU16;
  // Differences of 32 bits would be rounded twice.
  const bool whole = narrow == DType::kI32 && !quantizes(problem) && !has_zeros(problem);
  if (!integer && !whole && !is_float8(narrow)) return fmt::format("not for {}", dtype_name(narrow));
  if (!is_wide(quantizes(problem) ? from : to)) return "values that are not f32, f16 or bf16";
  if (!is_wide(problem.inputs[1].dtype)) return "scales that are not f32, f16 or bf16";
  const auto precision = static_cast<DType>(problem.attributes.i_or("precision", 0));
  if (precision != DType::kUndefined && !is_wide(precision)) return "a precision that is not f32, f16 or bf16";
  const auto grid = resolve_scale_grid(problem, problem.inputs[0].opt, problem.inputs[1].opt);
  return grid.ok() ? "" : grid.status().message();
}

class Quantize final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "QuantizeLinear") && !is_op(problem, "DequantizeLinear")) return;
    const std::string reason = unsuitable(problem);
    if (!reason.empty()) return answer.decline(reason);
    const bool single = resolve_scale_grid(problem, problem.inputs[0].opt, problem.inputs[1].opt)->single() && problem.inputs[1].is_static();
    for (int l = 0; l < (problem.inputs[0].rank() < 3 || !single ? 1 : kLayoutCount); ++l) {
      const auto layout = static_cast<Layout>(l);
      if (channel_block(layout) > 1 && has_zeros(problem)) continue;  // the channels of padding would not stay zero
      Offer offer = uniform_offer(problem, layout);
      for (size_t i = 1; i < offer.input_layouts.size(); ++i) offer.input_layouts[i] = Layout::kRowMajor;
      offer.workspace_bytes = product(problem.inputs[1].opt) * 2 * int64_t{sizeof(float)};
      answer.offer(std::move(offer));
    }
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    const std::string reason = unsuitable(problem);
    if (!reason.empty()) return make_error(Code::kInvalidEngine, "{}: {}; the engine is damaged: rebuild it", id(), reason);
    return std::unique_ptr<Kernel>(std::make_unique<QuantizeKernel>(problem, offer.input_layouts[0]));
  }
};

}  // namespace

SINTER_CPU_TACTIC(quantize, Quantize)

}  // namespace sinter::cpu
