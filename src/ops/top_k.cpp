// TopK: the K largest (or smallest) elements of each line along the axis and their indices, best first; of equals the
// one with the lower index comes first. NaN counts as larger than every number. Unsorted results (sorted=0) come sorted
// too.
#include <algorithm>

#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/lines.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace top_k_impl {

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  std::optional<Shape> output;
  if (input) {
    int axis = 0;
    SINTER_TRY(check_axis(context, context.attributes().i("axis"), static_cast<int64_t>(input->size()), axis));
    output = *input;
    const auto k = context.input_elements(1);
    Dim& size = (*output)[axis];
    if (k && k->elements.size() == 1) {
      const Dim& wanted = k->elements[0];
      if (wanted.is_constant() && (wanted.value() < 0 || (size.is_constant() && wanted.value() > size.value())))
        return context.error(
            fmt::format("'K' is {}, but axis {} of {} has {} elements: expected K in [0,{}]; correct the model",
                        wanted.value(), axis, to_string(*input), size.to_string(), size.to_string()));
      size = wanted;
    } else {
      size = context.fresh_symbol("k");
    }
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), output));
  if (context.has_output(1)) context.set_output(1, ValueType::tensor(DType::kI64, std::move(output)));
  return ok_status();
}

template <typename T>
bool above(T a, T b) {
  return a > b || (a != a && b == b);
}

template <typename T>
void select(const Tensor& x, const Lines& lines, int64_t k, bool largest, Tensor& values, Tensor& indices) {
  std::vector<int64_t> order(static_cast<size_t>(lines.length));
  int64_t line = 0;
  lines.for_each([&](int64_t at) {
    const T* from = x.data<T>() + at;
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
    std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t a, int64_t b) {
      const auto va = static_cast<Compute<T>>(from[a * lines.inner]),
                 vb = static_cast<Compute<T>>(from[b * lines.inner]);
      if (above(va, vb)) return largest;
      if (above(vb, va)) return !largest;
      return a < b;
    });
    const int64_t to = line / lines.inner * k * lines.inner + line % lines.inner;
    for (int64_t i = 0; i < k; ++i) {
      values.data<T>()[to + i * lines.inner] = from[order[i] * lines.inner];
      indices.data<int64_t>()[to + i * lines.inner] = order[i];
    }
    ++line;
  });
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), x.rank(), axis));
  const std::vector<int64_t> k = read_indices(context.tensor(1));
  const Lines lines(x.dims(), axis);
  if (k.size() != 1 || k[0] < 0 || k[0] > lines.length)
    return context.error(
        fmt::format("'K' is {}, but axis {} of {} has {} elements: expected one number in [0,{}]; correct the model",
                    to_string(k), axis, to_string(x.dims()), lines.length, lines.length));
  Dims dims = x.dims();
  dims[axis] = k[0];
  const bool largest = context.attributes().i("largest") != 0;
  const bool known = visit_numeric(x.dtype(), [&]<typename T>(TypeTag<T>) {
    Tensor values = context.allocate(0, x.dtype(), dims);  // shares its buffer with the output
    Tensor indices = context.allocate(1, DType::kI64, dims);
    select<T>(x, lines, k[0], largest, values, indices);
  });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace top_k_impl

OpDef define_top_k() {
  OpDef op("TopK", 10);
  op.input("X", "T")
      .input("K", "I64")
      .output("Values", "T")
      .output("Indices", "I")
      .type("T", kNumericTypes)
      .type("I64", dtype_bit(DType::kI64))
      .type("I", dtype_bit(DType::kI64))
      .attr("axis", int64_t{-1})
      .attr("largest", int64_t{1})
      .attr("sorted", int64_t{1});
  op.infer = top_k_impl::infer;
  op.evaluate = top_k_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
