// LayerNormalization: the axes from `axis` on to mean 0 and variance 1, then scale and bias, which broadcast to the
// input. Mean and InvStdDev have the stash type and the input's shape with the normalized axes at 1.
#include <cmath>

#include "ops/indexing.h"
#include "ops/normalization.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace layer_normalization_impl {

Status infer(InferContext& context) {
  context.set_output(0, context.input_type(0));
  SINTER_ASSIGN(const DType stash, dtype_attribute(context, "stash_type", context.attributes().i("stash_type")));
  std::optional<Shape> shape;
  if (const Shape* x = context.input_shape(0)) {
    int axis = 0;
    SINTER_TRY(check_axis(context, context.attributes().i("axis"), static_cast<int64_t>(x->size()), axis));
    shape = *x;
    std::fill(shape->begin() + axis, shape->end(), Dim(1));
    for (int i = 1; i < 3; ++i) {
      const Shape* operand = context.input_shape(i);
      const auto both = operand ? broadcast(*x, *operand) : Result<Shape>(*x);
      if (!both.ok() || both.value().size() != x->size())
        return context.error(
            fmt::format("input {} is {}: expected a shape that broadcasts to input 0's {}; check the exporter", i,
                        to_string(*operand), to_string(*x)));
    }
  }
  for (int i = 1; i < 3; ++i)
    if (context.has_output(i)) context.set_output(i, ValueType::tensor(stash, shape));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), x.rank(), axis));
  SINTER_ASSIGN(const DType stash, dtype_attribute(context, "stash_type", context.attributes().i("stash_type")));
  if (!contains(kFloatTypes, stash))
    return context.error(
        fmt::format("attribute 'stash_type' is {}: expected a floating type; correct the model", dtype_name(stash)));
  const double epsilon = context.attributes().f("epsilon");
  Dims outer = x.dims();
  std::fill(outer.begin() + axis, outer.end(), 1);
  const int64_t count = product(x.dims(), axis);
  Tensor y = widened_copy(x), mean(DType::kF64, outer), inverse(DType::kF64, outer);
  for (int64_t i = 0; i < mean.count(); ++i) {
    const Moments m = moments(y.data<double>() + i * count, count);
    mean.data<double>()[i] = m.mean;
    inverse.data<double>()[i] = 1 / std::sqrt(m.variance + epsilon);
  }
  standardize_groups(y, count, epsilon);
  SINTER_TRY(scale_and_shift(context, y, 1, 2));
  store(context, 0, x.dtype(), y);
  if (context.wants_output(1)) store(context, 1, stash, mean);
  if (context.wants_output(2)) store(context, 2, stash, inverse);
  return ok_status();
}

}  // namespace layer_normalization_impl

OpDef define_layer_normalization() {
  OpDef op("LayerNormalization", 17);
  op.input("X", "T")
      .input("Scale", "T")
      .input("B", "T", ParamKind::kOptional)
      .output("Y", "T")
      .output("Mean", "U", ParamKind::kOptional)
      .output("InvStdDev", "U", ParamKind::kOptional)
      .type("T", kFloatTypes)
      .type("U", kFloatTypes)
      .attr("axis", int64_t{-1})
      .attr("epsilon", 1e-05f)
      .attr("stash_type", int64_t{1});
  op.infer = layer_normalization_impl::infer;
  op.evaluate = layer_normalization_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
