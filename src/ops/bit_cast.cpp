// BitCast: the same bytes read as another type of the same width (attribute 'to').
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace bit_cast_impl {

template <typename Context>
Status target_dtype(const Context& context, DType from, DType& to) {
  SINTER_ASSIGN(to, dtype_attribute(context, "to", context.attributes().i("to")));
  if (from != DType::kUndefined && (dtype_bits(from) != dtype_bits(to) || dtype_bits(to) == 0))
    return context.error(
        fmt::format("can't read {} as {}: expected types of equal width, not strings; correct attribute 'to'",
                    dtype_name(from), dtype_name(to)));
  return ok_status();
}

Status infer(InferContext& context) {
  DType to;
  SINTER_TRY(target_dtype(context, input_dtype(context, 0), to));
  context.set_output(0, ValueType::tensor(to, context.input_type(0).shape));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  DType to;
  SINTER_TRY(target_dtype(context, x.dtype(), to));
  Tensor& y = context.allocate(0, to, x.dims());
  if (x.bytes() > 0) std::memcpy(y.raw(), x.raw(), static_cast<size_t>(x.bytes()));
  return ok_status();
}

}  // namespace bit_cast_impl

OpDef define_bit_cast() {
  OpDef op("BitCast", 26);
  op.input("input", "T1")
      .output("output", "T2")
      .type("T1", kNumericTypes | kFloat8Types | kSubByteTypes | kComplexTypes | kBoolType)
      .type("T2", kNumericTypes | kFloat8Types | kSubByteTypes | kComplexTypes | kBoolType)
      .attr("to", AttrKind::kInt, true);
  op.infer = bit_cast_impl::infer;
  op.evaluate = bit_cast_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
