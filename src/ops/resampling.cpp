// One axis after another: every output position is a weighted sum of a few input positions.
#include "ops/resampling.h"

#include <algorithm>
#include <cmath>

#include "ops/indexing.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace {

struct Taps {
  int64_t first = 0;            // of the weights, before clamping to the axis
  std::vector<double> weights;  // empty: the extrapolation value
};

// Nothing: outside the crop.
std::optional<double> position_of(const Resampling& plan, const Resampling::Axis& axis, int64_t input, int64_t x) {
  const bool moves = plan.mode == Resampling::Mode::kNearest;
  const double position = moves ? static_cast<double>(source_position<float>(plan.coordinates, axis, input, x)) : source_position<double>(plan.coordinates, axis, input, x);
  const bool outside = position < 0 || position > static_cast<double>(input - 1);
  if (outside && plan.coordinates == Resampling::Coordinates::kCropAndResize) return std::nullopt;
  return position;
}

double cubic(double a, double x) {
  x = std::abs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

// The filter around `position`: its radius is 1 (linear) or 2 (cubic) input elements, stretched when antialiasing a
// reduction.
Taps filter_taps(const Resampling& plan, double scale, int64_t input, double position) {
  const double shrink = plan.antialias ? std::min(scale, 1.0) : 1.0;
  const double radius = (plan.mode == Resampling::Mode::kLinear ? 1 : 2) / shrink;
  const double floor = std::floor(position);
  const auto reach = static_cast<int64_t>(std::ceil(radius));
  Taps taps;
  taps.first = static_cast<int64_t>(floor) - reach + 1;
  double sum = 0;
  for (int64_t i = taps.first; i <= static_cast<int64_t>(floor) + reach; ++i) {
    const double distance = (static_cast<double>(i) - position) * shrink;
    double weight =
        plan.mode == Resampling::Mode::kLinear ? std::max(0.0, 1 - std::abs(distance)) : cubic(plan.cubic_a, distance);
    if (plan.exclude_outside && (i < 0 || i >= input)) weight = 0;
    taps.weights.push_back(weight);
    sum += weight;
  }
  if (sum != 0)
    for (double& weight : taps.weights) weight /= sum;
  return taps;
}

// Positions far outside are those of the border: keeps the index arithmetic small.
double bounded(double position, int64_t input) {
  const double margin = 4.0 + static_cast<double>(input);
  return std::isnan(position) ? 0 : std::clamp(position, -margin, margin + static_cast<double>(input));
}

Tensor filter_axis(const Resampling& plan, const Tensor& x, int axis) {
  const Resampling::Axis& how = plan.axes[axis];
  Dims dims = x.dims();
  const int64_t input = dims[axis], outer = product(dims, 0, axis), inner = product(dims, axis + 1);
  dims[axis] = how.output;
  Tensor y(DType::kF64, dims);
  for (int64_t o = 0; o < how.output; ++o) {
    const std::optional<double> position = position_of(plan, how, input, o);
    const Taps taps = position ? filter_taps(plan, how.scale, input, bounded(*position, input)) : Taps{};
    for (int64_t b = 0; b < outer; ++b) {
      double* to = y.data<double>() + (b * how.output + o) * inner;
      std::fill_n(to, inner, position ? 0.0 : plan.extrapolation);
      for (size_t t = 0; t < taps.weights.size(); ++t) {
        const double weight = taps.weights[t];
        if (weight == 0) continue;
        const int64_t at = std::clamp<int64_t>(taps.first + static_cast<int64_t>(t), 0, input - 1);
        const double* from = x.data<double>() + (b * input + at) * inner;
        for (int64_t i = 0; i < inner; ++i) to[i] += weight * from[i];
      }
    }
  }
  return y;
}

Tensor filler(DType dtype, double value) {
  if (dtype == DType::kString) return Tensor(dtype, {1});
  Tensor one(DType::kF64, {1});
  one.data<double>()[0] = value;
  return one.cast(dtype);
}

Tensor move_axis(const Resampling& plan, const Tensor& x, int axis) {
  const Resampling::Axis& how = plan.axes[axis];
  Dims dims = x.dims();
  const int64_t input = dims[axis], outer = product(dims, 0, axis), inner = product(dims, axis + 1);
  dims[axis] = how.output;
  Tensor y(x.dtype(), dims);
  const Tensor outside = filler(x.dtype(), plan.extrapolation);
  for (int64_t o = 0; o < how.output; ++o) {
    const std::optional<double> position = position_of(plan, how, input, o);
    const int64_t at = position ? std::clamp<int64_t>(nearest_place(plan.rounding, bounded(*position, input)), 0, input - 1) : 0;
    for (int64_t b = 0; b < outer; ++b) {
      const int64_t to = (b * how.output + o) * inner;
      if (position)
        copy_elements(x, (b * input + at) * inner, y, to, inner);
      else
        for (int64_t i = 0; i < inner; ++i) copy_elements(outside, 0, y, to + i, 1);
    }
  }
  return y;
}

}  // namespace

