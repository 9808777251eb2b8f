// QGemm, MatMulIntegerToFloat, DynamicQuantizeMatMul, and QuantizeLinear/DequantizeLinear of com.microsoft.
#include <algorithm>

#include "onnx/contrib/contrib.h"

namespace sinter::onnx {
namespace {

constexpr DTypeSet k8Bit = dtype_set(DType::kU8, DType::kI8);
constexpr DTypeSet kF32Only = dtype_set(DType::kF32);

Status expand_quantize(Expansion& e) {
  e.output(0, "QuantizeLinear", {e.input(0), e.input(1), e.input(2)}, e.attributes());
  return ok_status();
}

Status expand_dequantize(Expansion& e) {
  e.output(0, "DequantizeLinear", {e.input(0), e.input(1), e.input(2)}, e.attributes());
  return ok_status();
}

ir::Value* transposed(Expansion& e, size_t index, const char* attribute) {
  return e.attributes().i(attribute) != 0 ? e.transpose(e.input(index), {1, 0}) : e.input(index);
}

// One element, or one a column of B.
Status check_columns(const Expansion& e, size_t index, size_t b, bool transposed) {
  const Shape *given = Expansion::shape(e.input(index)), *matrix = Expansion::shape(e.input(b));
  if (!given || !matrix || matrix->size() < 2 || given->empty()) return ok_status();
  const Dim& columns = transposed ? (*matrix)[matrix->size() - 2] : matrix->back();
  const bool single = std::all_of(given->begin(), given->end(), [](const Dim& dim) { return dim.is(1); });
  const bool known = given->back().is_constant() && columns.is_constant();
  if (single || (given->size() == 1 && (!known || given->back() == columns))) return ok_status();
  return Expansion::error(fmt::format("input {} ('{}') is {} for B of {}", index, e.input(index)->name, to_string(*given), to_string(*matrix)),
                          fmt::format("one element, or [{}]: one a column", columns.to_string()));
}

// ONNX Runtime: sums in i32 with C, times alpha·a_scale·b_scale (/ y_scale) in f32; rounded, plus the zero point, saturated.
Status expand_gemm(Expansion& e) {
  SINTER_TRY(e.check_single({1, 2, 7, 8}));
  for (const size_t index : {size_t{0}, size_t{3}}) {
    SINTER_TRY(e.check_rank(index, 2));
    if (e.rank(e.input(index)) > 2) return e.error(fmt::format("input {} is {}", index, to_string(*e.shape(e.input(index)))), "a matrix");
  }
  const bool b_turned = e.attributes().i("transB") != 0;
  SINTER_TRY(check_columns(e, 4, 3, b_turned));
  SINTER_TRY(check_columns(e, 5, 3, b_turned));
  if (e.input(8) && !e.input(7)) return e.error("a zero point of the result, input 8, without its scale", "both or none");
  ir::Value* sums = e.emit("MatMulInteger", {transposed(e, 0, "transA"), transposed(e, 3, "transB"), e.input(2), e.input(5)});
  if (e.input(6)) sums = e.emit("Add", {sums, e.input(6)});
  ir::Value* scale = e.input(1);
  if (const float alpha = e.attributes().f("alpha"); alpha != 1) scale = e.emit("Mul", {e.constant_f32("alpha", alpha), scale});
  scale = e.emit("Mul", {scale, e.input(4)});
  if (!e.input(7)) {
    e.output(0, "Mul", {e.to_f32(sums), scale});
    return ok_status();
  }
  scale = e.emit("Div", {scale, e.input(7)});
  ir::Value* zero = e.input(8) ? e.input(8) : e.zero_of(e.dtype(e.input(0)));
  e.quantized_output(0, e.emit("Mul", {e.to_f32(sums), scale}), e.constant_f32("step", 1), zero);
  return ok_status();
}

Status finish_float(Expansion& e, ir::Value* sums, ir::Value* scale, ir::Value* bias) {
  if (!bias) {
    e.output(0, "Mul", {e.to_f32(sums), scale});
    return ok_status();
  }
  e.output(0, "Add", {e.emit("Mul", {e.to_f32(sums), scale}), bias});
  return ok_status();
}

Status expand_integer_to_float(Expansion& e) {
  SINTER_TRY(e.check_single({2, 4}));
  SINTER_TRY(check_columns(e, 3, 1, false));
  SINTER_TRY(check_columns(e, 5, 1, false));
  ir::Value* sums = e.emit("MatMulInteger", {e.input(0), e.input(1), e.input(4), e.input(5)});
  return finish_float(e, sums, e.emit("Mul", {e.input(2), e.input(3)}), e.input(6));
}

// The form in which ONNX Runtime's quantizer writes it without the fusion.
Status expand_dynamic_matmul(Expansion& e) {
  SINTER_TRY(check_columns(e, 2, 1, false));
  SINTER_TRY(check_columns(e, 3, 1, false));
  const std::vector<ir::Value*> a = e.emit_several("DynamicQuantizeLinear", {e.input(0)}, 3);
  if (e.failed()) return ok_status();
  ir::Value* sums = e.emit("MatMulInteger", {a[0], e.input(1), a[2], e.input(3)});
  return finish_float(e, sums, e.emit("Mul", {a[1], e.input(2)}), e.input(4));
}

}  // namespace

void add_quantized_products(ContribList& list) {
  const DTypeSet scales = dtype_set(DType::kF32, DType::kF16);
  const DTypeSet integers = k8Bit | dtype_set(DType::kU16, DType::kI16, DType::kU4, DType::kI4, DType::kU2, DType::kI2);
  OpDef quantize("QuantizeLinear", 1, kMicrosoft);
  quantize.input("x", "T1").input("y_scale", "T1").input("y_zero_point", "T2", ParamKind::kOptional).output("y", "T2");
  quantize.type("T1", scales).type("T2", integers).attr("axis", AttrKind::kInt, false).attr("block_size", AttrKind::kInt, false);
  list.push_back({quantize, expand_quantize});
  OpDef dequantize("DequantizeLinear", 1, kMicrosoft);
  dequantize.input("x", "T1").input("x_scale", "T2").input("x_zero_point", "T1", ParamKind::kOptional).output("y", "T2");
  dequantize.type("T1", integers | dtype_set(DType::kI32)).type("T2", scales);
  dequantize.attr("axis", AttrKind::kInt, false).attr("block_size", AttrKind::kInt, false);
  list.push_back({dequantize, expand_dequantize});

  OpDef gemm("QGemm", 1, kMicrosoft);
  gemm.input("A", "TA").input("a_scale", "F").input("a_zero_point", "TA").input("B", "TB").input("b_scale", "F").input("b_zero_point", "TB");
  gemm.input("C", "TC", ParamKind::kOptional).input("y_scale", "F", ParamKind::kOptional).input("y_zero_point", "TY", ParamKind::kOptional);
  gemm.output("Y", "TY").type("TA", k8Bit).type("TB", k8Bit).type("TC", dtype_set(DType::kI32)).type("TY", k8Bit).type("F", kF32Only);
  gemm.attr("alpha", 1.0f).attr("transA", int64_t{0}).attr("transB", int64_t{0});
  list.push_back({gemm, expand_gemm});

  OpDef to_float("MatMulIntegerToFloat", 1, kMicrosoft);
  to_float.input("A", "T1").input("B", "T2").input("a_scale", "F").input("b_scale", "F").input("a_zero_point", "T1", ParamKind::kOptional);
  to_float.input("b_zero_point", "T2", ParamKind::kOptional).input("bias", "F", ParamKind::kOptional).output("Y", "F");
  to_float.type("T1", k8Bit).type("T2", k8Bit).type("F", kF32Only);
  list.push_back({to_float, expand_integer_to_float});

  OpDef dynamic("DynamicQuantizeMatMul", 1, kMicrosoft);
  dynamic.input("A", "F").input("B", "T2").input("b_scale", "F").input("b_zero_point", "T2", ParamKind::kOptional);
  dynamic.input("bias", "F", ParamKind::kOptional).output("Y", "F").type("T2", k8Bit).type("F", kF32Only);
  list.push_back({dynamic, expand_dynamic_matmul});
}

}  // namespace sinter::onnx
