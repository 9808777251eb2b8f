// Resize of the two spatial axes of an image, modes nearest and linear, f32, every layout; nearest also i8 and u8. Source positions and weights are computed
// once per shape; a row of outputs then blends two input rows and picks columns. Cubic, antialiasing and cropping are declined.
#include <algorithm>
#include <cmath>
#include <optional>

#include "cpu/cpu_tactic.h"
#include "ops/resampling.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kMinPartElements = 8192;

using ops::Resampling;
using Coordinates = Resampling::Coordinates;
using Rounding = Resampling::Rounding;

std::optional<Coordinates> coordinates_of(const Problem& problem) {
  const std::string mode = problem.attributes.s_or("coordinate_transformation_mode", "half_pixel");
  if (mode == "half_pixel") return Coordinates::kHalfPixel;
  if (mode == "pytorch_half_pixel") return Coordinates::kPytorchHalfPixel;
  if (mode == "align_corners") return Coordinates::kAlignCorners;
  return mode == "asymmetric" ? std::optional<Coordinates>(Coordinates::kAsymmetric) : std::nullopt;
}

Rounding rounding_of(const Problem& problem) {
  const std::string mode = problem.attributes.s_or("nearest_mode", "round_prefer_floor");
  return mode == "floor" ? Rounding::kFloor : mode == "ceil" ? Rounding::kCeil : mode == "round_prefer_ceil" ? Rounding::kPreferCeil : Rounding::kPreferFloor;
}

// For each output position of an axis: the two source positions and the second one's weight.
struct AxisMap {
  std::vector<int64_t> low, high;
  std::vector<float> weight;
};

// The axes of the scales or sizes input: all in order, or the attribute's.
std::vector<int64_t> axes_of(const Problem& problem) {
  const int64_t rank = problem.inputs[0].rank();
  std::vector<int64_t> axes = problem.attributes.ints_or("axes", {});
  for (int64_t& axis : axes) axis = normal_axis(axis, rank);
  const bool all = axes.empty();
  for (int64_t i = 0; all && i < rank; ++i) axes.push_back(i);
  return axes;
}

bool has_scales(const Problem& problem) {
  return problem.inputs.size() > 2 && problem.inputs[2].present && !product(problem.inputs[2].shape).is(0);
}

// The scale of an axis: as given, or the ratio of the sizes.
Resampling::Axis axis_of(const Problem& problem, int64_t axis, int64_t in, int64_t out) {
  Resampling::Axis how;
  how.output = out;
  how.sized = !has_scales(problem);
  how.scale = static_cast<double>(out) / static_cast<double>(in);
  if (how.sized) return how;
  const std::vector<int64_t> axes = axes_of(problem);
  const auto it = std::find(axes.begin(), axes.end(), axis);
  how.scale = it == axes.end() ? 1 : problem.inputs[2].value.to_f64()[static_cast<size_t>(it - axes.begin())];
  return how;
}

AxisMap make_map(const Problem& problem, int64_t axis, int64_t in, int64_t out) {
  const Resampling::Axis how = axis_of(problem, axis, in, out);
  const Coordinates coordinates = *coordinates_of(problem);
  const bool linear = problem.attributes.s_or("mode", "nearest") == "linear";
  AxisMap map;
  for (int64_t x = 0; x < out; ++x) {
    const double at = linear ? ops::source_position<double>(coordinates, how, in, x) : static_cast<double>(ops::source_position<float>(coordinates, how, in, x));
    const int64_t low = linear ? static_cast<int64_t>(std::floor(at)) : ops::nearest_place(rounding_of(problem), at);
    map.low.push_back(std::clamp<int64_t>(low, 0, in - 1));
    map.high.push_back(std::clamp<int64_t>(low + 1, 0, in - 1));
    map.weight.push_back(linear ? static_cast<float>(at - static_cast<double>(low)) : 0.0f);
  }
  return map;
}

class ResizeKernel final : public Kernel {
 public:
  ResizeKernel(const Problem& problem, const Offer& offer)
      : problem_(problem), layout_(offer.input_layouts[0]), bytes_(element_bytes(problem.inputs[0].dtype)), linear_(problem.attributes.s_or("mode", "nearest") == "linear") {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    const Dims &in = inputs[0], &out = outputs[0];
    const int64_t block = channel_block(layout_);
    vector_ = layout_ == Layout::kRowMajor ? 1 : block > 1 ? block : in[1];
    outer_ = layout_ == Layout::kRowMajor ? in[0] * in[1] : block > 1 ? in[0] * ceil_quotient(in[1], block) : in[0];
    in_h_ = in[2];
    in_w_ = in[3];
    out_h_ = out[2];
    out_w_ = out[3];
    if (product(out) != 0 && product(in) == 0) {
      return make_error(Code::kInvalidArgument, "resize of the empty image {} to {}; expected at least one pixel", to_string(in), to_string(out));
    }
    rows_ = make_map(problem_, 2, in_h_, product(out) == 0 ? 0 : out_h_);
    columns_ = make_map(problem_, 3, in_w_, product(out) == 0 ? 0 : out_w_);
    blend_floats_ = round_up(in_w_ * vector_, 16);
    return linear_ ? blend_floats_ * 4 * threads : 0;
  }