int64_t nearest_place(Resampling::Rounding rounding, double position) {
  constexpr double kTie = 1e-6;  // ONNX Runtime's, found by experiment
  const double floor = std::floor(position), part = position - floor;
  const bool tie = std::abs(part - 0.5) < kTie;
  bool up = false;
  switch (rounding) {
    case Resampling::Rounding::kPreferFloor: up = part > 0.5 && !tie; break;
    case Resampling::Rounding::kPreferCeil: up = part > 0.5 || tie; break;
    case Resampling::Rounding::kFloor: break;
    case Resampling::Rounding::kCeil: up = part > 0; break;
  }
  return static_cast<int64_t>(floor) + (up ? 1 : 0);
}

Status resample(EvalContext& context, const Resampling& plan) {
  const Tensor& x = context.tensor(0);
  Dims dims;
  for (const Resampling::Axis& axis : plan.axes) dims.push_back(axis.output);
  SINTER_TRY(check_output_dims(context, dims));
  if (x.count() == 0 && product(dims) != 0)
    return context.error(
        fmt::format("the input {} is empty: expected elements to resample; correct the model", to_string(x.dims())));
  const bool moves = plan.mode == Resampling::Mode::kNearest;
  if (!moves && !is_float(x.dtype()) && !is_integer(x.dtype()))
    return context.error(
        fmt::format("input 0 is {}: expected numbers for this mode; use mode 'nearest'", dtype_name(x.dtype())));
  Tensor y = moves ? x : widened(x);
  for (int axis = 0; axis < x.rank(); ++axis) {
    const Resampling::Axis& how = plan.axes[axis];
    const bool crops =
        plan.coordinates == Resampling::Coordinates::kCropAndResize && (how.roi_begin != 0 || how.roi_end != 1);
    if (how.output == x.dim(axis) && how.scale == 1 && !crops) continue;
    y = moves ? move_axis(plan, y, axis) : filter_axis(plan, y, axis);
  }
  store(context, 0, x.dtype(), y);
  return ok_status();
}

int64_t scaled_size(int64_t input, float scale) {
  const float size = std::floor(static_cast<float>(input) * scale);
  return size >= 0 && size < 1e15f ? static_cast<int64_t>(size) : -1;
}

std::optional<Dim> scaled_dim(const Dim& input, float scale) {
  if (input.is_constant()) return Dim(scaled_size(input.value(), scale));
  constexpr int kMaxDenominator = 64;
  for (int q = 1; q <= kMaxDenominator; ++q) {
    const double p = static_cast<double>(scale) * q;
    if (p >= 1 && p < 1e9 && p == std::floor(p)) return floordiv(input * Dim(static_cast<int64_t>(p)), Dim(q));
  }
  return std::nullopt;
}

}  // namespace sinter::ops
