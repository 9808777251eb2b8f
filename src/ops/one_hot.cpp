// OneHot: a new axis of size depth that holds on_value at the index and off_value elsewhere. Negative indices count
// from the end; indices outside [-depth, depth-1] give off_value only. values = [off_value, on_value].
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace one_hot_impl {

Status infer(InferContext& context) {
  const Shape* indices = context.input_shape(0);
  std::optional<Shape> output;
  if (indices) {
    int axis = 0;
    SINTER_TRY(check_axis(context, context.attributes().i("axis"), static_cast<int64_t>(indices->size()) + 1, axis));
    std::optional<Dim> depth;
    if (const auto elements = context.input_elements(1); elements && elements->elements.size() == 1)
      depth = elements->elements[0];
    else if (const Tensor* constant = context.input_constant(1); constant && constant->count() == 1)
      depth = Dim(constant->cast(DType::kI64).to_i64()[0]);
    if (depth && depth->is_constant() && depth->value() < 0)
      return context.error(fmt::format("'depth' is {}: expected a count; correct the model", depth->value()));
    output = *indices;
    output->insert(output->begin() + axis, depth ? *depth : context.fresh_symbol("depth"));
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 2), std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& index_tensor = context.tensor(0);
  const Tensor& depth_tensor = context.tensor(1);
  const Tensor& values = context.tensor(2);
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), index_tensor.rank() + 1, axis));
  const int64_t depth = depth_tensor.count() == 1 ? depth_tensor.cast(DType::kI64).to_i64()[0] : -1;
  if (depth < 0 || values.count() != 2)
    return context.error(fmt::format("'depth' is {} and 'values' {}: expected a count and [off, on]; correct the model",
                                     depth_tensor.type().to_string(), values.type().to_string()));
  const std::vector<int64_t> indices = index_tensor.cast(DType::kI64).to_i64();
  Dims dims = index_tensor.dims();
  dims.insert(dims.begin() + axis, depth);
  const int64_t inner = product(index_tensor.dims(), static_cast<size_t>(axis));
  return move_data(context, 0, values, dims, [&](const Tensor& source, Tensor& target) {
    copy_strided(source, {0, Dims(dims.size(), 0)}, target);
    for (int64_t i = 0; i < static_cast<int64_t>(indices.size()); ++i) {
      const int64_t index = indices[i] < 0 ? indices[i] + depth : indices[i];
      if (index < 0 || index >= depth) continue;
      copy_elements(source, 1, target, (i / inner * depth + index) * inner + i % inner, 1);
    }
    return ok_status();
  });
}

}  // namespace one_hot_impl

OpDef define_one_hot() {
  OpDef op("OneHot", 9);
  op.input("indices", "T1")
      .input("depth", "T2")
      .input("values", "T3")
      .output("output", "T3")
      .type("T1", kIntegerTypes | dtype_set(DType::kF32, DType::kF16, DType::kF64))
      .type("T2", kIntegerTypes | dtype_set(DType::kF32, DType::kF16, DType::kF64))
      .type("T3", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .attr("axis", int64_t{-1});
  op.infer = one_hot_impl::infer;
  op.evaluate = one_hot_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
