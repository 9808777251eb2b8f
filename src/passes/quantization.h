// Values as whole numbers with a scale: what the passes on QuantizeLinear and DequantizeLinear share.
#pragma once

#include "passes/match.h"

namespace sinter::passes {

// real = (values - zero) · scale
struct Quantized {
  IrValue* values = nullptr;
  IrValue* scale = nullptr;    // f32: one element, or one an index of `axis`
  IrValue* zero = nullptr;     // null: 0
  int axis = -1;               // of the values; -1: one scale for all
  const Node* node = nullptr;  // the DequantizeLinear
};

bool is_8bit(const IrValue* value);
// A QuantizedConv or QuantizedMatMul.
bool is_quantized_product(const Node& node);
// The whole numbers behind a DequantizeLinear to f32 of values of up to 16 bits, not in blocks. nullopt and, where it is a
// DequantizeLinear, a reason otherwise.
std::optional<Quantized> dequantized(const IrValue* value, std::string& reason);
// The scale (f32) and zero point of a QuantizeLinear or DequantizeLinear have one element each.
bool is_per_tensor(const Node& node);
// Both nodes have the same scale, zero point and integer type, per tensor.
bool same_quantization(const Node& a, const Node& b);
// The type of a QuantizeLinear's result or of a DequantizeLinear's input.
DType integer_type(const Node& node);
// Constant 8-bit weights as i8, with the zero point that belongs to them (null: 0 everywhere).
struct SignedWeights {
  IrValue* values = nullptr;
  IrValue* zero = nullptr;
};
SignedWeights as_signed(Patch& patch, IrValue* values, IrValue* zero);
// Constant scale of a product whose operands have these scales, divided by `divisor`, in f32 and in this order; null: not constant.
IrValue* product_scale(Patch& patch, std::string_view name, const IrValue* a, const IrValue* b, const IrValue* divisor = nullptr);
// Puts the zero point in the place of a Pad's 0 in `inputs` (other operators: nothing to do); false: it is not constant.
bool set_padding(const Node& node, const IrValue* zero, DType dtype, std::vector<IrValue*>& inputs, Patch& patch);
// Saturated round of a program's operand `value` plus a zero point, as QuantizeLinear does it: for integers of 8 and 16 bits.
int16_t append_rounding(PointwiseProgram& program, int16_t value, int16_t zero, DType dtype);

}  // namespace sinter::passes
