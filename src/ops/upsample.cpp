// Upsample (gone since opset 10): Resize by scales with asymmetric coordinates, nearest rounding down.
#include "ops/resampling.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace upsample_impl {

Status infer(InferContext& context) {
  std::optional<Shape> shape;
  if (const Shape* x = context.input_shape(0)) {
    const Tensor* scales = context.input_constant(1);
    if (scales && scales->count() != static_cast<int64_t>(x->size()))
      return context.error(
          fmt::format("'scales' has {} values for rank {}; correct the model", scales->count(), x->size()));
    const std::vector<double> values = scales ? scales->to_f64() : std::vector<double>();
    shape.emplace();
    for (size_t i = 0; i < x->size(); ++i) {
      if (scales && !(values[i] > 0)) return context.error(fmt::format("'scales' holds {}: expected positive finite numbers; correct the model", values[i]));
      const auto size = scales ? scaled_dim((*x)[i], static_cast<float>(values[i])) : std::nullopt;
      shape->push_back(size ? *size : context.fresh_symbol(fmt::format("resized{}", i)));
    }
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  const std::vector<double> scales = context.tensor(1).to_f64();
  if (static_cast<int>(scales.size()) != x.rank())
    return context.error(fmt::format("'scales' has {} values for rank {}; correct the model", scales.size(), x.rank()));
  Resampling plan;
  const std::string& mode = context.attributes().s("mode");
  if (mode != "nearest" && mode != "linear")
    return context.error(fmt::format("attribute 'mode' is '{}': expected nearest or linear; correct the model", mode));
  plan.mode = mode == "nearest" ? Resampling::Mode::kNearest : Resampling::Mode::kLinear;
  plan.coordinates = Resampling::Coordinates::kAsymmetric;
  plan.rounding = Resampling::Rounding::kFloor;
  for (int i = 0; i < x.rank(); ++i) {
    plan.axes.push_back({scales[i], scaled_size(x.dim(i), static_cast<float>(scales[i])), 0, 1});
    if (!(scales[i] > 0) || plan.axes.back().output < 0)
      return context.error(
          fmt::format("'scales' holds {}: expected positive finite numbers; correct the model", scales[i]));
  }
  return resample(context, plan);
}

}  // namespace upsample_impl

OpDef define_upsample() {
  OpDef op("Upsample", 9);
  op.input("X", "T")
      .input("scales", "F32")
      .output("Y", "T")
      .type("T", kAllTensorTypes)
      .type("F32", dtype_set(DType::kF32))
      .attr("mode", std::string("nearest"));
  op.infer = upsample_impl::infer;
  op.evaluate = upsample_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
