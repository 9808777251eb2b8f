// ConvTranspose: the gradient of Conv with respect to its input: y[n, m, i·stride - pad + k·dilation] += x[n,c,i] ·
// w[c,m,k], plus the bias. With output_shape the padding follows from it (begin = end, the odd one at the end for
// SAME_UPPER, else at the begin).
#include <algorithm>

#include "ops/convolution.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace conv_transpose_impl {

struct Plan {
  SlidingWindow window;
  Dims output_padding;
  std::vector<int64_t> output_shape;  // spatial; empty: computed
  int64_t group = 1;
};

Result<Plan> read(const Attributes& attributes, const Shape& x, const Shape& w) {
  Plan plan;
  plan.group = attributes.i("group");
  if (x.size() < 3 || w.size() != x.size())
    return make_error(Code::kInvalidModel,
                      "the input is {} and the weights {}: expected equal ranks of at least 3; correct the model",
                      to_string(x), to_string(w));
  const Shape kernel(w.begin() + 2, w.end());
  const size_t spatial = kernel.size();
  SINTER_ASSIGN(plan.window, read_window(attributes, static_cast<int>(spatial), &kernel));
  if (plan.group < 1 || (x[1].is_constant() && x[1].value() % plan.group != 0))
    return make_error(Code::kInvalidModel,
                      "attribute 'group' is {} for {} channels: expected a divisor; correct the model", plan.group,
                      x[1].to_string());
  if (x[1].is_constant() && w[0].is_constant() && x[1] != w[0])
    return make_error(Code::kInvalidModel,
                      "the weights are {} but the input {} has {} channels: weight dim 0 must be equal; check the "
                      "exporter",
                      to_string(w), to_string(x), x[1].value());
  plan.output_padding = attributes.ints_or("output_padding", {});
  if (plan.output_padding.empty()) plan.output_padding.assign(spatial, 0);
  plan.output_shape = attributes.ints_or("output_shape", {});
  // Some exporters give the whole shape, N and C included.
  if (plan.output_shape.size() == spatial + 2)
    plan.output_shape.erase(plan.output_shape.begin(), plan.output_shape.begin() + 2);
  if (plan.output_padding.size() != spatial || (!plan.output_shape.empty() && plan.output_shape.size() != spatial))
    return make_error(Code::kInvalidModel,
                      "'output_padding' has {} values and 'output_shape' {}: expected {} each; correct the model",
                      plan.output_padding.size(), plan.output_shape.size(), spatial);
  for (const int64_t value : plan.output_padding)
    if (value < 0 || value > (int64_t{1} << 31))
      return make_error(Code::kInvalidModel,
                        "'output_padding' holds {}: expected values of at least 0; correct the model", value);
  for (const int64_t value : plan.output_shape)
    if (value < 1 || value > (int64_t{1} << 40))
      return make_error(Code::kInvalidModel, "'output_shape' holds {}: expected positive sizes; correct the model",
                        value);
  return plan;
}

bool same(const SlidingWindow& window) {
  return window.auto_pad == SlidingWindow::AutoPad::kSameUpper || window.auto_pad == SlidingWindow::AutoPad::kSameLower;
}

// Size of the axis before any padding is cut off.
Dim full_size(const Plan& plan, int axis, const Dim& input) {
  return (input - 1) * Dim(plan.window.strides[axis]) + Dim(plan.output_padding[axis]) + plan.window.extent(axis);
}

Result<Shape> output_shape(const Plan& plan, const Shape& x, const Shape& w) {
  Shape shape{x[0], w[1] * Dim(plan.group)};
  for (int axis = 0; axis < plan.window.rank(); ++axis) {
    if (!plan.output_shape.empty())
      shape.push_back(plan.output_shape[axis]);
    else if (same(plan.window))
      shape.push_back(x[axis + 2] * Dim(plan.window.strides[axis]));
    else
      shape.push_back(full_size(plan, axis, x[axis + 2]) -
                      Dim(plan.window.pads_begin[axis] + plan.window.pads_end[axis]));
    if (shape.back().is_constant() && shape.back().value() < 1)
      return make_error(Code::kInvalidModel,
                        "spatial axis {} of the output would have size {}: expected at least 1; use less padding", axis,
                        shape.back().value());
  }
  return shape;
}

// Padding that the wanted output size leaves.
void resolve(Plan& plan, const Dims& input, const Dims& output) {
  SlidingWindow& window = plan.window;
  if (plan.output_shape.empty() && !same(window)) return;
  for (int axis = 0; axis < window.rank(); ++axis) {
    const int64_t total = std::max<int64_t>(0, full_size(plan, axis, input[axis + 2]).value() - output[axis + 2]);
    window.pads_begin[axis] = window.auto_pad == SlidingWindow::AutoPad::kSameUpper ? total / 2 : total - total / 2;
    window.pads_end[axis] = total - window.pads_begin[axis];
  }
}

