// Resize: the tensor resampled to given scales or sizes along some axes. Inputs: X, roi, scales, sizes; exactly one of
// scales and sizes is given (an empty tensor counts as absent, as opset 11 needs it).
#include <algorithm>
#include <cmath>

#include "ops/indexing.h"
#include "ops/resampling.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace resize_impl {

enum class Policy { kStretch, kNotLarger, kNotSmaller };

template <typename Context>
Status read_axes(const Context& context, int rank, std::vector<int>& axes) {
  std::vector<int64_t> given = context.attributes().ints_or("axes", {});
  if (given.empty())
    for (int i = 0; i < rank; ++i) given.push_back(i);
  return check_axes(context, given, rank, axes);
}

template <typename Context, typename T>
Status read_choice(const Context& context, std::string_view attribute,
                   const std::vector<std::pair<std::string_view, T>>& choices, T& out) {
  const std::string value = context.attributes().s_or(attribute, choices.front().first);
  std::string names;
  for (const auto& [name, choice] : choices) {
    if (name == value) {
      out = choice;
      return ok_status();
    }
    names += names.empty() ? "" : ", ";
    names += name;
  }
  return context.error(
      fmt::format("attribute '{}' is '{}': expected one of {}; correct the model", attribute, value, names));
}

template <typename Context>
Status read_policy(const Context& context, Policy& policy) {
  return read_choice<Context, Policy>(
      context, "keep_aspect_ratio_policy",
      {{"stretch", Policy::kStretch}, {"not_larger", Policy::kNotLarger}, {"not_smaller", Policy::kNotSmaller}},
      policy);
}

// The common factor of sizes that keep the aspect ratio.
double common_scale(Policy policy, const Dims& input, const std::vector<int>& axes, const std::vector<int64_t>& sizes) {
  double scale = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    const double own = static_cast<double>(sizes[i]) / static_cast<double>(input[axes[i]]);
    if (i == 0 || (policy == Policy::kNotLarger ? own < scale : own > scale)) scale = own;
  }
  return scale;
}

int64_t round_half_up(double value) { return static_cast<int64_t>(std::floor(std::clamp(value, 0.0, 1e15) + 0.5)); }

bool crops(const Attributes& attributes) {
  return attributes.s_or("coordinate_transformation_mode", "") == "tf_crop_and_resize";
}

Status infer_sizes(InferContext& context, const std::vector<int>& axes, Shape& shape) {
  Policy policy = Policy::kStretch;
  SINTER_TRY(read_policy(context, policy));
  const auto elements = context.input_elements(3);
  const auto numbers = constant_elements(context, 3);
  const auto input = constant_dims(shape);
  if (elements && elements->elements.size() != axes.size())
    return context.error(
        fmt::format("'sizes' has {} values for {} axes; correct the model", elements->elements.size(), axes.size()));
  const bool keeps = policy != Policy::kStretch;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (!keeps && elements)
      shape[axes[i]] = elements->elements[i];
    else if (keeps && numbers && input)
      shape[axes[i]] =
          round_half_up(common_scale(policy, *input, axes, *numbers) * static_cast<double>((*input)[axes[i]]));
    else
      shape[axes[i]] = context.fresh_symbol(fmt::format("resized{}", axes[i]));
  }
  return ok_status();
}

Status infer_scales(InferContext& context, const std::vector<int>& axes, Shape& shape) {
  const Tensor* scales = context.input_constant(2);
  const std::vector<double> values = scales ? scales->to_f64() : std::vector<double>();
  if (scales && values.size() != axes.size())
    return context.error(
        fmt::format("'scales' has {} values for {} axes; correct the model", values.size(), axes.size()));
  for (size_t i = 0; i < axes.size(); ++i) {
    std::optional<Dim> size;
    const bool known = scales && (!crops(context.attributes()) || values[i] == 1);
    if (known) size = scaled_dim(shape[axes[i]], static_cast<float>(values[i]));
    if ((known && !(values[i] > 0)) || (size && size->is_constant() && size->value() < 0))
      return context.error(
          fmt::format("'scales' holds {}: expected positive finite numbers; correct the model", values[i]));
    shape[axes[i]] = size ? *size : context.fresh_symbol(fmt::format("resized{}", axes[i]));
  }
  return ok_status();
}

