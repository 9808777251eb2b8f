// What ArgMax and ArgMin share.
#include "ops/arg_reduce.h"

#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/lines.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace arg_reduce_impl {

template <typename T>
int64_t find(const T* line, int64_t length, int64_t step, bool largest, bool last) {
  int64_t best = 0;
  for (int64_t i = 0; i < length; ++i) {
    const auto value = static_cast<Compute<T>>(line[i * step]), current = static_cast<Compute<T>>(line[best * step]);
    if (value != value) return i;
    if ((largest ? value > current : value < current) || (last && value == current)) best = i;
  }
  return best;
}

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  std::optional<Shape> output;
  if (input) {
    int axis = 0;
    SINTER_TRY(check_axis(context, context.attributes().i("axis"), static_cast<int64_t>(input->size()), axis));
    output = *input;
    if (context.attributes().i("keepdims") != 0)
      (*output)[axis] = 1;
    else
      output->erase(output->begin() + axis);
  }
  context.set_output(0, ValueType::tensor(DType::kI64, std::move(output)));
  return ok_status();
}

}  // namespace arg_reduce_impl

OpDef arg_reduce_op(std::string name) {
  OpDef op(std::move(name), 1);
  op.input("data", "T")
      .output("reduced", "I64")
      .type("T", kNumericTypes)
      .type("I64", dtype_bit(DType::kI64))
      .attr("axis", int64_t{0})
      .attr("keepdims", int64_t{1})
      .attr("select_last_index", int64_t{0});
  op.infer = arg_reduce_impl::infer;
  return op;
}

Status evaluate_arg_reduce(EvalContext& context, bool largest) {
  const Tensor& x = context.tensor(0);
  const Attributes& attributes = context.attributes();
  int axis = 0;
  SINTER_TRY(check_axis(context, attributes.i("axis"), x.rank(), axis));
  const Lines lines(x.dims(), axis);
  const bool last = attributes.i("select_last_index") != 0;
  if (lines.length == 0 && lines.outer * lines.inner > 0)
    return context.error(
        fmt::format("axis {} of {} is empty: expected at least one element to choose from; correct the input", axis,
                    to_string(x.dims())));
  Dims dims = x.dims();
  if (attributes.i("keepdims") != 0)
    dims[axis] = 1;
  else
    dims.erase(dims.begin() + axis);
  const bool known = visit_numeric(x.dtype(), [&]<typename T>(TypeTag<T>) {
    int64_t* y = context.allocate(0, DType::kI64, dims).template data<int64_t>();
    lines.for_each(
        [&](int64_t at) { *y++ = arg_reduce_impl::find(x.data<T>() + at, lines.length, lines.inner, largest, last); });
  });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace sinter::ops
