// DynamicQuantizeLinear: f32 → u8 with a scale that maps [min(x, 0), max(x, 0)] onto [0, 255]. All arithmetic in f32,
// halves to even. A tensor of zeros has scale 1 (as in ONNX Runtime; ONNX
// says 0, which nothing can be divided by) and zero point 0.
#include <algorithm>
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace dynamic_quantize_linear_impl {

Status infer(InferContext& context) {
  context.set_output(0, ValueType::tensor(DType::kU8, context.input_type(0).shape));
  context.set_output(1, ValueType::tensor(DType::kF32, Shape{}));
  context.set_output(2, ValueType::tensor(DType::kU8, Shape{}));
  return ok_status();
}

uint8_t saturate(float value) { return value > 0 ? static_cast<uint8_t>(std::min(value, 255.0f)) : 0; }

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  if (x.dtype() != DType::kF32) return unsupported_dtype(context, 0);
  float low = 0, high = 0;
  for (int64_t i = 0; i < x.count(); ++i) {
    low = std::min(low, x.data<float>()[i]);
    high = std::max(high, x.data<float>()[i]);
  }
  const float step = (high - low) / 255.0f, scale = step > 0 ? step : 1.0f;
  const uint8_t zero = saturate(std::nearbyint(0.0f - low / scale));
  uint8_t* y = context.allocate(0, DType::kU8, x.dims()).data<uint8_t>();
  for (int64_t i = 0; i < x.count(); ++i)
    y[i] = saturate(std::nearbyint(x.data<float>()[i] / scale) + static_cast<float>(zero));
  context.set_output(1, Tensor::scalar(DType::kF32, scale));
  context.set_output(2, Tensor::scalar(DType::kU8, zero));
  return ok_status();
}

}  // namespace dynamic_quantize_linear_impl

OpDef define_dynamic_quantize_linear() {
  OpDef op("DynamicQuantizeLinear", 11);
  op.input("x", "T1")
      .output("y", "T2")
      .output("y_scale", "F32")
      .output("y_zero_point", "T2")
      .type("T1", dtype_bit(DType::kF32))
      .type("T2", dtype_bit(DType::kU8))
      .type("F32", dtype_bit(DType::kF32));
  op.infer = dynamic_quantize_linear_impl::infer;
  op.evaluate = dynamic_quantize_linear_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
