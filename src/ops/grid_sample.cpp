// GridSample: y[n,c,o…] = x[n,c] interpolated at grid[n,o…], whose last axis gives the position normalised to [-1, 1],
// innermost axis first. Modes: linear, nearest (half to even), cubic (a = -0.75). Outside: zeros, border, or
// reflection.
#include <algorithm>
#include <cmath>

#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace grid_sample_impl {

enum class Mode { kNearest, kLinear, kCubic };
enum class Padding { kZeros, kBorder, kReflection };
constexpr double kCubicA = -0.75;  // specification

Result<Shape> output_shape(const Shape& x, const Shape& grid) {
  if (x.size() < 3 || grid.size() != x.size())
    return make_error(Code::kInvalidModel,
                      "the input is {} and the grid {}: expected equal ranks of at least 3; correct the model",
                      to_string(x), to_string(grid));
  if (grid.back().is_constant() && !grid.back().is(static_cast<int64_t>(x.size()) - 2))
    return make_error(Code::kInvalidModel,
                      "the grid is {}: expected a last dim of {}, one a spatial axis; correct the model",
                      to_string(grid), x.size() - 2);
  Shape shape{x[0], x[1]};
  shape.insert(shape.end(), grid.begin() + 1, grid.end() - 1);
  return shape;
}

