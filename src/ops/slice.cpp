// Slice: elements start, start+step, … before end along each listed axis, as Python's a[start:end:step]; bounds are
// clamped.
#include <algorithm>

#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace slice_impl {

// Exporters write these for "to the end".
constexpr int64_t kFarAway = INT32_MAX;

struct Range {
  int64_t start = 0, step = 1, count = 0;
};

Range resolve(int64_t size, int64_t start, int64_t end, int64_t step) {
  const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
  const auto clamp = [&](int64_t value) { return std::clamp<int64_t>(value < 0 ? value + size : value, low, high); };
  Range range{clamp(start), step, 0};
  // In 128 bits: a step may be anything.
  const __int128 span =
      step > 0 ? static_cast<__int128>(clamp(end)) - range.start : static_cast<__int128>(range.start) - clamp(end);
  const __int128 stride = step > 0 ? static_cast<__int128>(step) : -static_cast<__int128>(step);
  range.count = span <= 0 ? 0 : static_cast<int64_t>((span + stride - 1) / stride);
  if (range.count <= 1) range.step = 1;  // a huge step would overflow strides
  return range;
}

// A bound of a forward slice as an expression in [0, size]; nullopt when its sign is not known.
std::optional<Dim> clamp_bound(const Dim& bound, const Dim& size) {
  if (bound.is_constant() && bound.value() >= kFarAway) return size;
  if (bound == size) return size;
  if (never_negative(bound)) return bound.is(0) ? Dim(0) : min(bound, size);
  if (bound.is_constant()) return bound.value() <= -kFarAway ? Dim(0) : max(Dim(0), size + bound);
  return std::nullopt;
}

std::optional<Dim> symbolic_count(const Dim& size, const Dim& start, const Dim& end, int64_t step) {
  if (size.is_constant() && start.is_constant() && end.is_constant())
    return Dim(resolve(size.value(), start.value(), end.value(), step).count);
  if (step < 0) {
    // The whole axis reversed, a[::-1].
    const bool whole = start.is(-1) && end.is_constant() && end.value() <= -kFarAway;
    return whole && step == -1 ? std::optional(size) : std::nullopt;
  }
  const auto from = clamp_bound(start, size), to = clamp_bound(end, size);
  if (!from || !to) return std::nullopt;
  // size - max(0, size-k) is min(size, k), and size - min(k, size) is max(size-k, 0): one symbol less to carry on.
  Dim span = *to - *from;
  const bool to_end = *to == size, constant = start.is_constant();
  if (to_end && constant && start.value() < 0)
    span = min(size, Dim(-start.value()));
  else if (to_end && never_negative(start))
    span = size - start;
  const bool ordered = constant && end.is_constant() && start.value() >= 0 && end.value() >= start.value() && !to_end;
  if (!ordered && !never_negative(span)) span = max(span, Dim(0));
  return ceildiv(span, Dim(step));
}

// Axes from input 3 (default 0, 1, …) and steps from input 4 (default 1).
template <typename Context>
Status complete(const Context& context, int64_t rank, size_t count, std::optional<std::vector<int64_t>> given,
                std::vector<int>& axes, std::vector<int64_t>& steps) {
  std::vector<int64_t> list;
  if (given)
    list = *given;
  else
    for (size_t i = 0; i < count; ++i) list.push_back(static_cast<int64_t>(i));
  SINTER_TRY(check_axes(context, list, rank, axes));
  if (steps.empty()) steps.assign(count, 1);
  if (axes.size() != count || steps.size() != count)
    return context.error(fmt::format("{} starts, {} axes and {} steps: expected as many of each; correct the model",
                                     count, axes.size(), steps.size()));
  for (const int64_t step : steps)
    if (step == 0) return context.error("a step is 0: expected a positive or negative number; correct the model");
  return ok_status();
}

