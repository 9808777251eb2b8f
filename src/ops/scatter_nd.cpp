// ScatterND: a copy of the data in which the slices named by index tuples (the last axis of the indices) are replaced
// by updates, or reduced with them (add, mul, max, min). Updates are applied in row-major order.
#include "ops/indexing.h"
#include "ops/scatter.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace scatter_nd_impl {

Status evaluate(EvalContext& context) {
  const Tensor& data = context.tensor(0);
  const Tensor& index_tensor = context.tensor(1);
  const Tensor& updates = context.tensor(2);
  Reduction reduction;
  SINTER_TRY(read_reduction(context, data.dtype(), reduction));
  const int64_t tuple = index_tensor.rank() > 0 ? index_tensor.dims().back() : -1;
  if (tuple < 0 || tuple > data.rank())
    return context.error(
        fmt::format("indices are {} for data {}: expected tuples of at most {} along the last axis; correct the model",
                    to_string(index_tensor.dims()), to_string(data.dims()), data.rank()));
  Dims expected(index_tensor.dims().begin(), index_tensor.dims().end() - 1);
  const int64_t tuples = product(expected);
  expected.insert(expected.end(), data.dims().begin() + tuple, data.dims().end());
  if (updates.dims() != expected || updates.dtype() != data.dtype())
    return context.error(fmt::format("updates are {}: expected {}{}; correct the model", updates.type().to_string(),
                                     dtype_name(data.dtype()), to_string(expected)));
  const std::vector<int64_t> indices = read_indices(index_tensor);
  const Dims strides = row_major_strides(data.dims());
  const int64_t run = product(data.dims(), static_cast<size_t>(tuple));
  Tensor y = data.clone();
  for (int64_t i = 0; i < tuples; ++i) {
    int64_t to = 0;
    for (int64_t k = 0; k < tuple; ++k) {
      int64_t index = indices[i * tuple + k];
      SINTER_TRY(check_index(context, index, data.dims()[k], static_cast<int>(k)));
      to += index * strides[k];
    }
    apply_updates(updates, i * run, y, to, run, reduction);
  }
  context.set_output(0, std::move(y));
  return ok_status();
}

}  // namespace scatter_nd_impl

OpDef define_scatter_nd() {
  OpDef op("ScatterND", 11);
  op.input("data", "T")
      .input("indices", "I64")
      .input("updates", "T")
      .output("output", "T")
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("I64", dtype_bit(DType::kI64))
      .attr("reduction", std::string("none"))
      .fact(kMovesData);
  op.infer = infer_same;
  op.evaluate = scatter_nd_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