Status infer(InferContext& context) {
  std::optional<Shape> shape;
  if (context.input_shape(0) && context.input_shape(1)) {
    SINTER_ASSIGN(shape, at_node(context, output_shape(*context.input_shape(0), *context.input_shape(1))));
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  return ok_status();
}

Status read(const EvalContext& context, Mode& mode, Padding& padding) {
  const std::string &m = context.attributes().s("mode"), &p = context.attributes().s("padding_mode");
  if (m == "nearest")
    mode = Mode::kNearest;
  else if (m == "linear" || m == "bilinear")
    mode = Mode::kLinear;
  else if (m == "cubic" || m == "bicubic")
    mode = Mode::kCubic;
  else
    return context.error(
        fmt::format("attribute 'mode' is '{}': expected linear, nearest or cubic; correct the model", m));
  if (p == "zeros")
    padding = Padding::kZeros;
  else if (p == "border")
    padding = Padding::kBorder;
  else if (p == "reflection")
    padding = Padding::kReflection;
  else
    return context.error(
        fmt::format("attribute 'padding_mode' is '{}': expected zeros, border or reflection; correct the model", p));
  return ok_status();
}

double reflect(double at, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  double distance = std::fmod(std::abs(at - low), 2 * range);
  if (distance > range) distance = 2 * range - distance;
  return low + distance;
}

struct AxisTaps {
  int count = 0;
  int64_t index[4];  // -1: a zero
  double weight[4];
};

struct Axis {
  int64_t size;
  bool align;
  Padding padding;
  // A position pulled into the axis as the padding says (zeros: unchanged).
  double pull(double at) const {
    const double low = align ? 0 : -0.5, high = align ? static_cast<double>(size - 1) : static_cast<double>(size) - 0.5;
    if (padding == Padding::kReflection) at = reflect(at, low, high);
    if (padding != Padding::kZeros) at = std::clamp(at, 0.0, static_cast<double>(size - 1));
    return at;
  }
  int64_t index(double at) const {
    at = pull(at);
    return at < 0 || at > static_cast<double>(size - 1) ? -1 : static_cast<int64_t>(at);
  }
};

double cubic_weight(double x) {
  x = std::abs(x);
  if (x <= 1) return ((kCubicA + 2) * x - (kCubicA + 3)) * x * x + 1;
  return x < 2 ? ((kCubicA * x - 5 * kCubicA) * x + 8 * kCubicA) * x - 4 * kCubicA : 0;
}

// Taps of one axis for the normalised coordinate. Cubic pads each tap, the others the position.
AxisTaps axis_taps(const Axis& axis, Mode mode, double coordinate) {
  const auto size = static_cast<double>(axis.size);
  double at = axis.align ? (coordinate + 1) / 2 * (size - 1) : ((coordinate + 1) * size - 1) / 2;
  // Far outside, infinite or NaN: any position beyond the axis.
  if (!(std::abs(at) < 1e9)) at = at > 0 ? 1e9 : -1e9;
  AxisTaps taps;
  const auto add = [&](double index, double weight) {
    taps.index[taps.count] = axis.index(index);
    taps.weight[taps.count++] = weight;
  };
  if (mode == Mode::kNearest) {
    add(std::nearbyint(axis.pull(at)), 1);
  } else if (mode == Mode::kLinear) {
    at = axis.pull(at);
    const double floor = std::floor(at);
    add(floor, 1 - (at - floor));
    add(floor + 1, at - floor);
  } else {
    const double floor = std::floor(at);
    for (int i = -1; i <= 2; ++i) add(floor + i, cubic_weight(floor + i - at));
  }
  return taps;
}

using Taps = std::vector<std::pair<int64_t, double>>;  // offset into a plane, weight

// Appends the taps of all axes multiplied out, without zeros. `parts` and `next` are scratch.
void combine(const std::vector<AxisTaps>& axes, const Dims& strides, Taps& parts, Taps& next, Taps& taps) {
  parts.assign(1, {0, 1.0});
  for (size_t a = 0; a < axes.size(); ++a) {
    next.clear();
    for (const auto& [offset, weight] : parts)
      for (int i = 0; i < axes[a].count; ++i)
        if (axes[a].index[i] >= 0 && axes[a].weight[i] != 0) next.emplace_back(offset + axes[a].index[i] * strides[a], weight * axes[a].weight[i]);
    std::swap(parts, next);
  }
  taps.insert(taps.end(), parts.begin(), parts.end());
}

Status evaluate(EvalContext& context) {
  const DType dtype = context.tensor(0).dtype();
  if (!is_float(dtype) && !is_integer(dtype) && dtype != DType::kBool)
    return context.error(
        fmt::format("input 0 is {}: no reference kernel for that element type; insert a Cast", dtype_name(dtype)));
  const Tensor x = widened(context.tensor(0)), grid = widened(context.tensor(1));
  SINTER_ASSIGN(const Shape shape, at_node(context, output_shape(to_shape(x.dims()), to_shape(grid.dims()))));
  const Dims dims = *constant_dims(shape);
  SINTER_TRY(check_output_dims(context, dims));
  if (grid.dim(0) != x.dim(0))
    return context.error(fmt::format("the grid has batch {} but the input {}: expected equal ones; correct the model",
                                     grid.dim(0), x.dim(0)));
  Mode mode = Mode::kLinear;
  Padding padding = Padding::kZeros;
  SINTER_TRY(read(context, mode, padding));
  const Dims spatial(x.dims().begin() + 2, x.dims().end()), strides = row_major_strides(spatial);
  const int64_t plane = product(spatial), positions = product(dims, 2), channels = x.dim(1);
  const size_t rank = spatial.size();
  const bool align = context.attributes().i("align_corners") != 0;
  Tensor y = zeros_f64(dims);
  // Positions in blocks, so that a block's taps serve all channels and a plane stays in cache.
  constexpr int64_t kBlock = 4096;
  Taps taps, parts, next;
  std::vector<AxisTaps> axes(rank);
  std::vector<size_t> ends;
  for (int64_t n = 0; plane > 0 && n < x.dim(0); ++n) {
    for (int64_t first = 0; first < positions; first += kBlock) {
      const int64_t count = std::min(kBlock, positions - first);
      taps.clear();
      ends.clear();
      for (int64_t p = first; p < first + count; ++p) {
        const double* coordinate = grid.data<double>() + (n * positions + p) * static_cast<int64_t>(rank);
        for (size_t a = 0; a < rank; ++a) axes[a] = axis_taps({spatial[a], align, padding}, mode, coordinate[rank - 1 - a]);
        combine(axes, strides, parts, next, taps);
        ends.push_back(taps.size());
      }
      for (int64_t c = 0; c < channels; ++c) {
        const double* from = x.data<double>() + (n * channels + c) * plane;
        double* to = y.data<double>() + (n * channels + c) * positions + first;
        for (size_t p = 0, tap = 0; p < ends.size(); ++p) {
          double sum = 0;
          for (; tap < ends[p]; ++tap) sum += from[taps[tap].first] * taps[tap].second;
          to[p] = sum;
        }
      }
    }
  }
  store(context, 0, dtype, y);
  return ok_status();
}

}  // namespace grid_sample_impl

OpDef define_grid_sample() {
  OpDef op("GridSample", 16);
  op.input("X", "T1")
      .input("grid", "T2")
      .output("Y", "T1")
      .type("T1", kAllTensorTypes & ~(kStringType | kComplexTypes))
      .type("T2", kFloatTypes)
      .attr("align_corners", int64_t{0})
      .attr("mode", std::string("linear"))
      .attr("padding_mode", std::string("zeros"));
  op.infer = grid_sample_impl::infer;
  op.evaluate = grid_sample_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
