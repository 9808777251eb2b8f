// Where: y = condition ? x : y element by element, all three broadcast together. Any element type.
#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace where_impl {

Status infer(InferContext& context) {
  std::optional<Shape> shape;
  SINTER_TRY(broadcast_inputs(context, 0, 3, shape));
  const DType dtype = input_dtype(context, 1) != DType::kUndefined ? input_dtype(context, 1) : input_dtype(context, 2);
  context.set_output(0, ValueType::tensor(dtype, std::move(shape)));
  propagate_elements(context, 3, [](const auto& v) -> std::optional<Dim> {
    if (v[1] == v[2]) return v[1];
    if (!v[0].is_constant()) return std::nullopt;
    return v[0].value() != 0 ? v[1] : v[2];
  });
  return ok_status();
}

struct Bytes16 {
  uint64_t low, high;
};

template <typename T>
void select(EvalContext& context, const BroadcastPlan& plan) {
  const bool* condition = context.tensor(0).data<bool>();
  const T* x = context.tensor(1).data<T>();
  const T* y = context.tensor(2).data<T>();
  T* out = context.allocate(0, context.tensor(1).dtype(), plan.dims()).template data<T>();
  plan.for_each_run([&](int64_t at, const int64_t* offsets) {
    for (int64_t i = 0; i < plan.run(); ++i)
      out[at + i] = condition[offsets[0] + i * plan.run_stride(0)] ? x[offsets[1] + i * plan.run_stride(1)]
                                                                   : y[offsets[2] + i * plan.run_stride(2)];
  });
}

Status evaluate(EvalContext& context) {
  const DType dtype = context.tensor(1).dtype();
  if (context.tensor(0).dtype() != DType::kBool) return unsupported_dtype(context, 0);
  if (context.tensor(2).dtype() != dtype)
    return context.error(fmt::format("'X' is {} but 'Y' is {}: expected one element type; insert a Cast",
                                     dtype_name(dtype), dtype_name(context.tensor(2).dtype())));
  BroadcastPlan plan;
  SINTER_TRY(plan_inputs(context, 3, plan));
  if (dtype == DType::kString) {
    select<std::string>(context, plan);
    return ok_status();
  }
  switch (dtype_bits(dtype)) {
    case 8: select<uint8_t>(context, plan); break;
    case 16: select<uint16_t>(context, plan); break;
    case 32: select<uint32_t>(context, plan); break;
    case 64: select<uint64_t>(context, plan); break;
    case 128: select<Bytes16>(context, plan); break;
    default: return unsupported_dtype(context, 1);
  }
  return ok_status();
}

}  // namespace where_impl

OpDef define_where() {
  OpDef op("Where", 9);
  op.input("condition", "B")
      .input("X", "T")
      .input("Y", "T")
      .output("output", "T")
      .type("B", kBoolType)
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .fact(kElementwise);
  op.infer = where_impl::infer;
  op.evaluate = where_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kWhere>;
  return op;
}

}  // namespace sinter::ops
