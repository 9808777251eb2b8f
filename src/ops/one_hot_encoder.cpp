// OneHotEncoder: a new last axis of one place a category, 1 at the element's category. Numbers are truncated to integers. An element of no category
// gives zeros, or an error when `zeros` is 0.
#include <cmath>
#include <unordered_map>

#include "ops/classic_ml.h"

namespace sinter::ops {
namespace one_hot_encoder_impl {

size_t categories(const Attributes& attributes, DType dtype) {
  if (dtype != DType::kString) return attributes.ints_or("cats_int64s", {}).size();
  const auto* texts = attributes.find_as<std::vector<std::string>>("cats_strings");
  return texts ? texts->size() : 0;
}

Status infer(InferContext& context) {
  std::optional<Shape> shape;
  const DType dtype = input_dtype(context, 0);
  if (const Shape* x = context.input_shape(0); x && dtype != DType::kUndefined) {
    shape = *x;
    shape->push_back(static_cast<int64_t>(categories(context.attributes(), dtype)));
  }
  context.set_output(0, ValueType::tensor(DType::kF32, std::move(shape)));
  return ok_status();
}

template <typename T>
Status encode(EvalContext& context, const T* keys, const std::vector<T>& names, float* y) {
  std::unordered_map<T, size_t> places;
  for (size_t i = 0; i < names.size(); ++i) places[names[i]] = i;
  const bool lenient = context.attributes().i("zeros") != 0;
  for (int64_t i = 0; i < context.tensor(0).count(); ++i, y += names.size()) {
    const auto found = places.find(keys[i]);
    if (found != places.end())
      y[found->second] = 1;
    else if (!lenient)
      return context.error(fmt::format("element {} is no category: expected one of {}; correct the data, or set zeros to 1", i, names.size()));
  }
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  const Attributes& attributes = context.attributes();
  const size_t count = categories(attributes, x.dtype());
  if (count == 0) return context.error(fmt::format("there are no categories for {}: expected cats_int64s or cats_strings; correct the model", dtype_name(x.dtype())));
  Dims dims = x.dims();
  dims.push_back(static_cast<int64_t>(count));
  SINTER_TRY(check_output_dims(context, dims));
  Tensor& y = context.allocate(0, DType::kF32, dims);
  std::fill_n(y.data<float>(), y.count(), 0.0f);
  if (x.dtype() == DType::kString)
    return encode(context, x.data<std::string>(), std::get<std::vector<std::string>>(*attributes.find("cats_strings")), y.data<float>());
  const Tensor keys = x.cast(DType::kI64);
  return encode(context, keys.data<int64_t>(), attributes.ints("cats_int64s"), y.data<float>());
}

}  // namespace one_hot_encoder_impl

OpDef define_one_hot_encoder() {
  OpDef op("OneHotEncoder", 1, "ai.onnx.ml");
  op.input("X", "T").output("Y", "Y").type("T", kFeatureTypes | kStringType).type("Y", dtype_bit(DType::kF32));
  op.attr("cats_int64s", AttrKind::kInts, false).attr("cats_strings", AttrKind::kStrings, false).attr("zeros", int64_t{1});
  op.infer = one_hot_encoder_impl::infer;
  op.evaluate = one_hot_encoder_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
