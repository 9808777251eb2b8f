// InstanceNormalization: every plane of every instance to mean 0 and variance 1, then scale[c] and bias[c].
#include "ops/normalization.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace instance_normalization_impl {

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  SINTER_TRY(check_rank(context, 0, 2, 1 << 20));
  Tensor y = widened_copy(x);
  standardize_groups(y, product(x.dims(), 2), context.attributes().f("epsilon"));
  SINTER_TRY(scale_channels(context, y, 1, 2));
  store(context, 0, x.dtype(), y);
  return ok_status();
}

}  // namespace instance_normalization_impl

OpDef define_instance_normalization() {
  OpDef op("InstanceNormalization", 6);
  op.input("input", "T")
      .input("scale", "T")
      .input("B", "T")
      .output("output", "T")
      .type("T", kFloatTypes)
      .attr("epsilon", 1e-05f);
  op.infer = infer_same;
  op.evaluate = instance_normalization_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
