// Constant: the tensor in one of its attributes. The importer turns such nodes into constants; this is for those that
// remain.
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace constant_impl {

template <typename Context>
Status read(const Context& context, Tensor& value) {
  const Attributes& a = context.attributes();
  if (const auto* tensor = a.find_as<Tensor>("value"))
    value = *tensor;
  else if (const auto* number = a.find_as<float>("value_float"))
    value = Tensor::scalar(DType::kF32, *number);
  else if (const auto* numbers = a.find_as<std::vector<float>>("value_floats"))
    value = Tensor::from_f32(*numbers, {static_cast<int64_t>(numbers->size())});
  else if (const auto* integer = a.find_as<int64_t>("value_int"))
    value = Tensor::scalar(DType::kI64, *integer);
  else if (const auto* integers = a.find_as<std::vector<int64_t>>("value_ints"))
    value = Tensor::from_i64(*integers);
  else if (const auto* text = a.find_as<std::string>("value_string"))
    value = Tensor::scalar(DType::kString, *text);
  else if (const auto* texts = a.find_as<std::vector<std::string>>("value_strings")) {
    value = Tensor(DType::kString, {static_cast<int64_t>(texts->size())});
    std::copy(texts->begin(), texts->end(), value.data<std::string>());
  }
  if (value.defined()) return ok_status();
  return context.error(
      "no attribute holds a value: expected one of value, value_float(s), value_int(s), value_string(s); correct the "
      "model");
}

Status infer(InferContext& context) {
  Tensor value;
  SINTER_TRY(read(context, value));
  context.set_output(0, value.type());
  if (value.rank() <= 1 && contains(dtype_set(DType::kI32, DType::kI64), value.dtype()) &&
      value.count() <= kMaxTrackedElements) {
    std::vector<Dim> elements;
    for (const int64_t element : value.to_i64()) elements.emplace_back(element);
    track(context, 0, value.dims(), std::move(elements));
  }
  return ok_status();
}

Status evaluate(EvalContext& context) {
  Tensor value;
  SINTER_TRY(read(context, value));
  context.set_output(0, std::move(value));
  return ok_status();
}

}  // namespace constant_impl

OpDef define_constant() {
  OpDef op("Constant", 1);
  op.output("output", "T")
      .type("T", kAllTensorTypes & ~dtype_set(DType::kF6E2M3, DType::kF6E3M2))
      .attr("value", AttrKind::kTensor, false)
      .attr("value_float", AttrKind::kFloat, false)
      .attr("value_floats", AttrKind::kFloats, false)
      .attr("value_int", AttrKind::kInt, false)
      .attr("value_ints", AttrKind::kInts, false)
      .attr("value_string", AttrKind::kString, false)
      .attr("value_strings", AttrKind::kStrings, false);
  op.infer = constant_impl::infer;
  op.evaluate = constant_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