// An input that is there and not an empty tensor.
bool given(const InferContext& context, int input) {
  if (!context.has_input(input)) return false;
  const Tensor* constant = context.input_constant(input);
  const Shape* shape = context.input_shape(input);
  return !(constant && constant->count() == 0) && !(shape && shape->size() == 1 && (*shape)[0].is(0));
}

Status infer(InferContext& context) {
  std::optional<Shape> shape;
  if (const Shape* x = context.input_shape(0)) {
    shape = *x;
    std::vector<int> axes;
    SINTER_TRY(read_axes(context, static_cast<int>(x->size()), axes));
    if (given(context, 3))
      SINTER_TRY(infer_sizes(context, axes, *shape));
    else if (given(context, 2))
      SINTER_TRY(infer_scales(context, axes, *shape));
    else
      return context.error("neither 'scales' nor 'sizes' is given: expected one of them; correct the model");
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  return ok_status();
}

Status read_plan(const EvalContext& context, Resampling& plan) {
  using R = Resampling;
  const Attributes& attributes = context.attributes();
  SINTER_TRY((read_choice<EvalContext, R::Mode>(
      context, "mode", {{"nearest", R::Mode::kNearest}, {"linear", R::Mode::kLinear}, {"cubic", R::Mode::kCubic}},
      plan.mode)));
  SINTER_TRY((read_choice<EvalContext, R::Coordinates>(context, "coordinate_transformation_mode",
                                                       {{"half_pixel", R::Coordinates::kHalfPixel},
                                                        {"half_pixel_symmetric", R::Coordinates::kHalfPixelSymmetric},
                                                        {"pytorch_half_pixel", R::Coordinates::kPytorchHalfPixel},
                                                        {"align_corners", R::Coordinates::kAlignCorners},
                                                        {"asymmetric", R::Coordinates::kAsymmetric},
                                                        {"tf_half_pixel_for_nn", R::Coordinates::kHalfPixelForNearest},
                                                        {"tf_crop_and_resize", R::Coordinates::kCropAndResize}},
                                                       plan.coordinates)));
  SINTER_TRY((read_choice<EvalContext, R::Rounding>(context, "nearest_mode",
                                                    {{"round_prefer_floor", R::Rounding::kPreferFloor},
                                                     {"round_prefer_ceil", R::Rounding::kPreferCeil},
                                                     {"floor", R::Rounding::kFloor},
                                                     {"ceil", R::Rounding::kCeil}},
                                                    plan.rounding)));
  plan.antialias = attributes.i_or("antialias", 0) != 0;
  plan.exclude_outside = attributes.i_or("exclude_outside", 0) != 0;
  plan.cubic_a = attributes.f_or("cubic_coeff_a", -0.75f);
  plan.extrapolation = attributes.f_or("extrapolation_value", 0);
  return ok_status();
}

Status read_roi(const EvalContext& context, const std::vector<int>& axes, Resampling& plan) {
  if (plan.coordinates != Resampling::Coordinates::kCropAndResize) return ok_status();
  if (!context.has_input(1) || context.tensor(1).count() != static_cast<int64_t>(2 * axes.size()))
    return context.error(
        fmt::format("'roi' does not have {} values, as tf_crop_and_resize needs; correct the model", 2 * axes.size()));
  const std::vector<double> roi = context.tensor(1).to_f64();
  for (size_t i = 0; i < axes.size(); ++i) {
    plan.axes[axes[i]].roi_begin = roi[i];
    plan.axes[axes[i]].roi_end = roi[i + axes.size()];
  }
  return ok_status();
}

Status apply_sizes(const EvalContext& context, const std::vector<int>& axes, Resampling& plan) {
  const Dims& input = context.tensor(0).dims();
  const std::vector<int64_t> sizes = context.tensor(3).to_i64();
  Policy policy = Policy::kStretch;
  SINTER_TRY(read_policy(context, policy));
  if (sizes.size() != axes.size())
    return context.error(
        fmt::format("'sizes' has {} values for {} axes; correct the model", sizes.size(), axes.size()));
  for (size_t i = 0; i < axes.size(); ++i) {
    if (sizes[i] < 0 || input[axes[i]] < 1)
      return context.error(fmt::format("axis {} of size {} is to become {}: expected positive sizes; correct the model",
                                       axes[i], input[axes[i]], sizes[i]));
    Resampling::Axis& axis = plan.axes[axes[i]];
    if (policy == Policy::kStretch) {
      axis.output = sizes[i];
      axis.sized = true;
      axis.scale = static_cast<double>(sizes[i]) / static_cast<double>(input[axes[i]]);
    } else {
      axis.scale = common_scale(policy, input, axes, sizes);
      axis.output = round_half_up(axis.scale * static_cast<double>(input[axes[i]]));
    }
  }
  return ok_status();
}

Status apply_scales(const EvalContext& context, const std::vector<int>& axes, Resampling& plan) {
  const Dims& input = context.tensor(0).dims();
  const std::vector<double> scales = context.tensor(2).to_f64();
  if (scales.size() != axes.size())
    return context.error(
        fmt::format("'scales' has {} values for {} axes; correct the model", scales.size(), axes.size()));
  for (size_t i = 0; i < axes.size(); ++i) {
    Resampling::Axis& axis = plan.axes[axes[i]];
    axis.scale = scales[i];
    axis.output = scaled_size(input[axes[i]], static_cast<float>(scales[i] * (axis.roi_end - axis.roi_begin)));
    if (!(scales[i] > 0) || axis.output < 0)
      return context.error(
          fmt::format("'scales' holds {}: expected positive finite numbers; correct the model", scales[i]));
  }
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  Resampling plan;
  SINTER_TRY(read_plan(context, plan));
  std::vector<int> axes;
  SINTER_TRY(read_axes(context, x.rank(), axes));
  plan.axes.resize(x.rank());
  for (int i = 0; i < x.rank(); ++i) plan.axes[i].output = x.dim(i);
  SINTER_TRY(read_roi(context, axes, plan));
  if (context.has_input(3) && context.tensor(3).count() > 0)
    SINTER_TRY(apply_sizes(context, axes, plan));
  else if (context.has_input(2) && context.tensor(2).count() > 0)
    SINTER_TRY(apply_scales(context, axes, plan));
  else if (!axes.empty())
    return context.error("neither 'scales' nor 'sizes' is given: expected one of them; correct the model");
  return resample(context, plan);
}

}  // namespace resize_impl

OpDef define_resize() {
  OpDef op("Resize", 11);
  op.input("X", "T1")
      .input("roi", "T2", ParamKind::kOptional)
      .input("scales", "F32", ParamKind::kOptional)
      .input("sizes", "I64", ParamKind::kOptional)
      .output("Y", "T1")
      .type("T1", kAllTensorTypes)
      .type("T2", dtype_set(DType::kF32, DType::kF16, DType::kF64))
      .type("F32", dtype_set(DType::kF32))
      .type("I64", dtype_set(DType::kI64))
      .attr("antialias", int64_t{0})
      .attr("axes", AttrKind::kInts, false)
      .attr("coordinate_transformation_mode", std::string("half_pixel"))
      .attr("cubic_coeff_a", -0.75f)
      .attr("exclude_outside", int64_t{0})
      .attr("extrapolation_value", 0.0f)
      .attr("keep_aspect_ratio_policy", std::string("stretch"))
      .attr("mode", std::string("nearest"))
      .attr("nearest_mode", std::string("round_prefer_floor"));
  op.infer = resize_impl::infer;
  op.evaluate = resize_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
