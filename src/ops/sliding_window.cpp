// Geometry of sliding windows, and the loops of pools over it.
#include "ops/sliding_window.h"

#include <algorithm>

#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace {

constexpr int64_t kMaxWindowValue = int64_t{1} << 31;  // keeps products of two in int64

Status check_window_values(std::string_view name, const std::vector<int64_t>& values, size_t count, int64_t least) {
  if (values.size() != count)
    return make_error(Code::kInvalidModel,
                      "attribute '{}' has {} values: expected {} for this input's rank; correct the model", name,
                      values.size(), count);
  for (const int64_t value : values)
    if (value < least || value > kMaxWindowValue)
      return make_error(Code::kInvalidModel, "attribute '{}' holds {}: expected values in [{},{}]; correct the model",
                        name, value, least, kMaxWindowValue);
  return ok_status();
}

}  // namespace

Result<SlidingWindow> read_window(const Attributes& attributes, int spatial, const Shape* weights) {
  SlidingWindow window;
  if (spatial < 1)
    return make_error(Code::kInvalidModel,
                      "the input has rank {}: expected at least 3 (N, C and spatial axes); add an Unsqueeze",
                      spatial + 2);
  const auto count = static_cast<size_t>(spatial);
  const std::string auto_pad = attributes.s_or("auto_pad", "NOTSET");
  if (auto_pad == "SAME_UPPER")
    window.auto_pad = SlidingWindow::AutoPad::kSameUpper;
  else if (auto_pad == "SAME_LOWER")
    window.auto_pad = SlidingWindow::AutoPad::kSameLower;
  else if (auto_pad == "VALID")
    window.auto_pad = SlidingWindow::AutoPad::kValid;
  else if (auto_pad != "NOTSET" && !auto_pad.empty())
    return make_error(
        Code::kInvalidModel,
        "attribute 'auto_pad' is '{}': expected NOTSET, SAME_UPPER, SAME_LOWER or VALID; correct the model", auto_pad);
  window.ceil_mode = attributes.i_or("ceil_mode", 0) != 0;

  const std::vector<int64_t> kernel = attributes.ints_or("kernel_shape", {});
  if (!kernel.empty()) {
    SINTER_TRY(check_window_values("kernel_shape", kernel, count, 1));
    window.kernel = to_shape(kernel);
    if (weights)
      for (size_t i = 0; i < count; ++i)
        if ((*weights)[i].is_constant() && !(*weights)[i].is(kernel[i]))
          return make_error(Code::kInvalidModel,
                            "attribute 'kernel_shape' is {} but the weights' kernel is {}: expected equal sizes; "
                            "correct the model",
                            to_string(kernel), to_string(*weights));
  } else if (weights) {
    window.kernel = *weights;
  } else {
    return make_error(Code::kInvalidModel, "attribute 'kernel_shape' is missing: expected {} sizes; correct the model",
                      count);
  }
  for (const Dim& size : window.kernel)
    if (size.is_constant() && (size.value() < 1 || size.value() > kMaxWindowValue))
      return make_error(Code::kInvalidModel, "the kernel is {}: expected sizes of at least 1; correct the model",
                        to_string(window.kernel));

  window.strides = attributes.ints_or("strides", {});
  if (window.strides.empty()) window.strides.assign(count, 1);
  SINTER_TRY(check_window_values("strides", window.strides, count, 1));
  window.dilations = attributes.ints_or("dilations", {});
  if (window.dilations.empty()) window.dilations.assign(count, 1);
  SINTER_TRY(check_window_values("dilations", window.dilations, count, 1));

  window.pads_begin.assign(count, 0);
  window.pads_end.assign(count, 0);
  const std::vector<int64_t> pads = attributes.ints_or("pads", {});
  if (window.auto_pad == SlidingWindow::AutoPad::kNotSet && !pads.empty()) {
    SINTER_TRY(check_window_values("pads", pads, 2 * count, 0));
    window.pads_begin.assign(pads.begin(), pads.begin() + spatial);
    window.pads_end.assign(pads.begin() + spatial, pads.end());
  }
  return window;
}

Dim window_count(const SlidingWindow& window, int axis, const Dim& input) {
  const Dim stride = window.strides[axis];
  if (window.auto_pad == SlidingWindow::AutoPad::kSameUpper || window.auto_pad == SlidingWindow::AutoPad::kSameLower)
    return ceildiv(input, stride);
  const Dim room = input + Dim(window.pads_begin[axis]) + Dim(window.pads_end[axis]) - window.extent(axis);
  if (!window.ceil_mode || window.auto_pad == SlidingWindow::AutoPad::kValid) return floordiv(room, stride) + 1;
  // The last window must begin inside the input or the padding before it.
  const Dim begun = ceildiv(input + Dim(window.pads_begin[axis]), stride);
  return min(ceildiv(room, stride) + 1, begun);
}

Result<Shape> window_counts(const SlidingWindow& window, const Shape& input) {
  Shape counts;
  for (int axis = 0; axis < window.rank(); ++axis) {
    counts.push_back(window_count(window, axis, input[axis + 2]));
    if (counts.back().is_constant() && counts.back().value() < 1)
      return make_error(
          Code::kInvalidModel,
          "spatial axis {} of the input {} is too small: expected at least {} with the padding for the dilated kernel; "
          "use a larger input or more padding",
          axis, to_string(input), window.extent(axis).to_string());
  }
  return counts;
}

