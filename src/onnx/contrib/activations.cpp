// Gelu, BiasGelu, FastGelu, QuickGelu.
#include "onnx/contrib/contrib.h"

namespace sinter::onnx {
namespace {

constexpr DTypeSet kFloats = dtype_set(DType::kF32, DType::kF16, DType::kBF16, DType::kF64);

ir::Value* with_bias(Expansion& e) { return e.input(1) ? e.emit("Add", {e.input(0), e.input(1)}) : e.input(0); }

Status expand_gelu(Expansion& e) {
  e.output(0, "Gelu", {with_bias(e)});
  return ok_status();
}

Status expand_fast_gelu(Expansion& e) {
  e.output(0, "Gelu", {with_bias(e)}, make_attributes({{"approximate", std::string("tanh")}}));
  return ok_status();
}

Status expand_quick_gelu(Expansion& e) {
  ir::Value* scaled = e.emit("Mul", {e.input(0), e.scalar_like("alpha", e.attributes().f("alpha"), e.input(0))});
  e.output(0, "Mul", {e.input(0), e.emit("Sigmoid", {scaled})});
  return ok_status();
}

}  // namespace

void add_activations(ContribList& list) {
  OpDef gelu("Gelu", 1, kMicrosoft);
  gelu.input("X", "T").output("Y", "T").type("T", kFloats);
  list.push_back({gelu, expand_gelu});
  OpDef bias("BiasGelu", 1, kMicrosoft);
  bias.input("A", "T").input("B", "T").output("C", "T").type("T", kFloats);
  list.push_back({bias, expand_gelu});
  OpDef fast("FastGelu", 1, kMicrosoft);
  fast.input("X", "T").input("bias", "T", ParamKind::kOptional).output("Y", "T").type("T", kFloats);
  list.push_back({fast, expand_fast_gelu});
  OpDef quick("QuickGelu", 1, kMicrosoft);
  quick.input("X", "T").output("Y", "T").type("T", kFloats).attr("alpha", 1.702f);
  list.push_back({quick, expand_quick_gelu});
}

}  // namespace sinter::onnx
