// Conv: y[n,m,o] = b[m] + Σ_{c,k} x[n, g·C/group + c, o·stride - pad + k·dilation] · w[m,c,k] over any number of
// spatial axes.
#include "ops/convolution.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace conv_impl {

Status infer(InferContext& context) { return infer_convolution(context, 0, 1, input_dtype(context, 0)); }

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 1, 3, 1 << 20));
  SINTER_TRY(check_bias(context, 2, context.tensor(1).dim(0)));
  const Tensor bias = context.has_input(2) ? widened(context.tensor(2)) : Tensor();
  SINTER_ASSIGN(const Tensor y, at_node(context, convolve(context.attributes(), multiplicand(context.tensor(0)),
                                                          multiplicand(context.tensor(1)), bias)));
  store(context, 0, context.tensor(0).dtype(), y);
  return ok_status();
}

}  // namespace conv_impl

OpDef define_conv() {
  OpDef op("Conv", 1);
  op.input("X", "T").input("W", "T").input("B", "T", ParamKind::kOptional).output("Y", "T").type("T", kFloatTypes);
  convolution_attributes(op);
  op.infer = conv_impl::infer;
  op.evaluate = conv_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
