// SplitToSequence: pieces of the tensor along an axis: of the given lengths (1-d split), of one length but for a
// smaller last (scalar split), or of length 1 without split; then keepdims=0 drops the axis.
#include "ops/control_flow.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace split_to_sequence_impl {

Status infer(InferContext& context) {
  const ValueType& input = context.input_type(0);
  std::optional<Shape> shape;
  if (const Shape* x = context.input_shape(0)) {
    int axis = 0;
    SINTER_TRY(check_axis(context, context.attributes().i("axis"), static_cast<int64_t>(x->size()), axis));
    if (!context.has_input(1)) {
      shape = *x;
      if (context.attributes().i("keepdims") != 0)
        (*shape)[axis] = 1;
      else
        shape->erase(shape->begin() + axis);
    }
  }
  context.set_output(0, ValueType::sequence(ValueType::tensor(input.dtype, std::move(shape))));
  return ok_status();
}

Status read_lengths(const EvalContext& context, int64_t size, std::vector<int64_t>& lengths) {
  int64_t step = 1;
  if (context.has_input(1)) {
    const Tensor& split = context.tensor(1);
    if (split.rank() > 0) {
      lengths = read_indices(split);
      int64_t sum = 0;
      for (const int64_t length : lengths) {
        if (length < 0 || length > size - sum) {
          sum = -1;
          break;
        }
        sum += length;
      }
      if (sum == size) return ok_status();
      return context.error(
          fmt::format("the lengths {} do not add up to the axis of {}; correct the model", to_string(lengths), size));
    }
    SINTER_ASSIGN(step, read_scalar(context, 1));
  }
  if (step < 1)
    return context.error(fmt::format("the split length is {}: expected at least 1; correct the model", step));
  for (int64_t at = 0; at < size; at += std::min(step, size - at)) lengths.push_back(std::min(step, size - at));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), x.rank(), axis));
  std::vector<int64_t> lengths;
  SINTER_TRY(read_lengths(context, x.dim(axis), lengths));
  const bool drop = context.attributes().i("keepdims") == 0 && !context.has_input(1);
  const Tensor source = x.unpacked();
  const Dims strides = row_major_strides(source.dims());
  Sequence sequence;
  int64_t at = 0;
  for (const int64_t length : lengths) {
    Dims dims = source.dims();
    dims[axis] = length;
    Tensor piece(source.dtype(), dims);
    copy_strided(source, {at * strides[axis], strides}, piece);
    at += length;
    if (drop) {
      dims.erase(dims.begin() + axis);
      piece = piece.reshaped(dims);
    }
    sequence.push_back(source.dtype() == x.dtype() ? piece : piece.packed(x.dtype()));
  }
  context.set_output(0, std::move(sequence));
  return ok_status();
}

}  // namespace split_to_sequence_impl

OpDef define_split_to_sequence() {
  OpDef op("SplitToSequence", 11);
  op.input("input", "T")
      .input("split", "I", ParamKind::kOptional)
      .output("output_sequence", "S")
      .type("T", kAllTensorTypes)
      .type("I", dtype_set(DType::kI32, DType::kI64))
      .type("S", 0, true)
      .attr("axis", int64_t{0})
      .attr("keepdims", int64_t{1});
  op.infer = split_to_sequence_impl::infer;
  op.evaluate = split_to_sequence_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
