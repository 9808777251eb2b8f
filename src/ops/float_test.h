// What IsInf and IsNaN share: a test of every element, float8 included, that gives bool.
#pragma once

#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {

constexpr DTypeSet kFloatTestTypes =
    kFloatTypes | dtype_set(DType::kF8E4M3FN, DType::kF8E4M3FNUZ, DType::kF8E5M2, DType::kF8E5M2FNUZ);

inline Status infer_float_test(InferContext& context) {
  ValueType type = context.input_type(0);
  context.set_output(0, ValueType::tensor(DType::kBool, std::move(type.shape)));
  return ok_status();
}

// output 0 = test(input 0): double for f64, float for all others.
template <typename Test>
Status map_float_test(EvalContext& context, Test test) {
  const Tensor& x = context.tensor(0);
  const bool known =
      visit_float(x.dtype(), [&]<typename T>(TypeTag<T>) { map_unary<bool, T>(context, DType::kBool, test); });
  if (known) return ok_status();
  if (!contains(kFloat8Types, x.dtype())) return unsupported_dtype(context, 0);
  Tensor& y = context.allocate(0, DType::kBool, x.dims());
  for (int64_t i = 0; i < x.count(); ++i)
    y.data<bool>()[i] = test(small_float_to_float(x.dtype(), x.data<uint8_t>()[i]));
  return ok_status();
}

}  // namespace sinter::ops
