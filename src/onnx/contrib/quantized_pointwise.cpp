// QLinearAdd, -Mul, -Sigmoid, -LeakyRelu, -Softmax, -Where, -Concat: element by element on whole tensors' scales.
#include "onnx/contrib/contrib.h"

#include <array>
#include <optional>

namespace sinter::onnx {
namespace {

constexpr DTypeSet k8Bit = dtype_set(DType::kU8, DType::kI8);
constexpr DTypeSet kF32Only = dtype_set(DType::kF32);

ir::Value* zero_as_f32(Expansion& e, size_t index) { return e.input(index) ? e.to_f32(e.input(index)) : e.constant_f32("no_zero", 0); }

// y_zero of the result, or 0 of the operands' type.
ir::Value* zero_or_default(Expansion& e, size_t index, size_t like) { return e.input(index) ? e.input(index) : e.zero_of(e.dtype(e.input(like))); }

// The scalars of a sum, as numbers where all scales and zero points are constants, else as values that nodes compute. All in f32, in this order.
struct SumFactors {
  ir::Value *a = nullptr, *b = nullptr, *fixed = nullptr;
  std::optional<std::array<float, 3>> numbers;
};

SumFactors sum_factors(Expansion& e) {
  const auto zero = [&](size_t index) { return e.input(index) ? Expansion::number_of(e.input(index)) : 0.0f; };
  const auto a = Expansion::number_of(e.input(1)), b = Expansion::number_of(e.input(4)), c = Expansion::number_of(e.input(6));
  SumFactors factors;
  if (a && b && c && zero(2) && zero(5) && zero(7)) {
    const float ra = *a / *c, rb = *b / *c, zeros_a = ra * *zero(2), zeros_b = rb * *zero(5);
    factors.numbers = {ra, rb, *zero(7) - (zeros_a + zeros_b)};
    return factors;
  }
  factors.a = e.emit("Div", {e.input(1), e.input(6)});
  factors.b = e.emit("Div", {e.input(4), e.input(6)});
  ir::Value* zeros = e.emit("Add", {e.emit("Mul", {factors.a, zero_as_f32(e, 2)}), e.emit("Mul", {factors.b, zero_as_f32(e, 5)})});
  factors.fixed = e.emit("Sub", {zero_as_f32(e, 7), zeros});
  return factors;
}

// ONNX Runtime: saturate(round(fma(a, ra, fma(b, rb, fixed)))) with ra = a_scale / c_scale, rb likewise and fixed = c_zero - (ra·a_zero + rb·b_zero):
// the zero points take part before rounding, so that halves go to the even result, not to the even distance from the zero point. ONNX has no
// fused multiply-add, and without it every 2500th result differs where scales are round numbers: one program of the IR's own instead.
Status expand_add(Expansion& e) {
  SINTER_TRY(e.check_single({1, 2, 4, 5, 6, 7}));
  const SumFactors factors = sum_factors(e);
  const DType dtype = e.dtype(e.input(0));
  PointwiseProgram program;
  std::vector<ir::Value*> inputs{e.input(0), e.input(3)};
  program.inputs = 2;
  std::array<int16_t, 3> operands{2, 3, 4};
  if (factors.numbers) {
    for (size_t i = 0; i < 3; ++i) operands[i] = program.append_constant((*factors.numbers)[i]);
  } else {
    program.inputs = 5;
    inputs.insert(inputs.end(), {factors.a, factors.b, factors.fixed});
  }
  const int16_t b = program.append(PointwiseOp::kFma, {1, operands[1], operands[2]});
  const int16_t sum = program.append(PointwiseOp::kRound, {program.append(PointwiseOp::kFma, {0, operands[0], b})});
  const int16_t low = program.append_constant(dtype == DType::kI8 ? -128.0f : 0.0f), high = program.append_constant(dtype == DType::kI8 ? 127.0f : 255.0f);
  program.outputs = {program.append(PointwiseOp::kClip, {sum, low, high})};
  e.program_output(0, program, inputs, dtype);
  return ok_status();
}

// ONNX Runtime: saturate(round((a - a_zero)·(b - b_zero)·r + c_zero)), r = a_scale·b_scale / c_scale; the first product is exact.
Status expand_mul(Expansion& e) {
  SINTER_TRY(e.check_single({1, 2, 4, 5, 6, 7}));
  ir::Value* one = e.constant_f32("one", 1);
  ir::Value* ratio = e.emit("Div", {e.emit("Mul", {e.input(1), e.input(4)}), e.input(6)});
  ir::Value* product = e.emit("Mul", {e.dequantize(e.input(0), one, e.input(2)), e.dequantize(e.input(3), one, e.input(5))});
  e.rounded_output(0, e.emit("Add", {e.emit("Mul", {product, ratio}), zero_as_f32(e, 7)}), e.dtype(e.input(0)));
  return ok_status();
}

Status expand_sigmoid(Expansion& e) {
  SINTER_TRY(e.check_single({1, 2, 3, 4}));
  e.quantized_output(0, e.emit("Sigmoid", {e.dequantize(e.input(0), e.input(1), e.input(2))}), e.input(3), zero_or_default(e, 4, 0));
  return ok_status();
}

Status expand_leaky_relu(Expansion& e) {
  SINTER_TRY(e.check_single({1, 2, 3, 4}));
  Attributes attributes = make_attributes({{"alpha", e.attributes().f("alpha")}});
  e.quantized_output(0, e.emit("LeakyRelu", {e.dequantize(e.input(0), e.input(1), e.input(2))}, attributes), e.input(3), zero_or_default(e, 4, 0));
  return ok_status();
}

// ONNX Runtime multiplies by ⌊1 / y_scale⌋ where a division by y_scale is meant; the results differ, so that is followed. The zero point of x
// has no effect on a softmax.
Status expand_softmax(Expansion& e) {
  SINTER_TRY(e.check_single({1, 2, 3, 4}));
  ir::Value* x = e.dequantize(e.input(0), e.input(1), e.input(2));
  const int64_t opset = e.attributes().i("opset");
  int64_t axis = e.attributes().i_or("axis", opset < 13 ? 1 : -1);
  ir::Value* flat = x;
  const bool flattened = opset < 13;  // one line of everything from the axis on
  if (flattened) {
    SINTER_TRY(e.check_rank(0, 1));
    const int rank = e.rank(e.input(0));
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return e.error(fmt::format("attribute 'axis' is {} for rank {}", axis, rank), "an axis of the input");
    if (axis == rank - 1) {
      flat = x;
    } else {
      flat = e.emit("Flatten", {x}, make_attributes({{"axis", axis}}));
    }
  }
  ir::Value* y = e.emit("Softmax", {flat}, make_attributes({{"axis", flattened ? int64_t{-1} : axis}}));
  if (flat != x) y = e.emit("Reshape", {y, e.emit("Shape", {e.input(0)})});
  ir::Value* steps = e.emit("Floor", {e.emit("Div", {e.constant_f32("one", 1), e.input(3)})});
  e.quantized_output(0, e.emit("Mul", {y, steps}), e.constant_f32("step", 1), zero_or_default(e, 4, 0));
  return ok_status();
}

bool same_single(const ir::Value* a, const ir::Value* b) {
  if (a == b) return true;
  const Tensor *left = Expansion::constant_of(a), *right = Expansion::constant_of(b);
  return left && right && left->dtype() == right->dtype() && left->count() == 1 && right->count() == 1 && left->to_f64() == right->to_f64();
}

// An 8-bit value in another scale; the value itself where scale and zero point are the same.
ir::Value* rescaled(Expansion& e, ir::Value* value, ir::Value* scale, ir::Value* zero, ir::Value* new_scale, ir::Value* new_zero) {
  if (same_single(scale, new_scale) && same_single(zero, new_zero)) return value;
  return e.emit("QuantizeLinear", {e.dequantize(value, scale, zero), new_scale, new_zero});
}

Status expand_where(Expansion& e) {
  SINTER_TRY(e.check_single({2, 3, 5, 6, 7, 8}));
  ir::Value* x = rescaled(e, e.input(1), e.input(2), e.input(3), e.input(7), e.input(8));
  ir::Value* y = rescaled(e, e.input(4), e.input(5), e.input(6), e.input(7), e.input(8));
  e.output(0, "Where", {e.input(0), x, y});
  return ok_status();
}

// Inputs: y_scale, y_zero, then three for each tensor: values, scale, zero point.
Status expand_concat(Expansion& e) {
  if (e.input_count() < 5 || (e.input_count() - 2) % 3 != 0) {
    return e.error(fmt::format("{} inputs", e.input_count()), "2 and three more for each tensor: values, scale, zero point");
  }
  const DType type = e.dtype(e.input(1));
  if (!contains(k8Bit, type)) return e.error(fmt::format("the zero point, input 1, is {}", dtype_name(type)), "u8 or i8");
  std::vector<ir::Value*> parts;
  SINTER_TRY(e.check_single({0, 1}));
  if (e.dtype(e.input(0)) != DType::kF32) return e.error(fmt::format("the scale, input 0, is {}", dtype_name(e.dtype(e.input(0)))), "f32");
  for (size_t i = 2; i < e.input_count(); i += 3) {
    for (size_t k = i; k < i + 3; ++k) {
      const DType wanted = k == i + 1 ? DType::kF32 : type;
      if (!e.input(k)) return e.error(fmt::format("input {} is left out", k), "values, scale and zero point of each tensor");
      if (e.dtype(e.input(k)) != wanted) {
        return e.error(fmt::format("input {} ('{}') is {}", k, e.input(k)->name, dtype_name(e.dtype(e.input(k)))), std::string(dtype_name(wanted)));
      }
    }
    SINTER_TRY(e.check_single({i + 1, i + 2}));
    parts.push_back(rescaled(e, e.input(i), e.input(i + 1), e.input(i + 2), e.input(0), e.input(1)));
  }
  e.output(0, "Concat", parts, make_attributes({{"axis", e.attributes().i("axis")}}));
  return ok_status();
}

OpDef binary(const char* name) {
  OpDef op(name, 1, kMicrosoft);
  op.input("A", "T").input("A_scale", "F").input("A_zero_point", "T", ParamKind::kOptional);
  op.input("B", "T").input("B_scale", "F").input("B_zero_point", "T", ParamKind::kOptional);
  op.input("C_scale", "F").input("C_zero_point", "T", ParamKind::kOptional).output("C", "T");
  op.type("T", k8Bit).type("F", kF32Only);
  return op;
}

OpDef unary(const char* name) {
  OpDef op(name, 1, kMicrosoft);
  op.input("X", "T").input("X_scale", "F").input("X_zero_point", "T", ParamKind::kOptional);
  op.input("Y_scale", "F").input("Y_zero_point", "T", ParamKind::kOptional).output("Y", "T");
  op.type("T", k8Bit).type("F", kF32Only);
  return op;
}

}  // namespace

void add_quantized_pointwise(ContribList& list) {
  list.push_back({binary("QLinearAdd"), expand_add});
  list.push_back({binary("QLinearMul"), expand_mul});
  list.push_back({unary("QLinearSigmoid"), expand_sigmoid});
  OpDef leaky = unary("QLinearLeakyRelu");
  leaky.attr("alpha", 0.01f);
  list.push_back({leaky, expand_leaky_relu});
  OpDef softmax = unary("QLinearSoftmax");
  softmax.attr("axis", AttrKind::kInt, false).attr("opset", AttrKind::kInt, true);
  list.push_back({softmax, expand_softmax});
  OpDef where("QLinearWhere", 1, kMicrosoft);
  where.input("condition", "B").input("X", "T").input("x_scale", "F").input("x_zero_point", "T");
  where.input("Y", "T").input("y_scale", "F").input("y_zero_point", "T").input("z_scale", "F").input("z_zero_point", "T").output("Z", "T");
  where.type("B", dtype_set(DType::kBool)).type("T", k8Bit).type("F", kF32Only);
  list.push_back({where, expand_where});
  OpDef concat("QLinearConcat", 1, kMicrosoft);
  concat.input("Y_scale", "F").input("Y_zero_point", "T").input("inputs", "V", ParamKind::kVariadic, true).output("Y", "T");
  concat.type("T", k8Bit).type("F", kF32Only).type("V", k8Bit | kF32Only).attr("axis", AttrKind::kInt, true);
  list.push_back({concat, expand_concat});
}

}  // namespace sinter::onnx
