// Squeeze: drops axes of size 1: those that input 1 lists, or all of them.
#include <algorithm>

#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace squeeze_impl {

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  std::optional<Shape> output;
  const auto given = context.has_input(1) ? constant_elements(context, 1) : std::nullopt;
  if (input && context.has_input(1) && given) {
    std::vector<int> axes;
    SINTER_TRY(check_axes(context, *given, static_cast<int64_t>(input->size()), axes));
    output.emplace();
    for (size_t i = 0; i < input->size(); ++i) {
      const Dim& size = (*input)[i];
      if (std::find(axes.begin(), axes.end(), static_cast<int>(i)) == axes.end())
        output->push_back(size);
      else if (size.is_constant() && !size.is(1))
        return context.error(
            fmt::format("can't squeeze axis {} of {}: expected size 1; correct the axes", i, to_string(*input)));
    }
  } else if (input && !context.has_input(1)) {
    // A size that is not constant may turn out to be 1: the rank is then unknown.
    if (constant_dims(*input)) {
      output.emplace();
      std::copy_if(input->begin(), input->end(), std::back_inserter(*output),
                   [](const Dim& size) { return !size.is(1); });
    }
  }
  const auto elements = context.input_elements(0);
  const auto dims = output ? constant_dims(*output) : std::nullopt;
  if (elements && dims) track(context, 0, *dims, elements->elements);
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  std::vector<int> axes;
  if (context.has_input(1)) {
    SINTER_TRY(check_axes(context, read_indices(context.tensor(1)), x.rank(), axes));
    for (const int axis : axes)
      if (x.dims()[axis] != 1)
        return context.error(
            fmt::format("can't squeeze axis {} of {}: expected size 1; correct the axes", axis, to_string(x.dims())));
  }
  Dims dims;
  for (int i = 0; i < x.rank(); ++i) {
    const bool named = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (context.has_input(1) ? !named : x.dims()[i] != 1) dims.push_back(x.dims()[i]);
  }
  context.set_output(0, x.reshaped(std::move(dims)));
  return ok_status();
}

}  // namespace squeeze_impl

OpDef define_squeeze() {
  OpDef op("Squeeze", 13);
  op.input("data", "T")
      .input("axes", "I64", ParamKind::kOptional)
      .output("squeezed", "T")
      .type("T", kAllTensorTypes & ~dtype_set(DType::kF6E2M3, DType::kF6E3M2))
      .type("I64", dtype_bit(DType::kI64))
      .fact(kViewOnly);
  op.infer = squeeze_impl::infer;
  op.evaluate = squeeze_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