void resolve_pads(SlidingWindow& window, const Dims& input) {
  const bool upper = window.auto_pad == SlidingWindow::AutoPad::kSameUpper;
  if (!upper && window.auto_pad != SlidingWindow::AutoPad::kSameLower) return;
  for (int axis = 0; axis < window.rank(); ++axis) {
    const int64_t stride = window.strides[axis], size = input[axis + 2];
    const int64_t windows = (size + stride - 1) / stride;
    const int64_t total = std::max<int64_t>(0, (windows - 1) * stride + window.extent(axis).value() - size);
    const int64_t smaller = total / 2;
    window.pads_begin[axis] = upper ? smaller : total - smaller;
    window.pads_end[axis] = total - window.pads_begin[axis];
  }
}

WindowTaps window_taps(const SlidingWindow& window, const Dims& input, const Dims& output) {
  const Dims spatial(input.begin() + 2, input.end()), windows(output.begin() + 2, output.end());
  const Dims strides = row_major_strides(spatial);
  const Dims kernel = *constant_dims(window.kernel);
  WindowTaps taps;
  taps.begin.push_back(0);
  for_each_index(windows, [&](const Dims& position) {
    int64_t included = 0;
    for_each_index(kernel, [&](const Dims& k) {
      int64_t offset = 0;
      bool inside = true;
      for (size_t axis = 0; axis < spatial.size(); ++axis) {
        const int64_t at =
            position[axis] * window.strides[axis] - window.pads_begin[axis] + k[axis] * window.dilations[axis];
        if (at >= spatial[axis] + window.pads_end[axis]) return;
        inside = inside && at >= 0 && at < spatial[axis];
        offset += at * strides[axis];
      }
      ++included;
      if (inside) taps.offsets.push_back(offset);
    });
    taps.included.push_back(included);
    taps.begin.push_back(static_cast<int64_t>(taps.offsets.size()));
  });
  return taps;
}

Status infer_pool(InferContext& context) {
  std::optional<Shape> shape;
  if (const Shape* input = context.input_shape(0)) {
    SINTER_ASSIGN(const SlidingWindow window,
                  at_node(context, read_window(context.attributes(), static_cast<int>(input->size()) - 2, nullptr)));
    SINTER_ASSIGN(const Shape counts, at_node(context, window_counts(window, *input)));
    shape = Shape{(*input)[0], (*input)[1]};
    shape->insert(shape->end(), counts.begin(), counts.end());
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), shape));
  if (context.has_output(1)) context.set_output(1, ValueType::tensor(DType::kI64, shape));
  return ok_status();
}

Status prepare_pool(const EvalContext& context, SlidingWindow& window, Dims& output) {
  const Dims& input = context.tensor(0).dims();
  SINTER_ASSIGN(window,
                at_node(context, read_window(context.attributes(), static_cast<int>(input.size()) - 2, nullptr)));
  SINTER_ASSIGN(const Shape counts, at_node(context, window_counts(window, to_shape(input))));
  resolve_pads(window, input);
  output = {input[0], input[1]};
  for (const Dim& count : counts) output.push_back(count.value());
  return check_output_dims(context, output);
}

Status evaluate_pool(EvalContext& context, const PoolFn& reduce) {
  SlidingWindow window;
  Dims output;
  SINTER_TRY(prepare_pool(context, window, output));
  const Tensor x = widened(context.tensor(0));
  const WindowTaps taps = window_taps(window, x.dims(), output);
  Tensor y(DType::kF64, output);
  const int64_t planes = output[0] * output[1], positions = static_cast<int64_t>(taps.included.size());
  const int64_t plane_size = product(x.dims(), 2);
  for (int64_t plane = 0; plane < planes; ++plane)
    for (int64_t i = 0; i < positions; ++i)
      y.data<double>()[plane * positions + i] =
          reduce(x.data<double>() + plane * plane_size, taps.offsets.data() + taps.begin[i],
                 taps.begin[i + 1] - taps.begin[i], taps.included[i]);
  store(context, 0, context.tensor(0).dtype(), y);
  return ok_status();
}

Status infer_global_pool(InferContext& context) {
  std::optional<Shape> shape;
  if (const Shape* input = context.input_shape(0)) {
    SINTER_TRY(check_rank(context, 0, 2, 1 << 20));
    shape = Shape(input->size(), Dim(1));
    (*shape)[0] = (*input)[0];
    (*shape)[1] = (*input)[1];
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  return ok_status();
}

Status evaluate_global_pool(EvalContext& context, const std::function<double(const double*, int64_t)>& reduce) {
  SINTER_TRY(check_rank(context, 0, 2, 1 << 20));
  const Tensor x = widened(context.tensor(0));
  Dims dims(x.rank(), 1);
  dims[0] = x.dim(0);
  dims[1] = x.dim(1);
  Tensor y(DType::kF64, dims);
  const int64_t count = product(x.dims(), 2);
  for (int64_t i = 0; i < y.count(); ++i) y.data<double>()[i] = reduce(x.data<double>() + i * count, count);
  store(context, 0, context.tensor(0).dtype(), y);
  return ok_status();
}

}  // namespace sinter::ops
