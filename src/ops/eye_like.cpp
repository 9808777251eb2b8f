// EyeLike: a matrix of the input's shape with ones on diagonal k (above the main one for k > 0) and zeros elsewhere.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace eye_like_impl {

template <typename Context>
Status target_dtype(const Context& context, DType input, DType& dtype) {
  dtype = input;
  if (const int64_t* given = context.attributes().template find_as<int64_t>("dtype")) {
    SINTER_ASSIGN(dtype, dtype_attribute(context, "dtype", *given));
  }
  return ok_status();
}

Status infer(InferContext& context) {
  DType dtype;
  SINTER_TRY(target_dtype(context, input_dtype(context, 0), dtype));
  if (const Shape* input = context.input_shape(0); input && input->size() != 2)
    return context.error(fmt::format("the input is {}: expected a matrix; correct the model", to_string(*input)));
  context.set_output(0, ValueType::tensor(dtype, context.input_type(0).shape));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  DType dtype;
  SINTER_TRY(target_dtype(context, x.dtype(), dtype));
  if (x.rank() != 2 || !contains(kNumericTypes | kBoolType, dtype))
    return context.error(fmt::format("can't make {} of {}: expected a matrix of numbers or bools; correct the model",
                                     dtype_name(dtype), x.type().to_string()));
  const int64_t k = context.attributes().i("k"), rows = x.dims()[0], columns = x.dims()[1];
  Tensor& y = context.allocate(0, dtype, x.dims());
  std::memset(y.raw(), 0, static_cast<size_t>(y.bytes()));
  if (k < -rows || k > columns) return ok_status();
  const auto set = [&]<typename T>(TypeTag<T>) {
    for (int64_t i = 0; i < rows; ++i)
      if (i + k >= 0 && i + k < columns) y.data<T>()[i * columns + i + k] = static_cast<T>(1.0f);
  };
  if (dtype == DType::kBool)
    set(TypeTag<bool>{});
  else
    visit_numeric(dtype, set);
  return ok_status();
}

}  // namespace eye_like_impl

OpDef define_eye_like() {
  OpDef op("EyeLike", 9);
  op.input("input", "T1")
      .output("output", "T2")
      .type("T1", kNumericTypes | kBoolType)
      .type("T2", kNumericTypes | kBoolType)
      .attr("dtype", AttrKind::kInt, false)
      .attr("k", int64_t{0});
  op.infer = eye_like_impl::infer;
  op.evaluate = eye_like_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
