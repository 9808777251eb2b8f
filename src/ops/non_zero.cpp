// NonZero: the indices of elements that are not zero (not empty, for strings), in row-major order, as i64[rank, count].
#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace non_zero_impl {

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  std::optional<Shape> output;
  if (input) output = Shape{static_cast<int64_t>(input->size()), context.fresh_symbol("nonzero")};
  context.set_output(0, ValueType::tensor(DType::kI64, std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  std::vector<Dims> found;
  const bool known = visit_dtype(x.dtype(), [&]<typename T>(TypeTag<T>) {
    const T* data = x.data<T>();
    for_each_index(x.dims(), [&](const Dims& index) {
      bool set;
      if constexpr (std::is_same_v<T, std::string>)
        set = !data->empty();
      else
        set = static_cast<Compute<T>>(*data) != Compute<T>(0);
      if (set) found.push_back(index);
      ++data;
    });
  });
  if (!known) return unsupported_dtype(context, 0);
  const int64_t count = static_cast<int64_t>(found.size());
  int64_t* y = context.allocate(0, DType::kI64, {x.rank(), count}).data<int64_t>();
  for (int axis = 0; axis < x.rank(); ++axis)
    for (int64_t i = 0; i < count; ++i) *y++ = found[i][axis];
  return ok_status();
}

}  // namespace non_zero_impl

OpDef define_non_zero() {
  OpDef op("NonZero", 9);
  op.input("X", "T")
      .output("Y", "I64")
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("I64", dtype_bit(DType::kI64));
  op.infer = non_zero_impl::infer;
  op.evaluate = non_zero_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
