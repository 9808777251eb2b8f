// Pow: z = x^y in x's type; the exponent may have another type. An integer base with a non-negative integer exponent is
// exact and wraps around; otherwise the power is computed in f64 (f32 for narrow float bases) and truncated for
// integers.
#include <cmath>
#include <limits>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace pow_impl {

Status infer(InferContext& context) {
  std::optional<Shape> shape;
  SINTER_TRY(broadcast_inputs(context, 0, 2, shape));
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  return ok_status();
}

uint64_t integer_power(uint64_t base, uint64_t exponent) {
  uint64_t result = 1;
  for (; exponent; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}

template <typename T>
T integer_pow(T base, int64_t exponent) {
  if (exponent >= 0) return static_cast<T>(integer_power(static_cast<uint64_t>(base), static_cast<uint64_t>(exponent)));
  if (base == 1) return 1;
  if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  return 0;
}

// Out-of-range results saturate, NaN becomes 0: undefined in ONNX, defined here.
template <typename T>
T truncate(double value) {
  if (std::isnan(value)) return 0;
  const double low = static_cast<double>(std::numeric_limits<T>::min()), high = -low;
  return value < low     ? std::numeric_limits<T>::min()
         : value >= high ? std::numeric_limits<T>::max()
                         : static_cast<T>(value);
}

template <typename T>
Status power(EvalContext& context, const Tensor& exponents) {
  const DType dtype = context.tensor(0).dtype();
  BroadcastPlan plan;
  SINTER_TRY(plan_inputs(context, 2, plan));
  const T* x = context.tensor(0).data<T>();
  T* z = context.allocate(0, dtype, plan.dims()).template data<T>();
  const auto map = [&]<typename E, typename Fn>(const E* y, Fn fn) {
    plan.for_each_run([&](int64_t at, const int64_t* offsets) {
      for (int64_t i = 0; i < plan.run(); ++i)
        z[at + i] = fn(x[offsets[0] + i * plan.run_stride(0)], y[offsets[1] + i * plan.run_stride(1)]);
    });
  };
  if constexpr (std::is_integral_v<T>) {
    if (exponents.dtype() == DType::kI64) {
      map(exponents.data<int64_t>(), [](T a, int64_t b) { return integer_pow<T>(a, b); });
    } else {
      map(exponents.data<double>(), [](T a, double b) { return truncate<T>(std::pow(static_cast<double>(a), b)); });
    }
  } else {
    const Tensor wide = exponents.dtype() == DType::kI64 ? exponents.cast(DType::kF64) : exponents;
    map(wide.data<double>(), [](T a, double b) {
      using C = Compute<T>;
      return static_cast<T>(std::pow(static_cast<C>(a), static_cast<C>(b)));
    });
  }
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& y = context.tensor(1);
  if (!contains(kNumericTypes, y.dtype())) return unsupported_dtype(context, 1);
  const Tensor exponents = y.cast(is_integer(y.dtype()) ? DType::kI64 : DType::kF64);
  switch (context.tensor(0).dtype()) {
    case DType::kF32: return power<float>(context, exponents);
    case DType::kF64: return power<double>(context, exponents);
    case DType::kF16: return power<Half>(context, exponents);
    case DType::kBF16: return power<BFloat16>(context, exponents);
    case DType::kI32: return power<int32_t>(context, exponents);
    case DType::kI64: return power<int64_t>(context, exponents);
    default: return unsupported_dtype(context, 0);
  }
}

}  // namespace pow_impl

OpDef define_pow() {
  OpDef op("Pow", 7);
  op.input("X", "T")
      .input("Y", "T1")
      .output("Z", "T")
      .type("T", kFloatTypes | dtype_set(DType::kI32, DType::kI64))
      .type("T1", kNumericTypes)
      .fact(kElementwise);
  op.infer = pow_impl::infer;
  op.evaluate = pow_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kPow>;
  return op;
}

}  // namespace sinter::ops
