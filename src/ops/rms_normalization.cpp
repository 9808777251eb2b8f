// RMSNormalization: y = x / sqrt(mean(x²) + epsilon) · scale over the axes from `axis` on; the result has the scale's
// type.
#include <cmath>

#include "ops/indexing.h"
#include "ops/normalization.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace rms_normalization_impl {

Status infer(InferContext& context) {
  std::optional<Shape> shape;
  if (const Shape* x = context.input_shape(0)) {
    int axis = 0;
    SINTER_TRY(check_axis(context, context.attributes().i("axis"), static_cast<int64_t>(x->size()), axis));
    shape = *x;
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 1), std::move(shape)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), x.rank(), axis));
  const double epsilon = context.attributes().f("epsilon");
  const int64_t count = product(x.dims(), axis);
  Tensor y = widened_copy(x);
  for (int64_t at = 0; count > 0 && at < y.count(); at += count) {
    double* group = y.data<double>() + at;
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += group[i] * group[i];
    const double inverse = 1 / std::sqrt(sum / static_cast<double>(count) + epsilon);
    for (int64_t i = 0; i < count; ++i) group[i] *= inverse;
  }
  SINTER_TRY(scale_and_shift(context, y, 1, -1));
  store(context, 0, context.tensor(1).dtype(), y);
  return ok_status();
}

}  // namespace rms_normalization_impl

OpDef define_rms_normalization() {
  OpDef op("RMSNormalization", 23);
  op.input("X", "T")
      .input("scale", "V")
      .output("Y", "V")
      .type("T", kFloatTypes)
      .type("V", kFloatTypes)
      .attr("axis", int64_t{-1})
      .attr("epsilon", 1e-05f)
      .attr("stash_type", int64_t{1});
  op.infer = rms_normalization_impl::infer;
  op.evaluate = rms_normalization_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
