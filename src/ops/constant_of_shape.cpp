// ConstantOfShape: a tensor of the shape that input 0 lists, filled with the one element of attribute 'value' (default
// f32 0).
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace constant_of_shape_impl {

template <typename Context>
Status read_value(const Context& context, Tensor& value) {
  const Tensor* given = context.attributes().template find_as<Tensor>("value");
  value = given ? *given : Tensor::scalar(DType::kF32, 0.0f);
  if (value.count() == 1) return ok_status();
  return context.error(
      fmt::format("attribute 'value' is {}: expected one element; correct the attribute", value.type().to_string()));
}

Status infer(InferContext& context) {
  Tensor value;
  SINTER_TRY(read_value(context, value));
  std::optional<Shape> output;
  if (auto elements = context.input_elements(0)) {
    for (const Dim& size : elements->elements)
      if (size.is_constant() && size.value() < 0)
        return context.error(fmt::format("the shape is {}: expected no negative size; correct the model",
                                         to_string(Shape(elements->elements))));
    output = std::move(elements->elements);
    if (output->size() <= 1 && contains(dtype_set(DType::kI32, DType::kI64), value.dtype())) {
      const auto dims = constant_dims(*output);
      if (dims && product(*dims) <= kMaxTrackedElements)
        track(context, 0, *dims, std::vector<Dim>(static_cast<size_t>(product(*dims)), Dim(value.to_i64()[0])));
    }
  } else if (const Shape* shape = context.input_shape(0); shape && shape->size() == 1 && (*shape)[0].is_constant()) {
    output = fresh_shape(context, (*shape)[0].value(), "size");
  }
  context.set_output(0, ValueType::tensor(value.dtype(), std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  Tensor value;
  SINTER_TRY(read_value(context, value));
  const Dims dims = read_indices(context.tensor(0));
  return move_data(context, 0, value, dims, [](const Tensor& source, Tensor& target) {
    copy_strided(source, {0, Dims(target.dims().size(), 0)}, target);
    return ok_status();
  });
}

}  // namespace constant_of_shape_impl

OpDef define_constant_of_shape() {
  OpDef op("ConstantOfShape", 9);
  op.input("input", "T1")
      .output("output", "T2")
      .type("T1", dtype_bit(DType::kI64))
      .type("T2", kNumericTypes | kFloat8Types | kSubByteTypes | kBoolType)
      .attr("value", AttrKind::kTensor, false);
  op.infer = constant_of_shape_impl::infer;
  op.evaluate = constant_of_shape_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
