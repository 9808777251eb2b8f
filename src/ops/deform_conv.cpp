// DeformConv: Conv whose taps are moved by an offset (one for each output position, kernel position and axis; read with
// linear interpolation, zero outside) and scaled by a mask. Channels are split among offset_group sets of offsets.
#include <cmath>

#include "ops/convolution.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace deform_conv_impl {

Status infer(InferContext& context) { return infer_convolution(context, 0, 1, input_dtype(context, 0)); }

// Multilinear interpolation of a plane; zero outside.
double sample(const double* plane, const Dims& sizes, const Dims& strides, const double* at) {
  const size_t rank = sizes.size();
  double sum = 0;
  for (size_t corner = 0; corner < size_t{1} << rank; ++corner) {
    double weight = 1;
    int64_t offset = 0;
    for (size_t axis = 0; axis < rank && weight != 0; ++axis) {
      const double floor = std::floor(at[axis]), fraction = at[axis] - floor;
      const bool upper = corner >> axis & 1;
      const double index = floor + (upper ? 1 : 0);
      if (!(index >= 0 && index < static_cast<double>(sizes[axis])))
        weight = 0;
      else {
        weight *= upper ? fraction : 1 - fraction;
        offset += static_cast<int64_t>(index) * strides[axis];
      }
    }
    if (weight != 0) sum += weight * plane[offset];
  }
  return sum;
}

struct Plan {
  SlidingWindow window;
  Dims output, spatial, kernel, windows;
  int64_t group = 1, offset_groups = 1;
};

Status read(const EvalContext& context, Plan& plan) {
  const Tensor &x = context.tensor(0), &w = context.tensor(1);
  SINTER_ASSIGN(const Shape shape,
                at_node(context, convolution_shape(context.attributes(), to_shape(x.dims()), to_shape(w.dims()))));
  plan.output = *constant_dims(shape);
  SINTER_TRY(check_output_dims(context, plan.output));
  plan.spatial.assign(x.dims().begin() + 2, x.dims().end());
  plan.kernel.assign(w.dims().begin() + 2, w.dims().end());
  plan.windows.assign(plan.output.begin() + 2, plan.output.end());
  const Shape kernel = to_shape(plan.kernel);
  SINTER_ASSIGN(plan.window, at_node(context, read_window(context.attributes(), x.rank() - 2, &kernel)));
  plan.group = context.attributes().i("group");
  plan.offset_groups = context.attributes().i("offset_group");
  if (plan.offset_groups < 1 || x.dim(1) % plan.offset_groups != 0)
    return context.error(
        fmt::format("attribute 'offset_group' is {} for {} channels: expected a divisor; correct the model",
                    plan.offset_groups, x.dim(1)));
  const int64_t taps = product(plan.kernel), rank = static_cast<int64_t>(plan.kernel.size());
  Dims offsets{x.dim(0), plan.offset_groups * taps * rank}, mask{x.dim(0), plan.offset_groups * taps};
  offsets.insert(offsets.end(), plan.windows.begin(), plan.windows.end());
  mask.insert(mask.end(), plan.windows.begin(), plan.windows.end());
  SINTER_TRY(check_dims(context, 2, offsets));
  SINTER_TRY(check_bias(context, 3, plan.output[1]));
  return context.has_input(4) ? check_dims(context, 4, mask) : ok_status();
}

// The samples of one channel under every tap at every output position: [taps, positions].
void gather(const Plan& plan, const double* plane, const double* offsets, const double* mask, double* columns) {
  const int64_t positions = product(plan.windows);
  const Dims strides = row_major_strides(plan.spatial);
  const size_t rank = plan.spatial.size();
  std::vector<double> at(rank);
  int64_t tap = 0;
  for_each_index(plan.kernel, [&](const Dims& k) {
    int64_t p = 0;
    for_each_index(plan.windows, [&](const Dims& position) {
      for (size_t axis = 0; axis < rank; ++axis)
        at[axis] = static_cast<double>(position[axis] * plan.window.strides[axis] - plan.window.pads_begin[axis] +
                                       k[axis] * plan.window.dilations[axis]) +
                   offsets[(tap * static_cast<int64_t>(rank) + static_cast<int64_t>(axis)) * positions + p];
      columns[tap * positions + p] =
          sample(plane, plan.spatial, strides, at.data()) * (mask ? mask[tap * positions + p] : 1);
      ++p;
    });
    ++tap;
  });
}

Status evaluate(EvalContext& context) {
  Plan plan;
  SINTER_TRY(read(context, plan));
  const Tensor x = widened(context.tensor(0)), w = widened(context.tensor(1)), offsets = widened(context.tensor(2));
  const Tensor bias = context.has_input(3) ? widened(context.tensor(3)) : zeros_f64({plan.output[1]});
  const Tensor mask = context.has_input(4) ? widened(context.tensor(4)) : Tensor();
  const int64_t channels = x.dim(1), own = channels / plan.group, filters = plan.output[1] / plan.group,
                taps = product(plan.kernel);
  const int64_t positions = product(plan.windows), plane = product(plan.spatial),
                rank = static_cast<int64_t>(plan.kernel.size());
  Tensor y(DType::kF64, plan.output);
  std::vector<double> columns(static_cast<size_t>(own * taps * positions));
  for (int64_t i = 0; i < plan.output[0] * plan.output[1]; ++i)
    std::fill_n(y.data<double>() + i * positions, positions, bias.data<double>()[i % plan.output[1]]);
  for (int64_t block = 0; block < x.dim(0) * plan.group; ++block) {
    const int64_t n = block / plan.group, first = block % plan.group * own;
    for (int64_t c = 0; c < own; ++c) {
      const int64_t set = n * plan.offset_groups + (first + c) / (channels / plan.offset_groups);
      gather(plan, x.data<double>() + (n * channels + first + c) * plane,
             offsets.data<double>() + set * taps * rank * positions,
             mask.defined() ? mask.data<double>() + set * taps * positions : nullptr,
             columns.data() + c * taps * positions);
    }
    multiply_add(w.data<double>() + block % plan.group * filters * own * taps, columns.data(), filters, own * taps,
                 positions, y.data<double>() + block * filters * positions, positions);
  }
  store(context, 0, context.tensor(0).dtype(), y);
  return ok_status();
}

}  // namespace deform_conv_impl

OpDef define_deform_conv() {
  OpDef op("DeformConv", 19);
  op.input("X", "T")
      .input("W", "T")
      .input("offset", "T")
      .input("B", "T", ParamKind::kOptional)
      .input("mask", "T", ParamKind::kOptional)
      .output("Y", "T")
      .type("T", kFloatTypes)
      .attr("dilations", AttrKind::kInts, false)
      .attr("group", int64_t{1})
      .attr("kernel_shape", AttrKind::kInts, false)
      .attr("offset_group", int64_t{1})
      .attr("pads", AttrKind::kInts, false)
      .attr("strides", AttrKind::kInts, false);
  op.infer = deform_conv_impl::infer;
  op.evaluate = deform_conv_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
