// Split: cuts the input along an axis into the sizes of input 1, or into num_outputs (default: as many as there are
// outputs) pieces of equal size, the last one smaller when it does not divide.
#include <numeric>

#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace split_impl {

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  const int outputs = context.output_count();
  const DType dtype = input_dtype(context, 0);
  if (!input) {
    for (int i = 0; i < outputs; ++i) context.set_output(i, ValueType::tensor(dtype));
    return ok_status();
  }
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), static_cast<int64_t>(input->size()), axis));
  const Dim& whole = (*input)[axis];
  std::vector<Dim> sizes;
  if (context.has_input(1)) {
    const auto given = context.input_elements(1);
    if (given && static_cast<int>(given->elements.size()) != outputs)
      return context.error(
          fmt::format("'split' lists {} sizes, but there are {} outputs: expected one each; correct the model",
                      given->elements.size(), outputs));
    if (given)
      sizes = given->elements;
    else
      sizes = fresh_shape(context, outputs, "piece");
    Dim total = 0;
    for (const Dim& size : sizes) total += size;
    if (given && total.is_constant() && whole.is_constant() && !(total == whole))
      return context.error(
          fmt::format("'split' adds up to {}, but axis {} of {} has size {}: expected equal; correct the model",
                      total.value(), axis, to_string(*input), whole.value()));
  } else {
    const int64_t pieces = context.attributes().i_or("num_outputs", outputs);
    if (pieces != outputs)
      return context.error(
          fmt::format("attribute 'num_outputs' is {}, but there are {} outputs: expected equal; correct the model",
                      pieces, outputs));
    const Dim size = ceildiv(whole, pieces);
    sizes.assign(static_cast<size_t>(pieces), size);
    sizes.back() = pieces == 1 ? whole : whole - size * Dim(pieces - 1);
  }
  const auto elements = context.input_elements(0);
  int64_t at = 0;
  for (int i = 0; i < outputs; ++i) {
    if (sizes[i].is_constant() && sizes[i].value() < 0)
      return context.error(
          fmt::format("can't split axis {} of {} into {} pieces: a piece would have {} elements; correct the model",
                      axis, to_string(*input), outputs, sizes[i].value()));
    Shape output = *input;
    output[axis] = sizes[i];
    context.set_output(i, ValueType::tensor(dtype, std::move(output)));
    if (!elements || elements->dims.size() != 1 || !sizes[i].is_constant()) continue;
    const int64_t end = at + sizes[i].value();
    if (end > static_cast<int64_t>(elements->elements.size())) break;
    track(context, i, {sizes[i].value()}, {elements->elements.begin() + at, elements->elements.begin() + end});
    at = end;
  }
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), x.rank(), axis));
  const int64_t whole = x.dims()[axis], pieces = context.output_count();
  std::vector<int64_t> sizes;
  if (context.has_input(1)) {
    sizes = read_indices(context.tensor(1));
  } else {
    const int64_t size = (whole + pieces - 1) / pieces;
    sizes.assign(static_cast<size_t>(pieces), size);
    sizes.back() = whole - size * (pieces - 1);
  }
  const auto total = checked_count({std::accumulate(sizes.begin(), sizes.end(), int64_t{0})});
  bool valid = static_cast<int64_t>(sizes.size()) == pieces && total && *total == whole;
  for (const int64_t size : sizes) valid = valid && size >= 0 && size <= whole;
  if (!valid)
    return context.error(
        fmt::format("can't split axis {} of {} into {}: expected {} sizes that add up to {}; correct the model", axis,
                    to_string(x.dims()), to_string(sizes), pieces, whole));
  const Dims strides = row_major_strides(x.dims());
  int64_t at = 0;
  for (int i = 0; i < pieces; ++i) {
    Dims dims = x.dims();
    dims[axis] = sizes[i];
    if (context.wants_output(i)) copy_strided(x, {at * strides[axis], strides}, context.allocate(i, x.dtype(), dims));
    at += sizes[i];
  }
  return ok_status();
}

}  // namespace split_impl

OpDef define_split() {
  OpDef op("Split", 13);
  op.input("input", "T")
      .input("split", "I64", ParamKind::kOptional)
      .output("outputs", "T", ParamKind::kVariadic)
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("I64", dtype_bit(DType::kI64))
      .attr("axis", int64_t{0})
      .attr("num_outputs", AttrKind::kInt, false)
      .fact(kMovesData);
  op.infer = split_impl::infer;
  op.evaluate = split_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
