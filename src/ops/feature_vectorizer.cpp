// FeatureVectorizer: the features of all inputs side by side, as f32. inputdimensions says how many columns each input gets: it is cut, or filled with
// zeros. Without the attribute each keeps its own.
#include "ops/classic_ml.h"

namespace sinter::ops {
namespace feature_vectorizer_impl {

template <typename Context>
Status check_counts(const Context& context, const std::vector<int64_t>& counts) {
  bool sound = counts.empty() || static_cast<int>(counts.size()) == context.input_count();
  for (const int64_t count : counts) sound = sound && count >= 0;
  if (sound) return ok_status();
  return context.error(fmt::format("inputdimensions has {} numbers for {} inputs: expected one a input, none negative; correct the model", counts.size(),
                                   context.input_count()));
}

Status infer(InferContext& context) {
  const std::vector<int64_t> counts = context.attributes().ints_or("inputdimensions", {});
  SINTER_TRY(check_counts(context, counts));
  Dim columns(0);
  std::optional<Shape> shape;
  for (int i = 0; i < context.input_count(); ++i) {
    SINTER_TRY(check_rank(context, i, 1, 2));
    const Shape* x = context.input_shape(i);
    if (!x) {
      context.set_output(0, ValueType::tensor(DType::kF32, std::nullopt));
      return ok_status();
    }
    columns = columns + (counts.empty() ? x->back() : Dim(counts[static_cast<size_t>(i)]));
    if (i == 0) shape = Shape{x->size() == 2 ? (*x)[0] : Dim(1)};
  }
  if (shape) shape->push_back(columns);
  context.set_output(0, ValueType::tensor(DType::kF32, std::move(shape)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  std::vector<int64_t> counts = context.attributes().ints_or("inputdimensions", {});
  SINTER_TRY(check_counts(context, counts));
  const bool own = counts.empty();
  const int64_t rows = rows_of(context.tensor(0)).count;
  Dims dims{rows, 0};
  for (int i = 0; i < context.input_count(); ++i) {
    SINTER_TRY(check_rank(context, i, 1, 2));
    const Rows found = rows_of(context.tensor(i));
    if (found.count != rows)
      return context.error(fmt::format("input {} has {} rows, input 0 has {}: expected equal numbers; correct the model", i, found.count, rows));
    if (own) counts.push_back(found.features);
    if (counts[static_cast<size_t>(i)] > INT32_MAX) return context.error("more columns than fit: expected less than 2^31; correct the model");
    dims[1] += counts[static_cast<size_t>(i)];
  }
  SINTER_TRY(check_output_dims(context, dims));
  Tensor& y = context.allocate(0, DType::kF32, dims);
  std::fill_n(y.data<float>(), y.count(), 0.0f);
  int64_t first = 0;
  for (int i = 0; i < context.input_count(); ++i) {
    const Tensor x = context.tensor(i).cast(DType::kF32);
    const int64_t features = rows_of(x).features, width = counts[static_cast<size_t>(i)];
    for (int64_t r = 0; r < rows; ++r)
      std::copy_n(x.data<float>() + r * features, std::min(features, width), y.data<float>() + r * dims[1] + first);
    first += width;
  }
  return ok_status();
}

}  // namespace feature_vectorizer_impl

OpDef define_feature_vectorizer() {
  OpDef op("FeatureVectorizer", 1, "ai.onnx.ml");
  op.input("X", "T1", ParamKind::kVariadic, true).output("Y", "Y").type("T1", kFeatureTypes).type("Y", dtype_bit(DType::kF32));
  op.attr("inputdimensions", AttrKind::kInts, false);
  op.infer = feature_vectorizer_impl::infer;
  op.evaluate = feature_vectorizer_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