  Status launch(const LaunchArgs& args) override {
    const int64_t rows = columns_.low.empty() ? 0 : outer_ * out_h_;
    const int64_t useful = rows * out_w_ * vector_ / kMinPartElements;
    const int parts = static_cast<int>(std::min<int64_t>(args.team->size(), std::max<int64_t>(1, useful)));
    args.team->run(parts, [&](int part) {
      float* blend = static_cast<float*>(args.workspace) + part * blend_floats_;
      for (int64_t r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        const auto y = static_cast<size_t>(r % out_h_);
        const int64_t from = (r / out_h_ * in_h_ + rows_.low[y]) * in_w_ * vector_, to = r * out_w_ * vector_;
        if (!linear_) {
          if (bytes_ == 1) nearest_row(static_cast<const uint8_t*>(args.inputs[0]) + from, static_cast<uint8_t*>(args.outputs[0]) + to);
          else nearest_row(static_cast<const float*>(args.inputs[0]) + from, static_cast<float*>(args.outputs[0]) + to);
          continue;
        }
        const float* upper = static_cast<const float*>(args.inputs[0]) + from;
        const float* lower = upper + (rows_.high[y] - rows_.low[y]) * in_w_ * vector_;
        blend_rows(upper, lower, rows_.weight[y], blend);
        linear_row(blend, static_cast<float*>(args.outputs[0]) + to);
      }
    });
    return ok_status();
  }

 private:
  // With weight 0 the other row must not matter, even if it is infinite.
  void blend_rows(const float* upper, const float* lower, float weight, float* blend) const {
    const int64_t n = in_w_ * vector_;
    if (weight == 0) {
      std::copy_n(upper, n, blend);
      return;
    }
    const float rest = 1 - weight;
    for (int64_t i = 0; i < n; ++i) blend[i] = upper[i] * rest + lower[i] * weight;
  }

  void linear_row(const float* from, float* d) const {
    if (vector_ == 1) {
      const int64_t *low = columns_.low.data(), *high = columns_.high.data();
      const float* weights = columns_.weight.data();
      for (int64_t x = 0; x < out_w_; ++x) {
        const float a = from[low[x]], b = from[high[x]], weight = weights[x];
        const float blended = a * (1 - weight) + b * weight;
        d[x] = weight == 0 ? a : blended;
      }
      return;
    }
    for (int64_t x = 0; x < out_w_; ++x) {
      const auto k = static_cast<size_t>(x);
      const float *a = from + columns_.low[k] * vector_, *b = from + columns_.high[k] * vector_;
      const float weight = columns_.weight[k], rest = 1 - weight;
      float* target = d + x * vector_;
      if (weight == 0) {
        std::copy_n(a, vector_, target);
        continue;
      }
      for (int64_t c = 0; c < vector_; ++c) target[c] = a[c] * rest + b[c] * weight;
    }
  }

  template <typename T>
  void nearest_row(const T* from, T* d) const {
    if (vector_ == 1) {
      for (int64_t x = 0; x < out_w_; ++x) d[x] = from[columns_.low[static_cast<size_t>(x)]];
      return;
    }
    for (int64_t x = 0; x < out_w_; ++x) std::copy_n(from + columns_.low[static_cast<size_t>(x)] * vector_, vector_, d + x * vector_);
  }

  Problem problem_;
  Layout layout_;
  int bytes_;
  bool linear_;
  AxisMap rows_, columns_;
  int64_t vector_ = 1, outer_ = 0, in_h_ = 0, in_w_ = 0, out_h_ = 0, out_w_ = 0, blend_floats_ = 0;
};

class Resize final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Resize")) return;
    const std::string reason = unsuitable(problem);
    if (!reason.empty()) return answer.decline(reason);
    for (int l = 0; l < kLayoutCount; ++l) {
      Offer offer = uniform_offer(problem, static_cast<Layout>(l));
      for (size_t i = 1; i < offer.input_layouts.size(); ++i) offer.input_layouts[i] = Layout::kRowMajor;
      const Dims& in = problem.inputs[0].opt;
      const int64_t vector = l == 0 ? 1 : l == 1 ? in[1] : channel_block(static_cast<Layout>(l));
      offer.workspace_bytes = round_up(in[3] * vector, 16) * 4 * problem.threads;
      answer.offer(std::move(offer));
    }
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<ResizeKernel>(problem, offer));
  }

 private:
  static std::string unsuitable(const Problem& problem) {
    const TensorDesc &in = problem.inputs[0], &out = problem.outputs[0];
    if (problem.has_epilogue()) return "no epilogue";
    if (in.rank() != 4 || out.rank() != 4 || in.shape[0] != out.shape[0] || in.shape[1] != out.shape[1]) return "not two spatial axes";
    const std::string mode = problem.attributes.s_or("mode", "nearest");
    if (mode != "nearest" && mode != "linear") return "mode " + mode;
    const bool eight_bits = in.dtype == DType::kI8 || in.dtype == DType::kU8;
    if (in.dtype != DType::kF32 && !(eight_bits && mode == "nearest")) return "not f32, nor nearest of i8 or u8";
    if (problem.attributes.i_or("antialias", 0) != 0) return "antialiasing";
    if (!coordinates_of(problem)) return "coordinate mode " + problem.attributes.s_or("coordinate_transformation_mode", "");
    if (has_scales(problem) && !problem.inputs[2].value.defined()) return "scales are not constant";
    if (problem.attributes.s_or("keep_aspect_ratio_policy", "stretch") != "stretch") return "a policy for the aspect ratio";
    return "";
  }
};

}  // namespace

SINTER_CPU_TACTIC(resize, Resize)

}  // namespace sinter::cpu
