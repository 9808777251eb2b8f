// fuse_quantized_product: a convolution or matrix product of dequantized values multiplies the whole numbers.
//
//   Conv(DequantizeLinear(%x, sx, zx), DequantizeLinear(%w, sw, zw), DequantizeLinear(%b, sx·sw))
//     →  sinter.QuantizedConv(%x, %w, sx·sw, zx, zw, %b)
//   MatMul, Gemm likewise  →  sinter.QuantizedMatMul; Gemm's weights are transposed if it says so
//
// Any other bias is added to the f32 result by the epilogue. 8-bit operands; the data has one scale, the weights one or one an output
// channel. Constant u8 weights become i8. The sums become exact; f32 sums of the dequantized values differ from them in the last bits.
#include <cmath>

#include "passes/program.h"
#include "passes/quantization.h"

namespace sinter::passes {
namespace fuse_quantized_product_impl {

// The operands of the product and what follows it.
struct Product {
  Quantized data, weights;
  IrValue* bias = nullptr;
  int weight_axis = 0;  // of the output channels, in the weights
  bool turned = false;  // the weights are to be transposed
};

std::string objection(const Node& node, const Product& p) {
  if (!is_8bit(p.data.values) || !is_8bit(p.weights.values)) return "operands of more than 8 bits";
  if (p.data.axis >= 0) return fmt::format("the data has scales along axis {}", p.data.axis);
  if (p.weights.axis >= 0 && p.weights.axis != p.weight_axis) return fmt::format("the weights have scales along axis {}, not {}", p.weights.axis, p.weight_axis);
  if (p.turned && !constant_of(p.weights.values)) return "weights to be transposed are not constant";
  if (node.is("MatMul") && (rank_of(p.data.values) < 1 || rank_of(p.weights.values) < 2)) return "the second operand is no matrix";
  if (p.weights.axis >= 0 && rank_of(p.weights.values) > 2 && node.is("MatMul")) return "scales along the columns of several matrices";
  return "";
}

std::optional<Product> product_of(const Node& node, std::string& reason) {
  Product p;
  const auto data = dequantized(node.input(0), reason), weights = dequantized(node.input(1), reason);
  if (!data || !weights) return std::nullopt;
  p.data = *data;
  p.weights = *weights;
  const int64_t base = node.attributes.i_or(kEpilogueBaseAttr, static_cast<int64_t>(node.inputs.size()));
  p.bias = base > 2 ? node.input(2) : nullptr;
  if (node.is("Gemm")) {
    const auto &a = node.attributes;
    if (a.f_or("alpha", 1) != 1 || (p.bias && a.f_or("beta", 1) != 1) || a.i_or("transA", 0) != 0) {
      reason = "alpha, beta or transA";
      return std::nullopt;
    }
    p.turned = a.i_or("transB", 0) != 0;
  }
  p.weight_axis = node.is("Conv") || p.turned ? 0 : rank_of(p.weights.values) - 1;
  reason = objection(node, p);
  if (!reason.empty()) return std::nullopt;
  return p;
}

// The bias as whole numbers of the sum's scale; null: it is something else.
IrValue* integer_bias(const Product& p) {
  std::string reason;
  const auto bias = dequantized(p.bias, reason);
  if (!bias || bias->zero || bias->values->type.dtype != DType::kI32 || rank_of(bias->values) != 1) return nullptr;
  const Tensor *own = constant_of(bias->scale), *data = constant_of(p.data.scale), *weights = constant_of(p.weights.scale);
  if (!own || !data || !weights) return nullptr;
  const std::vector<double> scales = own->to_f64(), factors = weights->to_f64();
  const double factor = data->to_f64()[0];
  for (size_t i = 0; i < std::max(scales.size(), factors.size()); ++i) {
    const double wanted = factor * factors[factors.size() == 1 ? 0 : i], found = scales[scales.size() == 1 ? 0 : i];
    if (std::abs(found - wanted) > 1e-5 * wanted) return nullptr;
  }
  return bias->values;
}

// A scale that is only known at run time: the product of the two, for one or all columns.
IrValue* scale_of(Patch& patch, const Node& node, const Product& p, const std::vector<const Node*>& sources) {
  if (IrValue* constant = product_scale(patch, node.name, p.data.scale, p.weights.scale)) return constant;
  PointwiseProgram product;
  product.inputs = 2;
  product.outputs = {product.append(PointwiseOp::kMul, {0, 1})};
  return add_pointwise(patch, node.name + "_scale", product, {p.data.scale, p.weights.scale}, DType::kF32, sources)->output();
}

IrValue* transposed_constant(Patch& patch, IrValue* value) {
  Attributes perm;
  perm.set("perm", std::vector<int64_t>{1, 0});
  auto turned = compute(op("Transpose"), perm, {*constant_of(value)});
  return turned.ok() ? patch.add_constant(value->name, std::move((*turned)[0]), {value}) : nullptr;
}

// One value an output channel as an operand of the epilogue; null: it can't be expressed.
IrValue* channel_operand(Patch& patch, const Node& node, IrValue* bias) {
  const Shape* shape = shape_of(bias);
  if (!node.is("Conv") || !shape) return bias;
  const int spatial = rank_of(node.input(0)) - 2;
  if (shape->size() != 1 || spatial < 0) return nullptr;
  Shape target{(*shape)[0]};
  target.resize(static_cast<size_t>(spatial) + 1, Dim(1));
  if (const Tensor* constant = constant_of(bias)) {
    if (const auto dims = constant_dims(target)) return patch.add_constant(bias->name, constant->reshaped(*dims), {bias});
  }
  return add_reshape(patch, bias->name, bias, target, {&node});
}

}  // namespace fuse_quantized_product_impl

Outcome fuse_quantized_product(Graph& graph, Node& node) {
  using namespace fuse_quantized_product_impl;
  const bool convolves = node.is("Conv");
  if (!convolves && !node.is("MatMul") && !node.is("Gemm")) return NoMatch{};
  std::string reason;
  const auto p = product_of(node, reason);
  if (!p) {
    if (reason.empty()) return NoMatch{};
    return Declined{std::move(reason)};
  }
  Patch patch(graph, node);
  std::vector<const Node*> sources{&node, p->data.node, p->weights.node};
  if (const Node* bias = p->bias ? producer(p->bias, "DequantizeLinear") : nullptr) sources.push_back(bias);
  const SignedWeights weights = as_signed(patch, p->weights.values, p->weights.zero);
  IrValue* values = p->turned ? transposed_constant(patch, weights.values) : weights.values;
  if (!values) return decline("the weights can't be transposed");
  IrValue* whole_bias = integer_bias(*p);
  std::vector<IrValue*> inputs{p->data.values, values, scale_of(patch, node, *p, sources), p->data.zero, weights.zero, whole_bias};
  const auto base = static_cast<int64_t>(inputs.size());
  Attributes attributes;
  if (convolves) attributes = node.attributes;
  PointwiseProgram program;
  program.inputs = 1;
  program.outputs = {0};
  if (has_epilogue(node)) {
    auto present = PointwiseProgram::parse(node.attributes.s(kEpilogueAttr));
    if (!present.ok()) return decline("{}", present.status().message());
    program = std::move(present).value();
    inputs.insert(inputs.end(), node.inputs.begin() + node.attributes.i(kEpilogueBaseAttr), node.inputs.end());
  }
  if (p->bias && !whole_bias) {
    IrValue* operand = channel_operand(patch, node, p->bias);
    if (!operand) return decline("the bias is no vector");
    PointwiseProgram add;
    add.inputs = 2;
    add.outputs = {add.append(PointwiseOp::kAdd, {0, 1})};
    program = compose(add, 0, program, 0);
    inputs.insert(inputs.begin() + base, operand);
  }
  if (program.inputs > 1 || !program.code.empty()) {
    attributes.set(std::string(kEpilogueAttr), program.to_string());
    attributes.set(std::string(kEpilogueBaseAttr), base);
  } else {
    while (!inputs.back()) inputs.pop_back();
  }
  const Node* made = patch.add_node(op(convolves ? "QuantizedConv" : "QuantizedMatMul", "sinter"), node.name, inputs, 1, std::move(attributes), sources);
  patch.replace(node.output(), made->output());
  patch.describe(fmt::format("{} '{}' on whole numbers", node.op->name, node.name));
  return patch;
}

}  // namespace sinter::passes
