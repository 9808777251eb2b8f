// Imputer: elements that equal the replaced value (NaN: that are NaN) become the imputed one of their feature (the last axis), or the only one.
#include <cmath>

#include "ops/classic_ml.h"

namespace sinter::ops {
namespace imputer_impl {

template <typename T>
void impute(const Tensor& x, double replaced, const std::vector<double>& imputed, Tensor& y) {
  const auto size = static_cast<int64_t>(imputed.size());
  for (int64_t i = 0; i < x.count(); ++i) {
    const T value = x.data<T>()[i];
    const bool hit = std::isnan(replaced) ? std::isnan(static_cast<double>(value)) : value == static_cast<T>(replaced);
    y.data<T>()[i] = hit ? static_cast<T>(imputed[static_cast<size_t>(i % size)]) : value;
  }
}

// Integers as they are: doubles do not hold all of them.
template <typename T>
void impute_integers(const Tensor& x, int64_t replaced, const std::vector<int64_t>& imputed, Tensor& y) {
  const auto size = static_cast<int64_t>(imputed.size());
  for (int64_t i = 0; i < x.count(); ++i) {
    const T value = x.data<T>()[i];
    y.data<T>()[i] = value == replaced ? static_cast<T>(imputed[static_cast<size_t>(i % size)]) : value;
  }
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  const Attributes& attributes = context.attributes();
  const bool floats = is_float(x.dtype());
  const std::vector<double> values = numbers_of(attributes, "imputed_value_floats");
  const std::vector<int64_t> integers = attributes.ints_or("imputed_value_int64s", {});
  const size_t size = floats ? values.size() : integers.size();
  const int64_t features = x.rank() ? x.dim(-1) : 1;
  if (size != 1 && (size == 0 || static_cast<int64_t>(size) != features))
    return context.error(fmt::format("there are {} imputed values for {} features of {}: expected one, or one a feature; correct the model", size,
                                     features, dtype_name(x.dtype())));
  Tensor& y = context.allocate(0, x.dtype(), x.dims());
  switch (x.dtype()) {
    case DType::kF32: impute<float>(x, attributes.f("replaced_value_float"), values, y); break;
    case DType::kF64: impute<double>(x, attributes.f("replaced_value_float"), values, y); break;
    case DType::kI32: impute_integers<int32_t>(x, attributes.i("replaced_value_int64"), integers, y); break;
    default: impute_integers<int64_t>(x, attributes.i("replaced_value_int64"), integers, y); break;
  }
  return ok_status();
}

}  // namespace imputer_impl

OpDef define_imputer() {
  OpDef op("Imputer", 1, "ai.onnx.ml");
  op.input("X", "T").output("Y", "T").type("T", kFeatureTypes);
  op.attr("imputed_value_floats", AttrKind::kFloats, false).attr("imputed_value_int64s", AttrKind::kInts, false);
  op.attr("replaced_value_float", 0.0f).attr("replaced_value_int64", int64_t{0});
  op.infer = infer_same;
  op.evaluate = imputer_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
