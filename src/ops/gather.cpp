// Gather: slices of the data along an axis, one for each index; negative indices count from the end.
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace gather_impl {

// Tracked elements of rank-1 data at constant indices.
void gather_elements(InferContext& context) {
  const auto data = context.input_elements(0), indices = context.input_elements(1);
  if (!data || data->dims.size() != 1 || !indices) return;
  std::vector<Dim> picked;
  for (const Dim& index : indices->elements) {
    if (!index.is_constant()) return;
    const int64_t at = index.value() < 0 ? index.value() + data->dims[0] : index.value();
    if (at < 0 || at >= data->dims[0]) return;
    picked.push_back(data->elements[at]);
  }
  track(context, 0, indices->dims, std::move(picked));
}

Status infer(InferContext& context) {
  const Shape* data = context.input_shape(0);
  const Shape* indices = context.input_shape(1);
  std::optional<Shape> output;
  if (data) {
    int axis = 0;
    SINTER_TRY(check_axis(context, context.attributes().i("axis"), static_cast<int64_t>(data->size()), axis));
    if (indices) {
      output = Shape(data->begin(), data->begin() + axis);
      output->insert(output->end(), indices->begin(), indices->end());
      output->insert(output->end(), data->begin() + axis + 1, data->end());
    }
  }
  gather_elements(context);
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& data = context.tensor(0);
  const Tensor& index_tensor = context.tensor(1);
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), data.rank(), axis));
  std::vector<int64_t> indices = read_indices(index_tensor);
  const int64_t size = data.dims()[axis];
  for (int64_t& index : indices) SINTER_TRY(check_index(context, index, size, axis));
  Dims dims(data.dims().begin(), data.dims().begin() + axis);
  dims.insert(dims.end(), index_tensor.dims().begin(), index_tensor.dims().end());
  dims.insert(dims.end(), data.dims().begin() + axis + 1, data.dims().end());
  const int64_t outer = product(data.dims(), 0, axis), inner = product(data.dims(), axis + 1);
  return move_data(context, 0, data, dims, [&](const Tensor& source, Tensor& target) {
    int64_t to = 0;
    for (int64_t o = 0; o < outer; ++o) {
      for (const int64_t index : indices) {
        copy_elements(source, (o * size + index) * inner, target, to, inner);
        to += inner;
      }
    }
    return ok_status();
  });
}

}  // namespace gather_impl

OpDef define_gather() {
  OpDef op("Gather", 1);
  op.input("data", "T")
      .input("indices", "Tind")
      .output("output", "T")
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("Tind", dtype_set(DType::kI32, DType::kI64))
      .attr("axis", int64_t{0})
      .fact(kMovesData);
  op.infer = gather_impl::infer;
  op.evaluate = gather_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
