// Convolution as a product of the weights with the gathered windows, a few hundred output positions at a time.
#include "ops/convolution.h"

#include <algorithm>

#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace {

constexpr int64_t kPositions =
    256;  // gathered at a time: the accumulators of four channels stay in the first-level cache

struct ConvGeometry {
  Dims spatial, strides, kernel, windows;
  SlidingWindow window;
};

// Input offset in a plane of kernel position `k` for the positions [first, first + count); -1 in the padding.
void tap_offsets(const ConvGeometry& g, const Dims& k, int64_t first, int64_t count, int64_t* offsets) {
  const int rank = static_cast<int>(g.windows.size());
  Dims position(rank);
  int64_t rest = first;
  for (int axis = rank; axis-- > 0;) {
    position[axis] = rest % g.windows[axis];
    rest /= g.windows[axis];
  }
  for (int64_t i = 0; i < count; ++i) {
    int64_t offset = 0;
    for (int axis = 0; axis < rank; ++axis) {
      const int64_t at =
          position[axis] * g.window.strides[axis] - g.window.pads_begin[axis] + k[axis] * g.window.dilations[axis];
      if (at < 0 || at >= g.spatial[axis]) {
        offset = -1;
        break;
      }
      offset += at * g.strides[axis];
    }
    offsets[i] = offset;
    for (int axis = rank; axis-- > 0;) {
      if (++position[axis] < g.windows[axis]) break;
      position[axis] = 0;
    }
  }
}

// columns[(channel, kernel position), i]: what the weights of one group meet at the positions from `first` on.
template <typename T>
void gather_windows(const ConvGeometry& g, const T* planes, int64_t channels, int64_t first, int64_t count,
                    double* columns) {
  const int64_t taps = product(g.kernel), plane = product(g.spatial);
  std::vector<int64_t> offsets(static_cast<size_t>(count));
  int64_t tap = 0;
  for_each_index(g.kernel, [&](const Dims& k) {
    tap_offsets(g, k, first, count, offsets.data());
    for (int64_t c = 0; c < channels; ++c) {
      double* to = columns + (c * taps + tap) * count;
      const T* from = planes + c * plane;
      for (int64_t i = 0; i < count; ++i) to[i] = offsets[i] < 0 ? 0.0 : static_cast<double>(from[offsets[i]]);
    }
    ++tap;
  });
}

}  // namespace

void convolution_attributes(OpDef& op) {
  op.attr("auto_pad", std::string("NOTSET"))
      .attr("dilations", AttrKind::kInts, false)
      .attr("group", int64_t{1})
      .attr("kernel_shape", AttrKind::kInts, false)
      .attr("pads", AttrKind::kInts, false)
      .attr("strides", AttrKind::kInts, false);
}

Result<Shape> convolution_shape(const Attributes& attributes, const Shape& x, const Shape& w) {
  const int64_t group = attributes.i("group");
  if (w.size() != x.size())
    return make_error(Code::kInvalidModel,
                      "the weights {} have rank {} but the input {} has rank {}: expected equal ranks; correct "
                      "the model",
                      to_string(w), w.size(), to_string(x), x.size());
  if (group < 1)
    return make_error(Code::kInvalidModel, "attribute 'group' is {}: expected at least 1; correct the model", group);
  const Shape kernel(w.begin() + std::min<size_t>(2, w.size()), w.end());
  SINTER_ASSIGN(const SlidingWindow window, read_window(attributes, static_cast<int>(x.size()) - 2, &kernel));
  if (x[1].is_constant() && w[1].is_constant() && x[1] != w[1] * Dim(group))
    return make_error(Code::kInvalidModel,
                      "the weights are {} but the input {} has {} channels with group={}: weight dim 1 must be "
                      "{}; check the exporter",
                      to_string(w), to_string(x), x[1].value(), group, x[1].value() / group);
  if (w[0].is_constant() && w[0].value() % group != 0)
    return make_error(Code::kInvalidModel,
                      "the weights are {} with group={}: expected weight dim 0 to be a multiple of the group; "
                      "correct the model",
                      to_string(w), group);
  SINTER_ASSIGN(Shape shape, window_counts(window, x));
  shape.insert(shape.begin(), {x[0], w[0]});
  return shape;
}

Status infer_convolution(InferContext& context, int x, int w, DType dtype) {
  std::optional<Shape> shape;
  if (context.input_shape(x) && context.input_shape(w)) {
    SINTER_ASSIGN(shape, at_node(context, convolution_shape(context.attributes(), *context.input_shape(x),
                                                            *context.input_shape(w))));
  }
  context.set_output(0, ValueType::tensor(dtype, std::move(shape)));
  return ok_status();
}

Result<Tensor> convolve(const Attributes& attributes, const Tensor& x, const Tensor& w, const Tensor& bias) {
  const Shape weights = to_shape(w.dims());
  SINTER_ASSIGN(const Shape shape, convolution_shape(attributes, to_shape(x.dims()), weights));
  const Dims dims = *constant_dims(shape);
  if (!checked_count(dims))
    return make_error(Code::kOutOfMemory, "the output would be {}: too large; correct the model or its inputs",
                      to_string(dims));
  ConvGeometry g;
  const Shape kernel(weights.begin() + 2, weights.end());
  SINTER_ASSIGN(g.window, read_window(attributes, x.rank() - 2, &kernel));
  resolve_pads(g.window, x.dims());
  g.spatial.assign(x.dims().begin() + 2, x.dims().end());
  g.strides = row_major_strides(g.spatial);
  g.kernel = *constant_dims(kernel);
  g.windows.assign(dims.begin() + 2, dims.end());

  const int64_t group = attributes.i("group"), channels = w.dim(1), rows = dims[1] / group;
  const int64_t positions = product(g.windows), plane = product(g.spatial), depth = channels * product(g.kernel);
  Tensor y(DType::kF64, dims);
  for (int64_t i = 0; i < dims[0] * dims[1]; ++i)
    std::fill_n(y.data<double>() + i * positions, positions, bias.defined() ? bias.data<double>()[i % dims[1]] : 0.0);
  const Tensor filters = widened(w);
  std::vector<double> columns(static_cast<size_t>(depth * std::min(positions, kPositions)));
  for (int64_t block = 0; block < dims[0] * group; ++block) {
    const int64_t from = block * channels * plane, g_index = block % group;
    for (int64_t first = 0; first < positions; first += kPositions) {
      const int64_t count = std::min(kPositions, positions - first);
      if (x.dtype() == DType::kF64)
        gather_windows(g, x.data<double>() + from, channels, first, count, columns.data());
      else
        gather_windows(g, x.data<float>() + from, channels, first, count, columns.data());
      multiply_add(filters.data<double>() + g_index * rows * depth, columns.data(), rows, depth, count,
                   y.data<double>() + block * rows * positions + first, positions);
    }
  }
  return y;
}

Status check_bias(const EvalContext& context, int input, int64_t channels) {
  return context.has_input(input) ? check_dims(context, input, {channels}) : ok_status();
}

}  // namespace sinter::ops
