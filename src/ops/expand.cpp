// Expand: the input broadcast with the shape that input 1 lists (both ways: a 1 in either takes the other's size).
#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace expand_impl {

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  std::optional<Shape> output;
  const auto wanted = context.input_elements(1);
  if (input && wanted) {
    auto shape = broadcast(*input, Shape(wanted->elements));
    if (!shape.ok()) return context.error(shape.status().message());
    output = std::move(shape).value();
    const auto elements = context.input_elements(0);
    const auto dims = constant_dims(*output);
    if (elements && elements->elements.size() == 1 && dims && dims->size() <= 1 &&
        product(*dims) <= kMaxTrackedElements)
      track(context, 0, *dims, std::vector<Dim>(static_cast<size_t>(product(*dims)), elements->elements[0]));
  } else if (const Shape* shape = context.input_shape(1);
             input && shape && shape->size() == 1 && (*shape)[0].is_constant()) {
    output =
        fresh_shape(context, std::max<int64_t>((*shape)[0].value(), static_cast<int64_t>(input->size())), "expand");
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  const auto dims = broadcast(x.dims(), read_indices(context.tensor(1)));
  if (!dims.ok()) return context.error(dims.status().message());
  const Dims own = row_major_strides(x.dims());
  Region from{0, Dims(dims->size(), 0)};
  const size_t shift = dims->size() - own.size();
  for (size_t i = 0; i < own.size(); ++i)
    if (x.dims()[i] != 1) from.strides[i + shift] = own[i];
  return move_data(context, 0, x, *dims, [&](const Tensor& source, Tensor& target) {
    copy_strided(source, from, target);
    return ok_status();
  });
}

}  // namespace expand_impl

OpDef define_expand() {
  OpDef op("Expand", 8);
  op.input("input", "T")
      .input("shape", "I64")
      .output("output", "T")
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("I64", dtype_bit(DType::kI64))
      .fact(kMovesData);
  op.infer = expand_impl::infer;
  op.evaluate = expand_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
