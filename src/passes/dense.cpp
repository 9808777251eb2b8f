// Weights of convolutions and matrix products (dense.h). All arithmetic in f64, one rounding at the end.
#include "passes/dense.h"

#include <algorithm>
#include <cmath>

namespace sinter::passes {
namespace {

// Where in the weight the output channel and the input channel of an element are.
struct ChannelIndex {
  const Node& node;
  const Dims& dims;
  int64_t group = 1, inner = 1;  // inner: elements of one filter plane

  ChannelIndex(const Node& n, const Dims& d) : node(n), dims(d) {
    if (n.is("Conv") || n.is("ConvTranspose")) {
      group = n.attributes.i_or("group", 1);
      inner = product(d, 2);
    }
  }
  int64_t output(int64_t element) const {
    if (node.is("Conv")) return element / (dims[1] * inner);
    if (node.is("ConvTranspose")) {
      const int64_t in = element / (dims[1] * inner), per_group = dims[0] / group;
      return in / per_group * dims[1] + element / inner % dims[1];
    }
    const bool transposed = node.is("Gemm") && node.attributes.i("transB");
    return transposed ? element / dims[1] : element % dims[1];
  }
  int64_t input(int64_t element) const {
    if (node.is("Conv")) {
      const int64_t out = element / (dims[1] * inner), per_group = dims[0] / group;
      return out / per_group * dims[1] + element / inner % dims[1];
    }
    if (node.is("ConvTranspose")) return element / (dims[1] * inner);
    const bool transposed = node.is("Gemm") && node.attributes.i("transB");
    return transposed ? element % dims[1] : element / dims[1];
  }
};

bool takes_bias(const Node& node) { return !node.is("MatMul"); }

// Bias as the node adds it (Gemm: times beta), one number a channel.
std::vector<double> bias_of(const Node& node, const DenseWeights& weights) {
  std::vector<double> bias(weights.channels, 0);
  if (!weights.bias) return bias;
  const std::vector<double> given = weights.bias->to_f64();
  const double beta = node.is("Gemm") ? node.attributes.f("beta") : 1;
  for (size_t c = 0; c < bias.size(); ++c) bias[c] = beta * given[given.size() == 1 ? 0 : c];
  return bias;
}

IrValue* add_dense(Patch& patch, const Node& node, const DenseWeights& weights, const std::vector<double>& weight,
                   const std::vector<double>& bias, IrValue* input, const Node& source) {
  const DType dtype = weights.weight->dtype();
  std::vector<IrValue*> inputs{input, patch.add_constant(node.input(1)->name, make_floats(weight, weights.weight->dims(), dtype),
                                                         {node.input(1)})};
  const bool biased = weights.bias || std::any_of(bias.begin(), bias.end(), [](double b) { return b != 0; });
  IrValue* bias_value = nullptr;
  if (biased) {
    const std::string name = node.input(2) ? node.input(2)->name : node.name + "_bias";
    bias_value = patch.add_constant(name, make_floats(bias, {weights.channels}, dtype));
  }
  if (bias_value && takes_bias(node)) inputs.push_back(bias_value);
  Attributes attributes = node.attributes;
  if (node.is("Gemm")) attributes.set("beta", 1.0f);
  IrValue* result = patch.add_node(node.op, node.name, inputs, 1, attributes, {&node, &source})->output();
  if (!bias_value || takes_bias(node)) return result;
  return patch.add_node(op("Add"), node.name + "_shift", {result, bias_value}, 1, {}, {&source})->output();
}

}  // namespace

std::optional<std::vector<double>> per_channel(const Tensor& tensor, int rank, int axis, int64_t channels) {
  if (tensor.rank() > rank || !contains(kFloatTypes, tensor.dtype())) return std::nullopt;
  if (tensor.count() != 1) {
    const int offset = rank - tensor.rank();
    for (int i = 0; i < tensor.rank(); ++i) {
      if (tensor.dim(i) != (i + offset == axis ? channels : 1)) return std::nullopt;
    }
  }
  const std::vector<double> given = tensor.to_f64();
  std::vector<double> values(channels);
  for (int64_t c = 0; c < channels; ++c) values[c] = given[tensor.count() == 1 ? 0 : c];
  return values;
}

std::optional<ChannelAffine> batch_norm_affine(const Node& node, std::string& reason) {
  if (node.attributes.i_or("training_mode", 0) != 0) return reason = "it is training", std::nullopt;
  if (node.outputs.size() > 1) return reason = "its statistics are used", std::nullopt;
  std::vector<double> parts[4];
  for (int i = 0; i < 4; ++i) {
    const Tensor* tensor = constant_of(node.input(i + 1));
    if (!tensor) return reason = fmt::format("'{}' is not constant", node.input(i + 1)->name), std::nullopt;
    parts[i] = tensor->to_f64();
    if (parts[i].size() != parts[0].size()) return reason = "its parameters differ in size", std::nullopt;
  }
  const double epsilon = node.attributes.f("epsilon");
  ChannelAffine affine;
  for (size_t c = 0; c < parts[0].size(); ++c) {
    const double scale = parts[0][c] / std::sqrt(parts[3][c] + epsilon);
    affine.scale.push_back(scale);
    affine.shift.push_back(parts[1][c] - parts[2][c] * scale);
  }
  return affine;
}

std::optional<DenseWeights> dense_weights(const Node& node, std::string& reason) {
  const bool matrix = node.is("Gemm") || node.is("MatMul");
  if (!matrix && !node.is("Conv") && !node.is("ConvTranspose")) return std::nullopt;
  if (has_epilogue(node)) return reason = fmt::format("'{}' has an epilogue", node.name), std::nullopt;
  DenseWeights weights;
  weights.weight = constant_of(node.input(1));
  if (!weights.weight) return reason = fmt::format("weight '{}' is not constant", node.input(1)->name), std::nullopt;
  const Dims& dims = weights.weight->dims();
  if (!contains(kFloatTypes, weights.weight->dtype())) return reason = "the weight is no float", std::nullopt;
  const bool sized = matrix ? dims.size() == 2 : dims.size() >= 3;
  if (!sized || product(dims) == 0) return reason = fmt::format("weight of dims {}", to_string(dims)), std::nullopt;
  const int rank = rank_of(node.output());
  if (rank < 2) return reason = "the result's rank is unknown or below 2", std::nullopt;
  weights.channel_axis = matrix ? rank - 1 : 1;
  if (node.is("Conv")) weights.channels = dims[0];
  if (node.is("ConvTranspose")) weights.channels = dims[1] * node.attributes.i_or("group", 1);
  if (node.is("MatMul")) weights.channels = dims[1];
  if (node.is("Gemm")) weights.channels = dims[node.attributes.i("transB") ? 0 : 1];
  if (!node.input(2) || node.is("MatMul")) return weights;
  weights.bias = constant_of(node.input(2));
  if (!weights.bias) return reason = fmt::format("bias '{}' is not constant", node.input(2)->name), std::nullopt;
  if (weights.bias->count() != 1 && !per_channel(*weights.bias, 2, 1, weights.channels)) {
    return reason = fmt::format("bias of dims {}", to_string(weights.bias->dims())), std::nullopt;
  }
  return weights;
}

IrValue* add_scaled(Patch& patch, const Node& node, const DenseWeights& weights, const ChannelAffine& affine, const Node& source) {
  const ChannelIndex index(node, weights.weight->dims());
  std::vector<double> weight = weights.weight->to_f64(), bias = bias_of(node, weights);
  for (size_t i = 0; i < weight.size(); ++i) weight[i] *= affine.scale[index.output(static_cast<int64_t>(i))];
  for (size_t c = 0; c < bias.size(); ++c) bias[c] = bias[c] * affine.scale[c] + affine.shift[c];
  return add_dense(patch, node, weights, weight, bias, node.input(0), source);
}

IrValue* add_prescaled(Patch& patch, const Node& node, const DenseWeights& weights, const ChannelAffine& affine, IrValue* input,
                       const Node& source) {
  const ChannelIndex index(node, weights.weight->dims());
  std::vector<double> weight = weights.weight->to_f64(), bias = bias_of(node, weights);
  const double alpha = node.is("Gemm") ? node.attributes.f("alpha") : 1;
  for (size_t i = 0; i < weight.size(); ++i) {
    const int64_t in = index.input(static_cast<int64_t>(i));
    bias[index.output(static_cast<int64_t>(i))] += alpha * weight[i] * affine.shift[in];
    weight[i] *= affine.scale[in];
  }
  return add_dense(patch, node, weights, weight, bias, input, source);
}

}  // namespace sinter::passes
