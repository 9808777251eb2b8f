// Concat: the inputs one after the other along an axis; the other dims agree.
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace concat_impl {

Status mismatch(const InferContext& context, int input, const Shape& a, const Shape& b, int axis) {
  return context.error(fmt::format(
      "input {} is {} but those before are {}: expected equal sizes except along axis {}; correct the model", input,
      to_string(b), to_string(a), axis));
}

// Tracked elements of rank-1 inputs, joined.
void join_elements(InferContext& context) {
  std::vector<Dim> joined;
  for (int i = 0; i < context.input_count(); ++i) {
    const auto elements = context.input_elements(i);
    if (!elements || elements->dims.size() != 1) return;
    joined.insert(joined.end(), elements->elements.begin(), elements->elements.end());
  }
  const auto size = static_cast<int64_t>(joined.size());  // read before the move: arguments have no order
  track(context, 0, {size}, std::move(joined));
}

Status infer(InferContext& context) {
  std::optional<Shape> output;
  Dim total = 0;
  bool all = true;
  int axis = 0;
  for (int i = 0; i < context.input_count(); ++i) {
    const Shape* input = context.input_shape(i);
    if (!input) {
      all = false;
      continue;
    }
    SINTER_TRY(check_axis(context, context.attributes().i("axis"), static_cast<int64_t>(input->size()), axis));
    total += (*input)[axis];
    if (!output) {
      output = *input;
      continue;
    }
    if (output->size() != input->size()) return mismatch(context, i, *output, *input, axis);
    for (size_t d = 0; d < input->size(); ++d) {
      Dim& known = (*output)[d];
      const Dim& size = (*input)[d];
      if (static_cast<int>(d) == axis || known == size) continue;
      if (known.is_constant() && size.is_constant()) return mismatch(context, i, *output, *input, axis);
      if (size.is_constant()) known = size;
    }
  }
  if (output) (*output)[axis] = all ? total : context.fresh_symbol("concat");
  if (all && output && output->size() == 1) join_elements(context);
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& first = context.tensor(0);
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), first.rank(), axis));
  Dims dims = first.dims();
  dims[axis] = 0;
  for (int i = 0; i < context.input_count(); ++i) {
    const Tensor& x = context.tensor(i);
    Dims expected = first.dims();
    if (x.rank() == first.rank()) expected[axis] = x.dims()[axis];
    if (x.dims() != expected || x.dtype() != first.dtype())
      return context.error(
          fmt::format("input {} is {} but input 0 is {}: expected equal types, and equal sizes except along axis {}; "
                      "correct the model",
                      i, x.type().to_string(), first.type().to_string(), axis));
    dims[axis] += x.dims()[axis];
  }
  SINTER_TRY(check_output_dims(context, dims));
  Tensor& y = context.allocate(0, first.dtype(), dims);
  const int64_t inner = product(dims, axis + 1), outer = product(dims, 0, axis), row = dims[axis] * inner;
  int64_t at = 0;
  for (int i = 0; i < context.input_count(); ++i) {
    const Tensor& x = context.tensor(i);
    const int64_t run = x.dims()[axis] * inner;
    for (int64_t o = 0; o < outer; ++o) copy_elements(x, o * run, y, o * row + at, run);
    at += run;
  }
  return ok_status();
}

}  // namespace concat_impl

OpDef define_concat() {
  OpDef op("Concat", 4);
  op.input("inputs", "T", ParamKind::kVariadic)
      .output("concat_result", "T")
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .attr("axis", AttrKind::kInt, true)
      .fact(kMovesData);
  op.infer = concat_impl::infer;
  op.evaluate = concat_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
