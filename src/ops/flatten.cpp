// Flatten: a matrix of the dims before 'axis' times those from it on. axis = rank is allowed.
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace flatten_impl {

template <typename Context>
Status split_axis(const Context& context, int64_t rank, size_t& axis) {
  const int64_t given = context.attributes().i("axis");
  if (given < -rank || given > rank)
    return context.error(fmt::format(
        "attribute 'axis' is {}, but the input has rank {}: expected a value in [{},{}]; correct the attribute", given,
        rank, -rank, rank));
  axis = static_cast<size_t>(given < 0 ? given + rank : given);
  return ok_status();
}

Status infer(InferContext& context) {
  Shape output;
  if (const Shape* input = context.input_shape(0)) {
    size_t axis = 0;
    SINTER_TRY(split_axis(context, static_cast<int64_t>(input->size()), axis));
    output = {product(*input, 0, axis), product(*input, axis)};
  } else {
    output = fresh_shape(context, 2, "flat");
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  size_t axis = 0;
  SINTER_TRY(split_axis(context, x.rank(), axis));
  context.set_output(0, x.reshaped({product(x.dims(), 0, axis), product(x.dims(), axis)}));
  return ok_status();
}

}  // namespace flatten_impl

OpDef define_flatten() {
  OpDef op("Flatten", 1);
  op.input("input", "T")
      .output("output", "T")
      .type("T", kAllTensorTypes & ~dtype_set(DType::kF6E2M3, DType::kF6E3M2))
      .attr("axis", int64_t{1})
      .fact(kViewOnly);
  op.infer = flatten_impl::infer;
  op.evaluate = flatten_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
