// AffineGrid: the affine map theta applied to an even grid over [-1, 1] of the size in input 1: [n, h, w, 2] or [n, d,
// h, w, 3]. align_corners: the ends are pixel centres, else pixel edges.
#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace affine_grid_impl {

Status infer(InferContext& context) {
  std::optional<Shape> output;
  if (const auto size = context.input_elements(1)) {
    const auto& sizes = size->elements;
    if (sizes.size() != 4 && sizes.size() != 5)
      return context.error(fmt::format("'size' has {} entries: expected 4 or 5; correct the model", sizes.size()));
    output = Shape{sizes[0]};
    output->insert(output->end(), sizes.begin() + 2, sizes.end());
    output->push_back(static_cast<int64_t>(sizes.size()) - 2);
  } else if (const Shape* theta = context.input_shape(0); theta && theta->size() == 3 && (*theta)[1].is_constant()) {
    const int64_t spatial = (*theta)[1].value();
    output = fresh_shape(context, spatial + 2, "grid");
    (*output)[0] = (*theta)[0];
    output->back() = spatial;
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

double position(int64_t i, int64_t size, bool align_corners) {
  if (align_corners) return size == 1 ? -1.0 : -1.0 + 2.0 * static_cast<double>(i) / static_cast<double>(size - 1);
  return (2.0 * static_cast<double>(i) + 1.0) / static_cast<double>(size) - 1.0;
}

Status evaluate(EvalContext& context) {
  const Tensor& theta = context.tensor(0);
  const std::vector<int64_t> size = read_indices(context.tensor(1));
  const int spatial = static_cast<int>(size.size()) - 2;
  if ((spatial != 2 && spatial != 3) || theta.dims() != Dims{size[0], spatial, spatial + 1})
    return context.error(
        fmt::format("theta is {} and size {}: expected [n,2,3] with 4 sizes or [n,3,4] with 5; correct the model",
                    to_string(theta.dims()), to_string(size)));
  const bool align_corners = context.attributes().i("align_corners") != 0;
  const Dims grid(size.begin() + 2, size.end());
  Dims dims{size[0]};
  dims.insert(dims.end(), grid.begin(), grid.end());
  dims.push_back(spatial);
  SINTER_TRY(check_output_dims(context, dims));
  const std::vector<double> maps = theta.to_f64();
  const bool known = visit_float(theta.dtype(), [&]<typename T>(TypeTag<T>) {
    T* y = context.allocate(0, theta.dtype(), dims).template data<T>();
    for (int64_t n = 0; n < size[0]; ++n) {
      const double* map = maps.data() + n * spatial * (spatial + 1);
      for_each_index(grid, [&](const Dims& index) {
        for (int row = 0; row < spatial; ++row) {
          const double* coefficients = map + row * (spatial + 1);
          double sum = coefficients[spatial];
          // x is the last grid axis, then y, then z.
          for (int k = 0; k < spatial; ++k)
            sum += coefficients[k] * position(index[spatial - 1 - k], grid[spatial - 1 - k], align_corners);
          *y++ = static_cast<T>(sum);
        }
      });
    }
  });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace affine_grid_impl

OpDef define_affine_grid() {
  OpDef op("AffineGrid", 20);
  op.input("theta", "T1")
      .input("size", "T2")
      .output("grid", "T1")
      .type("T1", kFloatTypes)
      .type("T2", dtype_bit(DType::kI64))
      .attr("align_corners", int64_t{0});
  op.infer = affine_grid_impl::infer;
  op.evaluate = affine_grid_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
