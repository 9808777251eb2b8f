// MaxUnpool: the input's elements at the flat indices that MaxPool gave, zeros elsewhere. The indices count in the
// output that the kernel, strides and pads make; a larger output_shape adds zeros at the end of the axes.
#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/sliding_window.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace max_unpool_impl {

Result<Shape> natural_shape(const Attributes& attributes, const Shape& x) {
  SINTER_ASSIGN(const SlidingWindow window, read_window(attributes, static_cast<int>(x.size()) - 2, nullptr));
  Shape shape{x[0], x[1]};
  for (int axis = 0; axis < window.rank(); ++axis)
    shape.push_back((x[axis + 2] - 1) * Dim(window.strides[axis]) + window.kernel[axis] -
                    Dim(window.pads_begin[axis] + window.pads_end[axis]));
  return shape;
}

Status infer(InferContext& context) {
  std::optional<Shape> shape;
  if (const Shape* x = context.input_shape(0)) {
    SINTER_ASSIGN(shape, at_node(context, natural_shape(context.attributes(), *x)));
    if (context.has_input(2)) {
      const auto elements = context.input_elements(2);
      const bool fits = elements && elements->elements.size() == shape->size();
      for (size_t i = 0; i < shape->size(); ++i)
        (*shape)[i] = fits ? elements->elements[i] : context.fresh_symbol(fmt::format("unpooled{}", i));
    }
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  SINTER_TRY(check_dims(context, 1, x.dims()));
  SINTER_ASSIGN(const Shape shape, at_node(context, natural_shape(context.attributes(), to_shape(x.dims()))));
  const Dims natural = *constant_dims(shape);
  SINTER_TRY(check_output_dims(context, natural));
  const Dims dims = context.has_input(2) ? Dims(context.tensor(2).to_i64()) : natural;
  SINTER_TRY(check_output_dims(context, dims));
  bool fits = dims.size() == natural.size();
  for (size_t i = 0; fits && i < dims.size(); ++i) fits = dims[i] >= natural[i];
  if (!fits)
    return context.error(fmt::format("'output_shape' is {}: expected at least {}; correct the model", to_string(dims),
                                     to_string(natural)));
  const Tensor values = widened(x);
  Tensor y = zeros_f64(dims);
  const Dims strides = row_major_strides(dims);
  const int64_t count = product(natural);
  const int64_t* indices = context.tensor(1).data<int64_t>();
  for (int64_t i = 0; i < x.count(); ++i) {
    if (indices[i] < 0 || indices[i] >= count)
      return context.error(
          fmt::format("an index is {}: expected values in [0,{}]; correct the input", indices[i], count - 1));
    int64_t rest = indices[i], at = 0;
    for (size_t axis = natural.size(); axis-- > 0;) {
      at += rest % natural[axis] * strides[axis];
      rest /= natural[axis];
    }
    y.data<double>()[at] = values.data<double>()[i];
  }
  store(context, 0, x.dtype(), y);
  return ok_status();
}

}  // namespace max_unpool_impl

OpDef define_max_unpool() {
  OpDef op("MaxUnpool", 9);
  op.input("X", "T1")
      .input("I", "T2")
      .input("output_shape", "T2", ParamKind::kOptional)
      .output("output", "T1")
      .type("T1", kFloatTypes)
      .type("T2", dtype_set(DType::kI64))
      .attr("kernel_shape", AttrKind::kInts, true)
      .attr("pads", AttrKind::kInts, false)
      .attr("strides", AttrKind::kInts, false);
  op.infer = max_unpool_impl::infer;
  op.evaluate = max_unpool_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
