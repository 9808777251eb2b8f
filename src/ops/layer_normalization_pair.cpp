// sinter.LayerNormalizationPair: LayerNormalization whose result is stored twice, in X's type and in a narrow one: a network that is
// normalised after each sum reads it as the operand of products (narrow) and as the next sum's residual (wide). Made by the builder's
// lower_precision.
//
// Attributes: axis and epsilon as LayerNormalization's, to (element type of the second result).
#include "ops/indexing.h"
#include "ops/normalization.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace layer_normalization_pair_impl {

Status infer(InferContext& context) {
  SINTER_ASSIGN(const DType narrow, dtype_attribute(context, "to", context.attributes().i("to")));
  int axis = 0;
  if (const Shape* x = context.input_shape(0)) SINTER_TRY(check_axis(context, context.attributes().i("axis"), static_cast<int64_t>(x->size()), axis));
  context.set_output(0, context.input_type(0));
  context.set_output(1, ValueType::tensor(narrow, context.input_type(0).shape));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), x.rank(), axis));
  SINTER_ASSIGN(const DType narrow, dtype_attribute(context, "to", context.attributes().i("to")));
  Tensor y = widened_copy(x);
  standardize_groups(y, product(x.dims(), static_cast<size_t>(axis)), context.attributes().f("epsilon"));
  SINTER_TRY(scale_and_shift(context, y, 1, 2));
  store(context, 0, x.dtype(), y);
  if (context.wants_output(1)) store(context, 1, narrow, y);
  return ok_status();
}

}  // namespace layer_normalization_pair_impl

OpDef define_layer_normalization_pair() {
  OpDef op("LayerNormalizationPair", 1, "sinter");
  op.input("X", "T")
      .input("Scale", "U")
      .input("B", "U", ParamKind::kOptional)
      .output("Y", "T")
      .output("Narrow", "V")
      .type("T", kFloatTypes)
      .type("U", kFloatTypes)
      .type("V", kFloatTypes)
      .attr("axis", int64_t{-1})
      .attr("epsilon", 1e-05f)
      .attr("to", AttrKind::kInt, true);
  op.infer = layer_normalization_pair_impl::infer;
  op.evaluate = layer_normalization_pair_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
