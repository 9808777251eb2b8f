// Trilu: keeps the upper (or lower) triangle of the last two axes, shifted by diagonal k, and zeroes the rest.
#include <algorithm>

#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace trilu_impl {

Status infer(InferContext& context) {
  if (const Shape* input = context.input_shape(0); input && input->size() < 2)
    return context.error(fmt::format("the input is {}: expected rank 2 or more; correct the model", to_string(*input)));
  return infer_same(context);
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  if (x.rank() < 2)
    return context.error(
        fmt::format("the input is {}: expected rank 2 or more; correct the model", to_string(x.dims())));
  int64_t k = 0;
  if (context.has_input(1)) {
    const std::vector<int64_t> given = read_indices(context.tensor(1));
    if (given.size() != 1)
      return context.error(fmt::format("'k' has {} elements: expected one; correct the model", given.size()));
    k = given[0];
  }
  const bool upper = context.attributes().i("upper") != 0;
  const int64_t rows = x.dims()[x.rank() - 2], columns = x.dims()[x.rank() - 1];
  k = std::clamp<int64_t>(k, -rows, columns);
  const bool known = visit_dtype(x.dtype(), [&]<typename T>(TypeTag<T>) {
    const T* from = x.data<T>();
    T* to = context.allocate(0, x.dtype(), x.dims()).template data<T>();
    for (int64_t i = 0, row = 0; i < x.count(); i += columns, row = (row + 1) % rows) {
      // [begin, end) of the row stays.
      const int64_t begin = upper ? std::clamp<int64_t>(row + k, 0, columns) : 0;
      const int64_t end = upper ? columns : std::clamp<int64_t>(row + k + 1, 0, columns);
      std::fill_n(to + i, begin, T());
      std::copy(from + i + begin, from + i + end, to + i + begin);
      std::fill_n(to + i + end, columns - end, T());
    }
  });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace trilu_impl

OpDef define_trilu() {
  OpDef op("Trilu", 14);
  op.input("input", "T")
      .input("k", "I64", ParamKind::kOptional)
      .output("output", "T")
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("I64", dtype_bit(DType::kI64))
      .attr("upper", int64_t{1})
      .fact(kMovesData);
  op.infer = trilu_impl::infer;
  op.evaluate = trilu_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
