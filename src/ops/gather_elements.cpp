// GatherElements: y[i] = data[i with i[axis] replaced by indices[i]]; the output has the shape of the indices.
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace gather_elements_impl {

Status infer(InferContext& context) {
  if (const Shape* data = context.input_shape(0)) {
    int axis = 0;
    SINTER_TRY(check_axis(context, context.attributes().i("axis"), static_cast<int64_t>(data->size()), axis));
    const Shape* indices = context.input_shape(1);
    if (indices && indices->size() != data->size())
      return context.error(fmt::format("data is {} but indices are {}: expected equal ranks; correct the model",
                                       to_string(*data), to_string(*indices)));
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), context.input_type(1).shape));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& data = context.tensor(0);
  const Tensor& index_tensor = context.tensor(1);
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), data.rank(), axis));
  SINTER_TRY(check_inside(context, index_tensor.dims(), data.dims(), axis, "indices"));
  std::vector<int64_t> indices = read_indices(index_tensor);
  for (int64_t& index : indices) SINTER_TRY(check_index(context, index, data.dims()[axis], axis));
  const Dims strides = row_major_strides(data.dims());
  return move_data(context, 0, data, index_tensor.dims(), [&](const Tensor& source, Tensor& target) {
    int64_t to = 0;
    for_each_index(index_tensor.dims(), [&](const Dims& at) {
      const int64_t from = offset_of(at, strides) + (indices[to] - at[axis]) * strides[axis];
      copy_elements(source, from, target, to++, 1);
    });
    return ok_status();
  });
}

}  // namespace gather_elements_impl

OpDef define_gather_elements() {
  OpDef op("GatherElements", 11);
  op.input("data", "T")
      .input("indices", "Tind")
      .output("output", "T")
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("Tind", dtype_set(DType::kI32, DType::kI64))
      .attr("axis", int64_t{0})
      .fact(kMovesData);
  op.infer = gather_elements_impl::infer;
  op.evaluate = gather_elements_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