Status infer(InferContext& context) {
  std::optional<Shape> shape;
  const Shape *x = context.input_shape(0), *w = context.input_shape(1);
  if (x && w) {
    SINTER_ASSIGN(const Plan plan, at_node(context, read(context.attributes(), *x, *w)));
    SINTER_ASSIGN(shape, at_node(context, output_shape(plan, *x, *w)));
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  return ok_status();
}

// Adds product[(m, k), i] of one group's input positions to the output planes.
void scatter(const Plan& plan, const Dims& kernel, const Dims& in, const Dims& out, int64_t filters,
             const double* values, double* planes) {
  const Dims strides = row_major_strides(out);
  const int64_t plane = product(out), positions = product(in), taps = product(kernel);
  std::vector<int64_t> offsets(static_cast<size_t>(positions));
  int64_t tap = 0;
  for_each_index(kernel, [&](const Dims& k) {
    int64_t i = 0;
    for_each_index(in, [&](const Dims& position) {
      int64_t offset = 0;
      for (size_t axis = 0; axis < in.size(); ++axis) {
        const int64_t at = position[axis] * plan.window.strides[axis] + k[axis] * plan.window.dilations[axis] -
                           plan.window.pads_begin[axis];
        if (at < 0 || at >= out[axis]) {
          offset = -1;
          break;
        }
        offset += at * strides[axis];
      }
      offsets[i++] = offset;
    });
    for (int64_t m = 0; m < filters; ++m) {
      const double* from = values + (m * taps + tap) * positions;
      for (int64_t p = 0; p < positions; ++p)
        if (offsets[p] >= 0) planes[m * plane + offsets[p]] += from[p];
    }
    ++tap;
  });
}

Status evaluate(EvalContext& context) {
  const Tensor &x = context.tensor(0), &w = context.tensor(1);
  SINTER_ASSIGN(Plan plan, at_node(context, read(context.attributes(), to_shape(x.dims()), to_shape(w.dims()))));
  SINTER_ASSIGN(const Shape shape, at_node(context, output_shape(plan, to_shape(x.dims()), to_shape(w.dims()))));
  const Dims dims = *constant_dims(shape);
  SINTER_TRY(check_output_dims(context, dims));
  SINTER_TRY(check_bias(context, 2, dims[1]));
  resolve(plan, x.dims(), dims);

  const Dims in(x.dims().begin() + 2, x.dims().end()), out(dims.begin() + 2, dims.end());
  const Dims kernel(w.dims().begin() + 2, w.dims().end());
  const int64_t channels = x.dim(1) / plan.group, filters = w.dim(1), taps = product(kernel), positions = product(in);
  const int64_t plane = product(out);
  Tensor y = zeros_f64(dims);
  const Tensor input = multiplicand(x), weights = multiplicand(w);
  std::vector<double> product_of(static_cast<size_t>(filters * taps * positions));
  for (int64_t block = 0; block < x.dim(0) * plan.group; ++block) {
    const int64_t g = block % plan.group;
    multiply({&weights, g * channels * filters * taps, 1, filters * taps},
             {&input, block * channels * positions, positions, 1}, filters * taps, channels, positions,
             product_of.data());
    scatter(plan, kernel, in, out, filters, product_of.data(), y.data<double>() + block * filters * plane);
  }
  if (context.has_input(2)) {
    const Tensor bias = widened(context.tensor(2));
    for (int64_t i = 0; i < y.count(); ++i) y.data<double>()[i] += bias.data<double>()[i / plane % dims[1]];
  }
  store(context, 0, x.dtype(), y);
  return ok_status();
}

}  // namespace conv_transpose_impl

OpDef define_conv_transpose() {
  OpDef op("ConvTranspose", 1);
  op.input("X", "T")
      .input("W", "T")
      .input("B", "T", ParamKind::kOptional)
      .output("Y", "T")
      .type("T", kFloatTypes)
      .attr("auto_pad", std::string("NOTSET"))
      .attr("dilations", AttrKind::kInts, false)
      .attr("group", int64_t{1})
      .attr("kernel_shape", AttrKind::kInts, false)
      .attr("output_padding", AttrKind::kInts, false)
      .attr("output_shape", AttrKind::kInts, false)
      .attr("pads", AttrKind::kInts, false)
      .attr("strides", AttrKind::kInts, false);
  op.infer = conv_transpose_impl::infer;
  op.evaluate = conv_transpose_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
