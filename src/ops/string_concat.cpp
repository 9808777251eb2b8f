// StringConcat: z = x followed by y, with numpy broadcasting.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace string_concat_impl {

Status evaluate(EvalContext& context) {
  BroadcastPlan plan;
  SINTER_TRY(plan_inputs(context, 2, plan));
  const std::string *x = context.tensor(0).data<std::string>(), *y = context.tensor(1).data<std::string>();
  std::string* z = context.allocate(0, DType::kString, plan.dims()).data<std::string>();
  plan.for_each_run([&](int64_t at, const int64_t* offsets) {
    for (int64_t i = 0; i < plan.run(); ++i)
      z[at + i] = x[offsets[0] + i * plan.run_stride(0)] + y[offsets[1] + i * plan.run_stride(1)];
  });
  return ok_status();
}

}  // namespace string_concat_impl

OpDef define_string_concat() {
  OpDef op("StringConcat", 20);
  op.input("X", "T").input("Y", "T").output("Z", "T").type("T", kStringType);
  op.infer = infer_broadcast;
  op.evaluate = string_concat_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
