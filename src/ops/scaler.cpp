// Scaler: (x - offset) * scale as f32, with one offset and scale a feature (the second axis of [N,C], the only one of [C]) or one of each
// for all. Left out, an offset is 0 and a scale 1.
#include "ops/classic_ml.h"

namespace sinter::ops {
namespace scaler_impl {

Status infer(InferContext& context) {
  const Shape* x = context.input_shape(0);
  context.set_output(0, ValueType::tensor(DType::kF32, x ? std::optional<Shape>(*x) : std::nullopt));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  if (x.rank() < 1) return context.error("the input has no axis: expected [N,C] or [C]; correct the model");
  const std::vector<double> offset = numbers_of(context.attributes(), "offset"), scale = numbers_of(context.attributes(), "scale");
  const int64_t axis = x.rank() == 1 ? 0 : 1, features = x.dim(static_cast<int>(axis));
  for (const auto* list : {&offset, &scale})
    if (const auto size = static_cast<int64_t>(list->size()); size > 1 && size != features)
      return context.error(fmt::format("an attribute has {} numbers for {} features: expected one, or one a feature; correct the model", size, features));
  int64_t inner = 1;
  for (int64_t i = axis + 1; i < x.rank(); ++i) inner *= x.dim(static_cast<int>(i));
  const Tensor wide = widened(x);
  float* y = context.allocate(0, DType::kF32, x.dims()).data<float>();
  const auto pick = [](const std::vector<double>& list, int64_t feature, double fallback) {
    return list.empty() ? fallback : list.size() == 1 ? list[0] : list[static_cast<size_t>(feature)];
  };
  for (int64_t start = 0, feature = 0; start < x.count(); start += inner, feature = (feature + 1) % features) {
    const double by = pick(offset, feature, 0), times = pick(scale, feature, 1);
    for (int64_t i = start; i < start + inner; ++i) y[i] = static_cast<float>((wide.data<double>()[i] - by) * times);
  }
  return ok_status();
}

}  // namespace scaler_impl

OpDef define_scaler() {
  OpDef op("Scaler", 1, "ai.onnx.ml");
  op.input("X", "T").output("Y", "Y").type("T", kFeatureTypes).type("Y", dtype_bit(DType::kF32));
  op.attr("offset", AttrKind::kFloats, false).attr("scale", AttrKind::kFloats, false);
  op.infer = scaler_impl::infer;
  op.evaluate = scaler_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
