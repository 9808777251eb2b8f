// What QuantizeLinear and DequantizeLinear share.
#include "ops/quantize_grid.h"

#include "ops/indexing.h"

namespace sinter::ops {

Status make_quantize_grid(const EvalContext& context, QuantizeGrid& grid) {
  const Tensor& x = context.tensor(0);
  const Tensor& scale = context.tensor(1);
  if (context.has_input(2) && context.tensor(2).dims() != scale.dims() && context.tensor(2).count() != scale.count())
    return context.error(fmt::format("the zero point is {}, the scale {}: expected equal shapes; correct the model",
                                     to_string(context.tensor(2).dims()), to_string(scale.dims())));
  grid.outer = x.count();
  const int64_t block = context.attributes().i("block_size");
  if (scale.count() == 1 && block == 0) return ok_status();
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), x.rank(), axis));
  grid.outer = product(x.dims(), 0, axis);
  grid.length = x.dims()[axis];
  grid.inner = product(x.dims(), axis + 1);
  if (scale.rank() == 1 && block == 0 && scale.count() == grid.length) {
    grid.axis_stride = 1;
    return ok_status();
  }
  Dims expected = x.dims();
  if (block > 0) expected[axis] = grid.length / block + (grid.length % block != 0);
  if (block <= 0 || scale.dims() != expected)
    return context.error(fmt::format(
        "the scale is {} for input {}, axis {}, block_size {}: expected one element, [{}], or blocks along the axis; "
        "correct the model",
        to_string(scale.dims()), to_string(x.dims()), axis, block, grid.length));
  grid.block = block;
  grid.inner_stride = 1;
  grid.axis_stride = grid.inner;
  grid.outer_stride = expected[axis] * grid.inner;
  return ok_status();
}

namespace {

Status check_blocks(const InferContext& context, const Shape& x, const Shape& scale, int64_t block) {
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), static_cast<int64_t>(x.size()), axis));
  bool fits = scale.size() == x.size();
  for (size_t i = 0; fits && i < x.size(); ++i) {
    if (!x[i].is_constant() || !scale[i].is_constant()) continue;
    const int64_t length = x[i].value();
    fits = scale[i].value() == (static_cast<int>(i) == axis ? length / block + (length % block != 0) : length);
  }
  if (fits) return ok_status();
  return context.error(fmt::format("the scale is {} for {} in blocks of {} along axis {}: expected one for each block; correct the model",
                                   to_string(scale), to_string(x), block, axis));
}

}  // namespace

Status check_quantize_shapes(const InferContext& context) {
  const Shape *x = context.input_shape(0), *scale = context.input_shape(1), *zero = context.input_shape(2);
  if (scale && zero) {
    const Dim scales = product(*scale), zeros = product(*zero);
    if (scales.is_constant() && zeros.is_constant() && !(scales == zeros))
      return context.error(fmt::format("the zero point is {}, the scale {}: expected equal shapes; correct the model",
                                       to_string(*zero), to_string(*scale)));
  }
  const int64_t block = context.attributes().i("block_size");
  if (block < 0)
    return context.error(fmt::format("attribute 'block_size' is {}: expected 0, or a size; correct the model", block));
  if (!x || !scale) return ok_status();
  if (block != 0) return check_blocks(context, *x, *scale, block);
  if (scale->empty()) return ok_status();
  if (scale->size() != 1)
    return context.error(fmt::format(
        "the scale is {} without block_size: expected a scalar or one axis; correct the model", to_string(*scale)));
  if ((*scale)[0].is(1)) return ok_status();
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), static_cast<int64_t>(x->size()), axis));
  const Dim& length = (*x)[axis];
  if (length.is_constant() && (*scale)[0].is_constant() && !(length == (*scale)[0]))
    return context.error(fmt::format("the scale is {} for axis {} of {}: expected {} entries; correct the model",
                                     to_string(*scale), axis, to_string(*x), length.value()));
  return ok_status();
}

}  // namespace sinter::ops
