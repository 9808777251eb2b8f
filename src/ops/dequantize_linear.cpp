// DequantizeLinear: y = (x - zero_point) * scale in the output's type ('output_dtype' or else the scale's), rounded
// once.
#include "ops/elementwise.h"
#include "ops/quantize_grid.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace dequantize_linear_impl {

template <typename Context>
Status target_dtype(const Context& context, DType scale, DType& dtype) {
  dtype = scale;
  if (const int64_t given = context.attributes().i("output_dtype"); given != 0) {
    SINTER_ASSIGN(dtype, dtype_attribute(context, "output_dtype", given));
  }
  return ok_status();
}

Status infer(InferContext& context) {
  DType dtype;
  SINTER_TRY(target_dtype(context, input_dtype(context, 1), dtype));
  SINTER_TRY(check_quantize_shapes(context));
  context.set_output(0, ValueType::tensor(dtype, context.input_type(0).shape));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  DType dtype;
  SINTER_TRY(target_dtype(context, context.tensor(1).dtype(), dtype));
  QuantizeGrid grid;
  SINTER_TRY(make_quantize_grid(context, grid));
  const std::vector<double> values = x.to_f64(), scales = context.tensor(1).to_f64();
  std::vector<double> zeros(scales.size(), 0.0);
  if (context.has_input(2)) zeros = context.tensor(2).to_f64();
  const bool known = visit_float(dtype, [&]<typename T>(TypeTag<T>) {
    T* y = context.allocate(0, dtype, x.dims()).template data<T>();
    grid.for_each([&](int64_t i, int64_t s) {
      using C = Compute<T>;
      y[i] = static_cast<T>(static_cast<C>(values[i] - zeros[s]) * static_cast<C>(scales[s]));
    });
  });
  if (known) return ok_status();
  return context.error(fmt::format(
      "the output would be {}: expected a float type of 16 bits or more; set 'output_dtype'", dtype_name(dtype)));
}

}  // namespace dequantize_linear_impl

OpDef define_dequantize_linear() {
  OpDef op("DequantizeLinear", 10);
  op.input("x", "T1")
      .input("x_scale", "T2")
      .input("x_zero_point", "T1", ParamKind::kOptional)
      .output("y", "T3")
      .type("T1", kSubByteTypes | dtype_set(DType::kU8, DType::kI8, DType::kU16, DType::kI16, DType::kI32,
                                            DType::kF8E4M3FN, DType::kF8E4M3FNUZ, DType::kF8E5M2, DType::kF8E5M2FNUZ,
                                            DType::kF6E2M3, DType::kF6E3M2))
      .type("T2", dtype_set(DType::kF32, DType::kF16, DType::kBF16, DType::kF8E8M0))
      .type("T3", dtype_set(DType::kF32, DType::kF16, DType::kBF16))
      .attr("axis", int64_t{1})
      .attr("block_size", int64_t{0})
      .attr("output_dtype", int64_t{0});
  op.infer = dequantize_linear_impl::infer;
  op.evaluate = dequantize_linear_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
