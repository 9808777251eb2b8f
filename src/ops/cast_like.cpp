// CastLike: input 0 converted to input 1's element type, by Cast's rules.
#include "ops/cast_values.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace cast_like_impl {

Status infer(InferContext& context) {
  infer_cast(context, input_dtype(context, 1));
  return ok_status();
}

Status evaluate(EvalContext& context) { return cast_values(context, context.tensor(1).dtype()); }

}  // namespace cast_like_impl

OpDef define_cast_like() {
  OpDef op("CastLike", 15);
  op.input("input", "T1")
      .input("target_type", "T2")
      .output("output", "T2")
      .type("T1", kNumericTypes | kFloat8Types | kSubByteTypes | kBoolType | kStringType)
      .type("T2", kNumericTypes | kFloat8Types | kSubByteTypes | kBoolType | kStringType)
      .attr("round_mode", std::string("up"))
      .attr("saturate", int64_t{1});
  op.infer = cast_like_impl::infer;
  op.evaluate = cast_like_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
