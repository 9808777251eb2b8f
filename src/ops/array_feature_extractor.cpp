// ArrayFeatureExtractor: the columns of the last axis that the indices name; a 1-d input counts as one row.
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace array_feature_extractor_impl {

Status infer(InferContext& context) {
  std::optional<Shape> shape;
  const Shape *x = context.input_shape(0), *y = context.input_shape(1);
  if (x && y && !x->empty()) {
    shape = x->size() == 1 ? Shape{1, 1} : *x;
    shape->back() = product(*y);
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  if (x.rank() < 1) return context.error("the input is a scalar: expected at least rank 1; correct the model");
  const std::vector<int64_t> columns = read_indices(context.tensor(1));
  const int64_t size = x.dim(-1), rows = product(x.dims(), 0, x.rank() - 1),
                count = static_cast<int64_t>(columns.size());
  Dims dims = x.rank() == 1 ? Dims{1, 1} : x.dims();
  dims.back() = count;
  SINTER_TRY(check_output_dims(context, dims));
  for (const int64_t column : columns)
    if (column < 0 || column >= size)
      return context.error(
          fmt::format("an index is {}: expected values in [0,{}]; correct the input", column, size - 1));
  Tensor& z = context.allocate(0, x.dtype(), dims);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < count; ++i) copy_elements(x, r * size + columns[i], z, r * count + i, 1);
  return ok_status();
}

}  // namespace array_feature_extractor_impl

OpDef define_array_feature_extractor() {
  OpDef op("ArrayFeatureExtractor", 1, "ai.onnx.ml");
  op.input("X", "T")
      .input("Y", "I64")
      .output("Z", "T")
      .type("T", dtype_set(DType::kF32, DType::kI32, DType::kI64, DType::kString, DType::kF64))
      .type("I64", dtype_set(DType::kI64));
  op.infer = array_feature_extractor_impl::infer;
  op.evaluate = array_feature_extractor_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
