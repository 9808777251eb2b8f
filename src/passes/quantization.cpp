// Quantized values (quantization.h).
#include "passes/quantization.h"

#include <algorithm>

#include "core/numeric.h"

namespace sinter::passes {
namespace {

bool is_zero(const Tensor& tensor) {
  const std::vector<double> values = tensor.to_f64();
  return std::all_of(values.begin(), values.end(), [](double value) { return value == 0; });
}

bool is_quantization(const Node& node) { return node.is("QuantizeLinear") || node.is("DequantizeLinear"); }

bool same_constant(const IrValue* a, const IrValue* b) {
  if (a == b) return true;
  const Tensor *left = constant_of(a), *right = constant_of(b);
  return left && right && left->dtype() == right->dtype() && left->count() == 1 && right->count() == 1 && left->to_f64() == right->to_f64();
}

}  // namespace

bool is_8bit(const IrValue* value) {
  return value && value->type.is_tensor() && (value->type.dtype == DType::kI8 || value->type.dtype == DType::kU8);
}

bool is_quantized_product(const Node& node) { return node.is("QuantizedConv", "sinter") || node.is("QuantizedMatMul", "sinter"); }

std::optional<Quantized> dequantized(const IrValue* value, std::string& reason) {
  const Node* node = value ? producer(value, "DequantizeLinear") : nullptr;
  if (!node) return std::nullopt;
  const auto no = [&](std::string why) {
    reason = fmt::format("'{}': {}", node->name, why);
    return std::nullopt;
  };
  Quantized result{node->input(0), node->input(1), node->input(2), -1, node};
  if (!same_dtype(node->output(), result.scale) || result.scale->type.dtype != DType::kF32) return no("not dequantized to f32 by f32 scales");
  const Shape *scale = shape_of(result.scale), *shape = shape_of(result.values);
  if (node->attributes.i_or("block_size", 0) != 0) return no("blocks of values have their own scales");
  if (!scale || !shape) return no("the rank of scale or values is not known");
  if (!product(*scale).is(1)) {
    result.axis = static_cast<int>(node->attributes.i_or("axis", 1));
    if (result.axis < 0) result.axis += static_cast<int>(shape->size());
    if (scale->size() != 1 || result.axis < 0 || result.axis >= static_cast<int>(shape->size())) return no("the scales are no vector along an axis");
  }
  if (const Tensor* zero = constant_of(result.zero); zero && is_zero(*zero)) result.zero = nullptr;
  return result;
}

bool is_per_tensor(const Node& node) {
  const Shape* scale = shape_of(node.input(1));
  return scale && product(*scale).is(1) && node.input(1)->type.dtype == DType::kF32 && node.attributes.i_or("block_size", 0) == 0 &&
         node.attributes.i_or("precision", 0) == 0;
}

DType integer_type(const Node& node) { return node.is("QuantizeLinear") ? node.output()->type.dtype : node.input(0)->type.dtype; }

bool same_quantization(const Node& a, const Node& b) {
  if (!is_quantization(a) || !is_quantization(b) || !is_per_tensor(a) || !is_per_tensor(b)) return false;
  if (integer_type(a) != integer_type(b) || !same_constant(a.input(1), b.input(1))) return false;
  const auto none = [](const IrValue* zero) { return !zero || (constant_of(zero) && is_zero(*constant_of(zero))); };
  return (none(a.input(2)) && none(b.input(2))) || same_constant(a.input(2), b.input(2));
}

SignedWeights as_signed(Patch& patch, IrValue* values, IrValue* zero) {
  const Tensor *numbers = constant_of(values), *point = constant_of(zero);
  if (!numbers || numbers->dtype() != DType::kU8) return {values, zero};
  const auto shifted = [&](const Tensor& from) {
    Tensor to(DType::kI8, from.dims());
    const auto* source = from.data<uint8_t>();
    for (int64_t i = 0; i < from.count(); ++i) to.data<int8_t>()[i] = static_cast<int8_t>(source[i] - 128);
    return to;
  };
  Tensor origin(DType::kU8, {});
  *origin.data<uint8_t>() = 0;
  const Tensor moved = shifted(point ? *point : origin);
  return {patch.add_constant(values->name, shifted(*numbers), {values}), is_zero(moved) ? nullptr : patch.add_constant(values->name + "_zero", moved)};
}

IrValue* product_scale(Patch& patch, std::string_view name, const IrValue* a, const IrValue* b, const IrValue* divisor) {
  const Tensor *left = constant_of(a), *right = constant_of(b), *below = constant_of(divisor);
  if (!left || !right || left->count() != 1 || (divisor && (!below || below->count() != 1))) return nullptr;
  Tensor scale(DType::kF32, {right->count()});
  for (int64_t i = 0; i < right->count(); ++i) {
    float value = *left->data<float>() * right->data<float>()[i];
    if (below) value /= *below->data<float>();
    scale.data<float>()[i] = value;
  }
  return patch.add_constant(fmt::format("{}_scale", name), std::move(scale));
}

bool set_padding(const Node& node, const IrValue* zero, DType dtype, std::vector<IrValue*>& inputs, Patch& patch) {
  if (!node.is("Pad") || node.attributes.s_or("mode", "constant") != "constant") return true;
  if (inputs.size() < 3) inputs.resize(3, nullptr);
  const Tensor* point = constant_of(zero);
  if (zero && !point) return false;
  Tensor value = point ? point->reshaped({}) : make_floats({0}, {}, DType::kF32).cast(dtype);
  inputs[2] = patch.add_constant(node.name + "_padding", std::move(value));
  return true;
}

int16_t append_rounding(PointwiseProgram& program, int16_t value, int16_t zero, DType dtype) {
  const int bits = dtype_bits(dtype);
  const float low = is_signed(dtype) ? -static_cast<float>(1 << (bits - 1)) : 0.0f;
  const float high = low + static_cast<float>((1 << bits) - 1);
  int16_t result = program.append(PointwiseOp::kRound, {value});
  if (zero >= 0) result = program.append(PointwiseOp::kAdd, {result, zero});
  const int16_t least = program.append_constant(low), most = program.append_constant(high);
  return program.append(PointwiseOp::kClip, {result, least, most});
}

}  // namespace sinter::passes
