// Unsqueeze: inserts axes of size 1 where input 1 says, counted in the output.
#include <algorithm>

#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace unsqueeze_impl {

// Which axes of the output are new.
template <typename Context>
Status mark_new(const Context& context, const std::vector<int64_t>& given, size_t rank, std::vector<bool>& is_new) {
  const size_t output_rank = rank + given.size();
  std::vector<int> axes;
  SINTER_TRY(check_axes(context, given, static_cast<int64_t>(output_rank), axes));
  is_new.assign(output_rank, false);
  for (const int axis : axes) is_new[axis] = true;
  return ok_status();
}

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  std::optional<Shape> output;
  if (const auto given = constant_elements(context, 1); input && given) {
    std::vector<bool> is_new;
    SINTER_TRY(mark_new(context, *given, input->size(), is_new));
    output.emplace();
    size_t next = 0;
    for (const bool fresh : is_new) output->push_back(fresh ? Dim(1) : (*input)[next++]);
    const auto elements = context.input_elements(0);
    if (elements && output->size() == 1)
      track(context, 0, {1}, elements->elements);
    else if (elements && given->empty())
      track(context, 0, elements->dims, elements->elements);
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  std::vector<bool> is_new;
  SINTER_TRY(mark_new(context, read_indices(context.tensor(1)), x.dims().size(), is_new));
  Dims dims;
  size_t next = 0;
  for (const bool fresh : is_new) dims.push_back(fresh ? 1 : x.dims()[next++]);
  context.set_output(0, x.reshaped(std::move(dims)));
  return ok_status();
}

}  // namespace unsqueeze_impl

OpDef define_unsqueeze() {
  OpDef op("Unsqueeze", 13);
  op.input("data", "T")
      .input("axes", "I64")
      .output("expanded", "T")
      .type("T", kAllTensorTypes & ~dtype_set(DType::kF6E2M3, DType::kF6E3M2))
      .type("I64", dtype_bit(DType::kI64))
      .fact(kViewOnly);
  op.infer = unsqueeze_impl::infer;
  op.evaluate = unsqueeze_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
