// Cast: every element converted to the type of attribute 'to' (rules in cast_values.h and core/numeric.h).
#include "ops/cast_values.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace cast_impl {

Status infer(InferContext& context) {
  SINTER_ASSIGN(const DType to, dtype_attribute(context, "to", context.attributes().i("to")));
  infer_cast(context, to);
  return ok_status();
}

Status evaluate(EvalContext& context) {
  SINTER_ASSIGN(const DType to, dtype_attribute(context, "to", context.attributes().i("to")));
  return cast_values(context, to);
}

}  // namespace cast_impl

OpDef define_cast() {
  OpDef op("Cast", 6);
  op.input("input", "T1")
      .output("output", "T2")
      .type("T1", kAllTensorTypes & ~dtype_set(DType::kC64, DType::kC128))
      .type("T2", kAllTensorTypes & ~dtype_set(DType::kC64, DType::kC128))
      .attr("round_mode", std::string("up"))
      .attr("saturate", int64_t{1})
      .attr("to", AttrKind::kInt, true)
      .fact(kElementwise);
  op.infer = cast_impl::infer;
  op.evaluate = cast_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
