// ReverseSequence: reverses the first sequence_lens[b] steps along the time axis of each batch entry and copies the
// rest.
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace reverse_sequence_impl {

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  const int64_t batch_axis = context.attributes().i("batch_axis"), time_axis = context.attributes().i("time_axis");
  if (x.rank() < 2 || batch_axis + time_axis != 1 || batch_axis * time_axis != 0)
    return context.error(
        fmt::format("input {} with batch_axis {} and time_axis {}: expected rank 2 or more, and the axes 0 and 1; "
                    "correct the model",
                    to_string(x.dims()), batch_axis, time_axis));
  const int64_t batches = x.dims()[batch_axis], steps = x.dims()[time_axis];
  const std::vector<int64_t> lengths = read_indices(context.tensor(1));
  bool valid = static_cast<int64_t>(lengths.size()) == batches;
  for (const int64_t length : lengths) valid = valid && length >= 0 && length <= steps;
  if (!valid)
    return context.error(fmt::format("'sequence_lens' is {}: expected {} lengths in [0,{}]; correct the input",
                                     to_string(lengths), batches, steps));
  const Dims strides = row_major_strides(x.dims());
  const int64_t inner = product(x.dims(), 2);
  return move_data(context, 0, x, x.dims(), [&](const Tensor& source, Tensor& target) {
    for (int64_t b = 0; b < batches; ++b) {
      for (int64_t t = 0; t < steps; ++t) {
        const int64_t from = t < lengths[b] ? lengths[b] - 1 - t : t;
        const int64_t base = b * strides[batch_axis];
        copy_elements(source, base + from * strides[time_axis], target, base + t * strides[time_axis], inner);
      }
    }
    return ok_status();
  });
}

}  // namespace reverse_sequence_impl

OpDef define_reverse_sequence() {
  OpDef op("ReverseSequence", 10);
  op.input("input", "T")
      .input("sequence_lens", "I64")
      .output("Y", "T")
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("I64", dtype_bit(DType::kI64))
      .attr("batch_axis", int64_t{1})
      .attr("time_axis", int64_t{0})
      .fact(kMovesData);
  op.infer = infer_same;
  op.evaluate = reverse_sequence_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
