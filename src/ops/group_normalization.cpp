// GroupNormalization: every group of channels of every instance to mean 0 and variance 1, then scale[c] and bias[c].
#include "ops/normalization.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace group_normalization_impl {

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  SINTER_TRY(check_rank(context, 0, 2, 1 << 20));
  const int64_t groups = context.attributes().i("num_groups");
  if (groups < 1 || x.dim(1) % groups != 0)
    return context.error(fmt::format(
        "attribute 'num_groups' is {} for {} channels: expected a divisor; correct the model", groups, x.dim(1)));
  Tensor y = widened_copy(x);
  standardize_groups(y, product(x.dims(), 1) / groups, context.attributes().f("epsilon"));
  SINTER_TRY(scale_channels(context, y, 1, 2));
  store(context, 0, x.dtype(), y);
  return ok_status();
}

}  // namespace group_normalization_impl

OpDef define_group_normalization() {
  OpDef op("GroupNormalization", 21);
  op.input("X", "T")
      .input("scale", "T")
      .input("bias", "T")
      .output("Y", "T")
      .type("T", kFloatTypes)
      .attr("epsilon", 1e-05f)
      .attr("num_groups", AttrKind::kInt, true)
      .attr("stash_type", int64_t{1});
  op.infer = infer_same;
  op.evaluate = group_normalization_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
