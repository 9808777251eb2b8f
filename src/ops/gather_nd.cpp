// GatherND: the last axis of the indices holds tuples that name slices of the data, after `batch_dims` shared leading
// axes.
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace gather_nd_impl {

template <typename Context>
Status check(const Context& context, int64_t data_rank, int64_t indices_rank, std::optional<int64_t> tuple,
             int64_t& batch) {
  batch = context.attributes().i("batch_dims");
  if (indices_rank >= 1 && data_rank >= 1 && batch >= 0 && batch < std::min(data_rank, indices_rank) &&
      (!tuple || (*tuple >= 0 && *tuple <= data_rank - batch)))
    return ok_status();
  return context.error(fmt::format(
      "data has rank {}, indices have rank {} with tuples of {}, batch_dims is {}: expected batch_dims below both "
      "ranks and tuples of at most rank - batch_dims; correct the model",
      data_rank, indices_rank, tuple.value_or(-1), batch));
}

Status infer(InferContext& context) {
  const Shape* data = context.input_shape(0);
  const Shape* indices = context.input_shape(1);
  std::optional<Shape> output;
  if (data && indices) {
    const std::optional<int64_t> tuple =
        !indices->empty() && indices->back().is_constant() ? std::optional(indices->back().value()) : std::nullopt;
    int64_t batch = 0;
    SINTER_TRY(check(context, static_cast<int64_t>(data->size()), static_cast<int64_t>(indices->size()), tuple, batch));
    if (tuple) {
      output = Shape(indices->begin(), indices->end() - 1);
      output->insert(output->end(), data->begin() + batch + *tuple, data->end());
    }
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& data = context.tensor(0);
  const Tensor& index_tensor = context.tensor(1);
  const std::optional<int64_t> tuple =
      index_tensor.rank() > 0 ? std::optional(index_tensor.dims().back()) : std::nullopt;
  int64_t batch = 0;
  SINTER_TRY(check(context, data.rank(), index_tensor.rank(), tuple, batch));
  if (!std::equal(data.dims().begin(), data.dims().begin() + batch, index_tensor.dims().begin()))
    return context.error(
        fmt::format("data is {} and indices are {}: expected equal sizes of the {} batch axes; correct the model",
                    to_string(data.dims()), to_string(index_tensor.dims()), batch));
  Dims dims(index_tensor.dims().begin(), index_tensor.dims().end() - 1);
  dims.insert(dims.end(), data.dims().begin() + batch + *tuple, data.dims().end());
  const std::vector<int64_t> indices = read_indices(index_tensor);
  const Dims strides = row_major_strides(data.dims());
  const int64_t run = product(data.dims(), static_cast<size_t>(batch + *tuple));
  const int64_t batches = product(data.dims(), 0, static_cast<size_t>(batch));
  const int64_t tuples = product(index_tensor.dims(), static_cast<size_t>(batch), index_tensor.dims().size() - 1);
  const int64_t batch_size = product(data.dims(), static_cast<size_t>(batch));
  return move_data(context, 0, data, dims, [&](const Tensor& source, Tensor& target) {
    for (int64_t i = 0; i < batches * tuples; ++i) {
      int64_t from = i / tuples * batch_size;
      for (int64_t k = 0; k < *tuple; ++k) {
        int64_t index = indices[i * *tuple + k];
        SINTER_TRY(check_index(context, index, data.dims()[batch + k], static_cast<int>(batch + k)));
        from += index * strides[batch + k];
      }
      copy_elements(source, from, target, i * run, run);
    }
    return ok_status();
  });
}

}  // namespace gather_nd_impl

OpDef define_gather_nd() {
  OpDef op("GatherND", 11);
  op.input("data", "T")
      .input("indices", "I64")
      .output("output", "T")
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("I64", dtype_bit(DType::kI64))
      .attr("batch_dims", int64_t{0})
      .fact(kMovesData);
  op.infer = gather_nd_impl::infer;
  op.evaluate = gather_nd_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