// Elements of a tracked rank-1 input between constant bounds.
void slice_elements(InferContext& context, const Dim& start, const Dim& end, int64_t step) {
  const auto elements = context.input_elements(0);
  if (!elements || elements->dims.size() != 1 || !start.is_constant() || !end.is_constant()) return;
  const Range range = resolve(elements->dims[0], start.value(), end.value(), step);
  std::vector<Dim> picked;
  for (int64_t i = 0; i < range.count; ++i) picked.push_back(elements->elements[range.start + i * range.step]);
  track(context, 0, {range.count}, std::move(picked));
}

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  if (!input) {
    context.set_output(0, ValueType::tensor(input_dtype(context, 0)));
    return ok_status();
  }
  Shape output = *input;
  const auto starts = context.input_elements(1), ends = context.input_elements(2);
  const auto given_axes = context.has_input(3) ? constant_elements(context, 3) : std::nullopt;
  const auto given_steps = context.has_input(4) ? constant_elements(context, 4) : std::nullopt;
  const Shape* starts_shape = context.input_shape(1);
  const bool axes_known = !context.has_input(3) || given_axes;
  const bool count_known = starts || (starts_shape && starts_shape->size() == 1 && (*starts_shape)[0].is_constant());
  if (!axes_known || (!given_axes && !count_known)) {
    output = fresh_shape(context, static_cast<int64_t>(output.size()), "slice");
    context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
    return ok_status();
  }
  const size_t count = starts       ? starts->elements.size()
                       : given_axes ? given_axes->size()
                                    : static_cast<size_t>((*starts_shape)[0].value());
  std::vector<int> axes;
  std::vector<int64_t> steps = given_steps.value_or(std::vector<int64_t>());
  SINTER_TRY(complete(context, static_cast<int64_t>(output.size()), count, given_axes, axes, steps));
  const bool steps_known = !context.has_input(4) || given_steps;
  for (size_t i = 0; i < axes.size(); ++i) {
    std::optional<Dim> size;
    if (starts && ends && i < ends->elements.size() && steps_known)
      size = symbolic_count(output[axes[i]], starts->elements[i], ends->elements[i], steps[i]);
    output[axes[i]] = size ? *size : context.fresh_symbol("slice");
  }
  if (starts && ends && steps_known && axes.size() == 1 && ends->elements.size() == 1)
    slice_elements(context, starts->elements[0], ends->elements[0], steps[0]);
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  const std::vector<int64_t> starts = read_indices(context.tensor(1)), ends = read_indices(context.tensor(2));
  std::vector<int64_t> steps;
  if (context.has_input(4)) steps = read_indices(context.tensor(4));
  std::optional<std::vector<int64_t>> given;
  if (context.has_input(3)) given = read_indices(context.tensor(3));
  std::vector<int> axes;
  SINTER_TRY(complete(context, x.rank(), starts.size(), std::move(given), axes, steps));
  if (ends.size() != starts.size())
    return context.error(
        fmt::format("{} starts but {} ends: expected as many; correct the model", starts.size(), ends.size()));
  const Dims strides = row_major_strides(x.dims());
  Dims dims = x.dims();
  Region from{0, strides};
  for (size_t i = 0; i < axes.size(); ++i) {
    const Range range = resolve(x.dims()[axes[i]], starts[i], ends[i], steps[i]);
    dims[axes[i]] = range.count;
    from.offset += range.start * strides[axes[i]];
    from.strides[axes[i]] = range.step * strides[axes[i]];
  }
  return move_data(context, 0, x, dims, [&](const Tensor& source, Tensor& target) {
    copy_strided(source, from, target);
    return ok_status();
  });
}

}  // namespace slice_impl

OpDef define_slice() {
  OpDef op("Slice", 10);
  op.input("data", "T")
      .input("starts", "Tind")
      .input("ends", "Tind")
      .input("axes", "Tind", ParamKind::kOptional)
      .input("steps", "Tind", ParamKind::kOptional)
      .output("output", "T")
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("Tind", dtype_set(DType::kI32, DType::kI64))
      .fact(kMovesData);
  op.infer = slice_impl::infer;
  op.evaluate = slice_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
