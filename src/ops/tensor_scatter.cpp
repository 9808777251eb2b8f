// TensorScatter: a copy of a cache with `update` written along the sequence axis, from write_indices[batch] on (default
// 0); mode 'circular' wraps around, 'linear' must fit.
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace tensor_scatter_impl {

template <typename Context>
Status sequence_axis(const Context& context, int64_t rank, int& axis) {
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), rank, axis));
  if (axis == 0)
    return context.error("attribute 'axis' names the batch axis 0: expected a later one; correct the attribute");
  const std::string& mode = context.attributes().s("mode");
  if (mode == "linear" || mode == "circular") return ok_status();
  return context.error(
      fmt::format("attribute 'mode' is '{}': expected 'linear' or 'circular'; correct the attribute", mode));
}

Status infer(InferContext& context) {
  if (const Shape* cache = context.input_shape(0)) {
    int axis = 0;
    SINTER_TRY(sequence_axis(context, static_cast<int64_t>(cache->size()), axis));
  }
  return infer_same(context);
}

Status evaluate(EvalContext& context) {
  const Tensor& cache = context.tensor(0);
  const Tensor& update = context.tensor(1);
  int axis = 0;
  SINTER_TRY(sequence_axis(context, cache.rank(), axis));
  Dims expected = cache.dims();
  if (update.rank() == cache.rank()) expected[axis] = update.dims()[axis];
  if (update.dims() != expected || update.dtype() != cache.dtype() || expected[axis] > cache.dims()[axis])
    return context.error(fmt::format(
        "update is {}, the cache {}: expected equal types and sizes but along axis {}, there at most the cache's; "
        "correct the model",
        update.type().to_string(), cache.type().to_string(), axis));
  const int64_t batches = cache.dims()[0], length = expected[axis], capacity = cache.dims()[axis];
  std::vector<int64_t> starts(static_cast<size_t>(batches), 0);
  if (context.has_input(2)) starts = read_indices(context.tensor(2));
  const bool circular = context.attributes().s("mode") == "circular";
  if (static_cast<int64_t>(starts.size()) != batches)
    return context.error(
        fmt::format("write_indices has {} entries: expected one for each of {} batches; correct the model",
                    starts.size(), batches));
  for (int64_t& start : starts) {
    if (circular && start >= 0 && capacity > 0) start %= capacity;
    if (start < 0 || start > capacity || (!circular && start > capacity - length))
      return context.error(fmt::format(
          "write index {} with {} new entries for a cache of {}: expected an index from 0 on that leaves room for them; use mode 'circular' or a larger cache",
          start, length, capacity));
  }
  const int64_t inner = product(cache.dims(), axis + 1), rows = product(cache.dims(), 1, axis);
  return move_data(context, 0, cache, cache.dims(), [&](const Tensor& source, Tensor& target) {
    const Tensor news = update.unpacked();
    copy_elements(source, 0, target, 0, source.count());
    for (int64_t row = 0; row < batches * rows; ++row)
      for (int64_t i = 0; i < length; ++i)
        copy_elements(news, (row * length + i) * inner, target,
                      (row * capacity + (starts[row / rows] + i) % capacity) * inner, inner);
    return ok_status();
  });
}

}  // namespace tensor_scatter_impl

OpDef define_tensor_scatter() {
  OpDef op("TensorScatter", 24);
  op.input("past_cache", "T")
      .input("update", "T")
      .input("write_indices", "I64", ParamKind::kOptional)
      .output("present_cache", "T")
      .type("T", kAllTensorTypes & ~dtype_set(DType::kU2, DType::kI2, DType::kF6E2M3, DType::kF6E3M2))
      .type("I64", dtype_bit(DType::kI64))
      .attr("axis", int64_t{-2})
      .attr("mode", std::string("linear"))
      .fact(kMovesData);
  op.infer = tensor_scatter_impl::infer;
  op.evaluate = tensor_scatter_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
