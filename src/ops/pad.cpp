// Pad: adds (or, for negative counts, removes) elements at both ends of axes. Modes: constant, reflect (mirrored
// without repeating the edge), edge, wrap. Removal comes first, then the added elements are taken from what remains.
#include <algorithm>

#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace pad_impl {

// Pads of every axis: begin, end.
template <typename Context, typename Count>
Status spread(const Context& context, const std::vector<Count>& pads, const std::optional<std::vector<int64_t>>& given,
              int rank, std::vector<std::pair<Count, Count>>& out) {
  std::vector<int64_t> list;
  if (given)
    list = *given;
  else
    for (int i = 0; i < rank; ++i) list.push_back(i);
  std::vector<int> axes;
  SINTER_TRY(check_axes(context, list, rank, axes));
  if (pads.size() != 2 * axes.size())
    return context.error(fmt::format(
        "'pads' has {} entries for {} axes: expected two an axis, all begins, then all ends; correct the model",
        pads.size(), axes.size()));
  out.assign(static_cast<size_t>(rank), {Count(0), Count(0)});
  for (size_t i = 0; i < axes.size(); ++i) out[axes[i]] = {pads[i], pads[i + axes.size()]};
  return ok_status();
}

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  std::optional<Shape> output;
  if (input) {
    output = *input;
    const auto pads = context.input_elements(1);
    const auto axes = context.has_input(3) ? constant_elements(context, 3) : std::nullopt;
    if (pads && (!context.has_input(3) || axes)) {
      std::vector<std::pair<Dim, Dim>> spreads;
      SINTER_TRY(spread(context, pads->elements, axes, static_cast<int>(input->size()), spreads));
      for (size_t i = 0; i < output->size(); ++i) (*output)[i] += spreads[i].first + spreads[i].second;
      for (const Dim& size : *output)
        if (size.is_constant() && size.value() < 0)
          return context.error(fmt::format("pads {} leave {} of {}: expected no negative size; correct the model",
                                           to_string(Shape(pads->elements)), to_string(*output), to_string(*input)));
    } else {
      output = fresh_shape(context, static_cast<int64_t>(input->size()), "pad");
    }
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

enum class Mode { kConstant, kReflect, kEdge, kWrap };

Status read_mode(const EvalContext& context, Mode& mode) {
  const std::string& name = context.attributes().s("mode");
  if (name == "constant")
    mode = Mode::kConstant;
  else if (name == "reflect")
    mode = Mode::kReflect;
  else if (name == "edge")
    mode = Mode::kEdge;
  else if (name == "wrap")
    mode = Mode::kWrap;
  else
    return context.error(
        fmt::format("attribute 'mode' is '{}': expected constant, reflect, edge or wrap; correct the attribute", name));
  return ok_status();
}

int64_t positive_mod(int64_t a, int64_t b) { return (a % b + b) % b; }

// Where output element `at` of an axis comes from; -1: the constant. The axis keeps [first, first + kept) of its input.
int64_t source_index(int64_t at, int64_t begin, int64_t first, int64_t kept, Mode mode) {
  const int64_t i = at - std::max<int64_t>(begin, 0);
  if (i >= 0 && i < kept) return first + i;
  switch (mode) {
    case Mode::kConstant: return -1;
    case Mode::kEdge: return first + std::clamp<int64_t>(i, 0, kept - 1);
    case Mode::kWrap: return first + positive_mod(i, kept);
    case Mode::kReflect: break;
  }
  if (kept == 1) return first;
  const int64_t period = 2 * (kept - 1), phase = positive_mod(i, period);
  return first + (phase < kept ? phase : period - phase);
}

Status map_axes(const EvalContext& context, const Dims& dims, const std::vector<std::pair<int64_t, int64_t>>& pads,
                Mode mode, Dims& out, std::vector<std::vector<int64_t>>& maps) {
  for (size_t i = 0; i < dims.size(); ++i) {
    const auto [begin, end] = pads[i];
    int64_t size = 0;
    if (__builtin_add_overflow(dims[i], begin, &size) || __builtin_add_overflow(size, end, &size)) size = -1;
    const int64_t first = std::max<int64_t>(-begin, 0), kept = dims[i] - first - std::max<int64_t>(-end, 0);
    if (size < 0 || kept < 0 || (kept == 0 && size > 0 && mode != Mode::kConstant))
      return context.error(
          fmt::format("pads {} and {} do not fit axis {} of {}: expected elements to remain; correct the model", begin,
                      end, i, to_string(dims)));
    out.push_back(size);
  }
  SINTER_TRY(check_output_dims(context, out));
  if (product(out) == 0) return ok_status();
  for (size_t i = 0; i < dims.size(); ++i) {
    const auto [begin, end] = pads[i];
    const int64_t first = std::max<int64_t>(-begin, 0), kept = dims[i] - first - std::max<int64_t>(-end, 0);
    std::vector<int64_t> map(static_cast<size_t>(out[i]));
    for (int64_t at = 0; at < out[i]; ++at) map[at] = source_index(at, begin, first, kept, mode);
    maps.push_back(std::move(map));
  }
  return ok_status();
}

void fill(const Tensor& source, const Tensor& constant, const std::vector<std::vector<int64_t>>& maps, Tensor& target) {
  const Dims strides = row_major_strides(source.dims());
  int64_t to = 0;
  for_each_index(target.dims(), [&](const Dims& index) {
    int64_t from = 0;
    for (size_t i = 0; i < index.size() && from >= 0; ++i) {
      const int64_t mapped = maps[i][index[i]];
      from = mapped < 0 ? -1 : from + mapped * strides[i];
    }
    if (from < 0)
      copy_elements(constant, 0, target, to, 1);
    else
      copy_elements(source, from, target, to, 1);
    ++to;
  });
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  Mode mode;
  SINTER_TRY(read_mode(context, mode));
  std::optional<std::vector<int64_t>> axes;
  if (context.has_input(3)) axes = read_indices(context.tensor(3));
  std::vector<std::pair<int64_t, int64_t>> pads;
  SINTER_TRY(spread(context, read_indices(context.tensor(1)), axes, x.rank(), pads));
  for (const auto& [begin, end] : pads)
    if (begin == INT64_MIN || end == INT64_MIN)
      return context.error("a pad is -2^63: expected a count; correct the model");
  Dims dims;
  std::vector<std::vector<int64_t>> maps;
  SINTER_TRY(map_axes(context, x.dims(), pads, mode, dims, maps));
  Tensor constant;
  if (context.has_input(2)) constant = context.tensor(2);
  if (constant.defined() && (constant.count() != 1 || constant.dtype() != x.dtype()))
    return context.error(fmt::format("'constant_value' is {}: expected one element of type {}; correct the model",
                                     constant.type().to_string(), dtype_name(x.dtype())));
  return move_data(context, 0, x, dims, [&](const Tensor& source, Tensor& target) {
    Tensor value = constant.defined() ? constant.unpacked() : Tensor(source.dtype(), {});
    if (!constant.defined() && source.dtype() != DType::kString)
      std::memset(value.raw(), 0, static_cast<size_t>(value.bytes()));
    fill(source, value, maps, target);
    return ok_status();
  });
}

}  // namespace pad_impl

OpDef define_pad() {
  OpDef op("Pad", 11);
  op.input("data", "T")
      .input("pads", "I64")
      .input("constant_value", "T", ParamKind::kOptional)
      .input("axes", "Tind", ParamKind::kOptional)
      .output("output", "T")
      .type("T", kAllTensorTypes & ~dtype_set(DType::kF6E2M3, DType::kF6E3M2))
      .type("I64", dtype_bit(DType::kI64))
      .type("Tind", dtype_set(DType::kI32, DType::kI64))
      .attr("mode", std::string("constant"))
      .fact(kMovesData);
  op.infer = pad_impl::infer;
  op.evaluate = pad_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
