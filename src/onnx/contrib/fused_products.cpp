// FusedConv, FusedGemm, FusedMatMul: what ONNX Runtime's optimizer makes of a product and its neighbours.
#include <algorithm>

#include "onnx/contrib/contrib.h"

namespace sinter::onnx {
namespace {

constexpr DTypeSet kFloats = dtype_set(DType::kF32, DType::kF16, DType::kBF16, DType::kF64);

struct Activation {
  std::string name;
  Attributes attributes;
  std::vector<float> bounds;  // of Clip
};

// `parameters` in the order of the operator's attributes.
Status read_activation(const Expansion& e, const std::string& name, const std::vector<float>& parameters, Activation& activation) {
  activation.name = name;
  const std::map<std::string, std::vector<const char*>> known{{"", {}},       {"Relu", {}},   {"Tanh", {}},
                                                              {"Sigmoid", {}}, {"HardSwish", {}}, {"LeakyRelu", {"alpha"}},
                                                              {"Clip", {"min", "max"}}, {"HardSigmoid", {"alpha", "beta"}}};
  const auto found = known.find(name);
  if (found == known.end()) {
    return make_error(Code::kUnsupported,
                      "attribute 'activation' is '{}'; expected Relu, Tanh, Sigmoid, HardSwish, LeakyRelu, Clip or HardSigmoid; save the model with less "
                      "optimization",
                      name);
  }
  if (parameters.size() < found->second.size()) {
    return e.error(fmt::format("activation {} has {} parameters", name, parameters.size()), fmt::format("{}", found->second.size()));
  }
  if (name == "Clip") {
    activation.bounds = {parameters[0], parameters[1]};
    return ok_status();
  }
  for (size_t i = 0; i < found->second.size(); ++i) activation.attributes.set(found->second[i], parameters[i]);
  return ok_status();
}

// `last` makes output 0 of the expanded node; an activation, if there is one, is that last node.
void finish(Expansion& e, const Activation& activation, std::string_view op_type, std::vector<ir::Value*> inputs, Attributes attributes = {}) {
  if (activation.name.empty()) {
    e.output(0, op_type, std::move(inputs), std::move(attributes));
    return;
  }
  std::vector<ir::Value*> operands{e.emit(op_type, std::move(inputs), std::move(attributes))};
  if (e.failed()) return;
  for (const float bound : activation.bounds) operands.push_back(e.scalar_like("bound", bound, operands[0]));
  e.output(0, activation.name, operands, activation.attributes);
}

Status expand_conv(Expansion& e) {
  Activation activation;
  const auto* parameters = e.attributes().find_as<std::vector<float>>("activation_params");
  SINTER_TRY(read_activation(e, e.attributes().s("activation"), parameters ? *parameters : std::vector<float>(), activation));
  Attributes attributes = e.attributes();
  attributes.erase("activation");
  attributes.erase("activation_params");
  if (!e.input(3)) {
    finish(e, activation, "Conv", {e.input(0), e.input(1), e.input(2)}, attributes);
    return ok_status();
  }
  finish(e, activation, "Add", {e.emit("Conv", {e.input(0), e.input(1), e.input(2)}, attributes), e.input(3)});
  return ok_status();
}

Status expand_gemm(Expansion& e) {
  const Attributes& a = e.attributes();
  const std::string& name = a.s("activation");
  std::vector<float> parameters{a.f("activation_alpha"), a.f("activation_beta"), a.f("activation_gamma")};
  Activation activation;
  SINTER_TRY(read_activation(e, name, parameters, activation));
  const Attributes attributes =
      make_attributes({{"alpha", a.f("alpha")}, {"beta", a.f("beta")}, {"transA", a.i("transA")}, {"transB", a.i("transB")}});
  finish(e, activation, "Gemm", {e.input(0), e.input(1), e.input(2)}, attributes);
  return ok_status();
}

// trans: the last two axes change places; trans_batch: before that, axis 0 moves between the other batch axes, which all but the last are, and the last.
Status operand(Expansion& e, size_t index, bool trans, bool trans_batch, ir::Value*& value) {
  value = e.input(index);
  if (!trans && !trans_batch) return ok_status();
  SINTER_TRY(e.check_rank(index, 1));
  const int rank = e.rank(value);
  if (rank < 2) return ok_status();
  std::vector<int64_t> order(static_cast<size_t>(rank));
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  if (trans_batch) std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
  if (trans) std::swap(order[order.size() - 2], order[order.size() - 1]);
  value = e.transpose(value, order);
  return ok_status();
}

Status expand_matmul(Expansion& e) {
  const Attributes& a = e.attributes();
  ir::Value *left = nullptr, *right = nullptr;
  SINTER_TRY(operand(e, 0, a.i("transA") != 0, a.i_or("transBatchA", 0) != 0, left));
  SINTER_TRY(operand(e, 1, a.i("transB") != 0, a.i_or("transBatchB", 0) != 0, right));
  if (a.f("alpha") == 1) {
    e.output(0, "MatMul", {left, right});
    return ok_status();
  }
  ir::Value* product = e.emit("MatMul", {left, right});
  e.output(0, "Mul", {product, e.scalar_like("alpha", a.f("alpha"), product)});
  return ok_status();
}

OpDef matmul(const char* name) {
  OpDef op(name, 1, kMicrosoft);
  op.input("A", "T").input("B", "T").output("Y", "T").type("T", kFloats);
  op.attr("alpha", 1.0f).attr("transA", int64_t{0}).attr("transB", int64_t{0});
  return op;
}

}  // namespace

void add_fused_products(ContribList& list) {
  OpDef conv("FusedConv", 1, kMicrosoft);
  conv.input("X", "T").input("W", "T").input("B", "T", ParamKind::kOptional).input("Z", "T", ParamKind::kOptional).output("Y", "T").type("T", kFloats);
  conv.attr("auto_pad", std::string("NOTSET")).attr("dilations", AttrKind::kInts, false).attr("group", int64_t{1});
  conv.attr("kernel_shape", AttrKind::kInts, false).attr("pads", AttrKind::kInts, false).attr("strides", AttrKind::kInts, false);
  conv.attr("activation", std::string()).attr("activation_params", AttrKind::kFloats, false);
  list.push_back({conv, expand_conv});
  OpDef gemm("FusedGemm", 1, kMicrosoft);
  gemm.input("A", "T").input("B", "T").input("C", "T", ParamKind::kOptional).output("Y", "T").type("T", kFloats);
  gemm.attr("alpha", 1.0f).attr("beta", 1.0f).attr("transA", int64_t{0}).attr("transB", int64_t{0}).attr("activation", std::string());
  gemm.attr("activation_alpha", 0.0f).attr("activation_beta", 0.0f).attr("activation_gamma", 0.0f);
  list.push_back({gemm, expand_gemm});
  OpDef fused = matmul("FusedMatMul");
  fused.attr("transBatchA", int64_t{0}).attr("transBatchB", int64_t{0});
  list.push_back({fused, expand_matmul});
  list.push_back({matmul("TransposeMatMul"), expand_matmul});
}

}  // namespace sinter::onnx
