#include "zoo/maker.h"

#include <algorithm>

namespace sinter::zoo {
namespace {

uint64_t hash_of(const std::string& name) {
  uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

// A number of [-1, 1) from a counter (splitmix64).
float uniform(uint64_t seed, uint64_t index) {
  uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return static_cast<float>(z >> 40) * (2.0f / 16777216.0f) - 1.0f;
}

int64_t product(const Shape& dims) {
  int64_t count = 1;
  for (const int64_t dim : dims) count *= dim;
  return count;
}

}  // namespace

std::string Maker::node_name(const std::string& path, const std::string& op) {
  std::string name = "/" + path + (path.empty() ? "" : "/") + op;
  std::replace(name.begin(), name.end(), '.', '/');
  return name;
}

Act Maker::image(const std::string& name, int64_t channels, int64_t height, int64_t width, const std::string& batch_name) {
  const int64_t h = options.height ? options.height : height, w = options.width ? options.width : width;
  return made(net.add_input(name, SINTER_F32, {options.batch, channels, h, w}, {batch_name, "", "height", "width"}), 0.5, 1.0 / 3);
}

NetworkTensor Maker::constant(const std::string& name, const std::vector<float>& data, const Shape& dims) {
  const NetworkTensor made = net.add_constant<float>(name, data, dims);
  constants_.emplace(name, made);
  return made;
}

NetworkTensor Maker::weights(const std::string& name, const Shape& dims, double deviation, bool centred) {
  if (const auto known = constants_.find(name); known != constants_.end()) return known->second;
  const int64_t count = product(dims), filters = dims.empty() ? 1 : std::max<int64_t>(1, dims[0]), width = count / filters;
  const uint64_t seed = hash_of(name);
  const auto scale = static_cast<float>(deviation * std::sqrt(3.0));
  std::vector<float> data(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) data[static_cast<size_t>(i)] = scale * uniform(seed, static_cast<uint64_t>(i));
  for (int64_t f = 0; centred && width > 1 && f < filters; ++f) {
    float* filter = data.data() + f * width;
    double sum = 0;
    for (int64_t i = 0; i < width; ++i) sum += filter[i];
    const auto taken = static_cast<float>(kCentred * sum / static_cast<double>(width));
    for (int64_t i = 0; i < width; ++i) filter[i] -= taken;
  }
  return constant(name, data, dims);
}

NetworkTensor Maker::values(const std::string& name, const Shape& dims, double centre, double spread) {
  if (const auto known = constants_.find(name); known != constants_.end()) return known->second;
  const uint64_t seed = hash_of(name);
  std::vector<float> data(static_cast<size_t>(product(dims)));
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(centre + spread * uniform(seed, i));
  return constant(name, data, dims);
}

Act Maker::conv(const std::string& path, const Act& x, int64_t outputs, int64_t kernel, const ConvOptions& how) {
  const int64_t inputs = channels(x) / how.groups, fan_in = inputs * kernel * kernel;
  const int64_t pad = how.padding >= 0 ? how.padding : kernel / 2 * how.dilation;
  const double seen = x.seen();
  NetworkTensor w = weights(path + ".weight", {outputs, inputs, kernel, kernel}, how.gain / std::sqrt(static_cast<double>(fan_in) * seen));
  NetworkTensor b = how.bias ? values(path + ".bias", {outputs}, how.bias_centre, 0.1) : NetworkTensor();
  const WindowOptions window{{how.stride, how.stride}, {pad, pad, pad, pad}, {how.dilation, how.dilation}, how.groups, false, false, {}};
  const double mean = how.bias ? how.bias_centre : 0;
  return made(net.add_convolution(x.value, w, b, window, node_name(path, "Conv")), mean, how.gain * how.gain + mean * mean);
}

Act Maker::batch_norm(const std::string& path, const Act& x, double gain, float epsilon) {
  const Shape dims{channels(x)};
  const double deviation = std::sqrt(x.variance());
  NetworkTensor scale = values(path + ".weight", dims, gain, 0.2 * gain), bias = values(path + ".bias", dims, 0, 0.2 * gain);
  NetworkTensor mean = values(path + ".running_mean", dims, x.mean, 0.2 * deviation);
  NetworkTensor variance = values(path + ".running_var", dims, x.variance(), 0.3 * x.variance());
  return made(net.add_batch_norm(x.value, scale, bias, mean, variance, epsilon, node_name(path, "BatchNormalization")), 0, 1.1 * gain * gain);
}

Act Maker::layer_norm(const std::string& path, const Act& x, float epsilon) {
  const Shape dims{x.value.shape().back()};
  NetworkTensor scale = values(path + ".weight", dims, 1, 0.2), bias = values(path + ".bias", dims, 0, 0.1);
  return made(net.add_layer_norm(x.value, scale, bias, -1, epsilon, node_name(path, "LayerNormalization")), 0, 1);
}

// Moments of activations of a normal variable.
Act Maker::relu(const std::string& path, const Act& x) {
  return made(net.add_relu(x.value, node_name(path, "Relu")), 0.399 * std::sqrt(x.variance()), 0.5 * x.variance());
}

Act Maker::clip6(const std::string& path, const Act& x) {
  return made(net.add_clip(x.value, 0, 6, node_name(path, "Clip")), 0.399 * std::sqrt(x.variance()), 0.5 * x.variance());
}

Act Maker::silu(const std::string& path, const Act& x) {
  NetworkTensor gate = net.add_sigmoid(x.value, node_name(path, "Sigmoid"));
  return made(net.add_mul(x.value, gate, node_name(path, "Mul")), 0.207 * std::sqrt(x.variance()), 0.356 * x.variance());
}

Act Maker::hard_swish(const std::string& path, const Act& x) {
  return made(net.add_activation("HardSwish", x.value, {}, node_name(path, "HardSwish")), 0.167 * std::sqrt(x.variance()), 0.333 * x.variance());
}

Act Maker::sigmoid(const std::string& path, const Act& x) { return made(net.add_sigmoid(x.value, node_name(path, "Sigmoid")), 0.5, 0.293); }

Act Maker::gelu(const std::string& path, const Act& x) {
  NetworkTensor scaled = net.add_div(x.value, net.add_scalar(static_cast<float>(std::sqrt(2.0))), node_name(path, "Div"));
  NetworkTensor gate = net.add_sum(net.add_unary("Erf", scaled, node_name(path, "Erf")), net.add_scalar(1.0f), node_name(path, "Add"));
  NetworkTensor product = net.add_mul(x.value, gate, node_name(path, "Mul"));
  return made(net.add_mul(product, net.add_scalar(0.5f), node_name(path, "Mul_1")), 0.282, 0.425);
}

Act Maker::add(const std::string& path, const Act& a, const Act& b) {
  const double mean = a.mean + b.mean;
  return made(net.add_sum(a.value, b.value, node_name(path, "Add")), mean, a.variance() + b.variance() + mean * mean);
}

Act Maker::mul(const std::string& path, const Act& a, const Act& b) {
  return made(net.add_mul(a.value, b.value, node_name(path, "Mul")), a.mean * b.mean, a.square * b.square);
}

Act Maker::max_pool(const std::string& path, const Act& x, int64_t kernel, int64_t stride, int64_t padding) {
  const WindowOptions window{{stride, stride}, {padding, padding, padding, padding}, {}, 1, false, false, {}};
  const double deviation = std::sqrt(x.variance()), mean = x.mean + 1.2 * deviation;
  return made(net.add_max_pooling(x.value, {kernel, kernel}, window, node_name(path, "MaxPool")), mean, mean * mean + 0.4 * x.variance());
}

Act Maker::global_pool(const std::string& path, const Act& x) {
  return made(net.add_global_average_pooling(x.value, node_name(path, "GlobalAveragePool")), x.mean, x.mean * x.mean + 0.1 * x.variance());
}

Act Maker::concat(const std::string& path, const std::vector<Act>& parts, int64_t axis) {
  std::vector<NetworkTensor> values;
  double mean = 0, square = 0;
  for (const Act& part : parts) {
    values.push_back(part.value);
    mean += part.mean / static_cast<double>(parts.size());
    square += part.square / static_cast<double>(parts.size());
  }
  return made(net.add_concat(values, axis, node_name(path, "Concat")), mean, square);
}

Act Maker::fully_connected(const std::string& path, const Act& x, int64_t outputs, double gain) {
  NetworkTensor flat = x.value.rank() == 2 ? x.value : net.add_node("Flatten", {x.value}, {{"axis", 1}}, node_name("", "Flatten"));
  const int64_t width = flat.shape()[1];
  NetworkTensor w = weights(path + ".weight", {outputs, width}, gain / std::sqrt(static_cast<double>(width) * x.seen()));
  NetworkTensor b = values(path + ".bias", {outputs}, 0, 0.1);
  return made(net.add_gemm(flat, w, b, false, true, 1, 1, node_name(path, "Gemm")), 0, gain * gain);
}

// The exporter stores such weights transposed, under a name of its own.
Act Maker::dense(const std::string& path, const Act& x, int64_t inputs, int64_t outputs, double gain) {
  NetworkTensor w = weights(path + ".weight_T", {inputs, outputs}, gain / std::sqrt(static_cast<double>(inputs) * x.variance()), false);
  NetworkTensor product = net.add_matmul(x.value, w, node_name(path, "MatMul"));
  NetworkTensor b = values(path + ".bias", {outputs}, 0, 0.1);
  return made(net.add_sum(b, product, node_name(path, "Add")), 0, gain * gain);
}

Detections suppress(Network& net, const std::string& path, NetworkTensor boxes, NetworkTensor scores, int64_t most, float iou, float score) {
  const auto name = [&](const char* op) { return Maker::node_name(path, op); };
  const int64_t anchors = boxes.shape()[1];
  const auto number = [&](auto value) { return net.add_constant("", std::vector<decltype(value)>{value}, {1}); };
  NetworkTensor kept = net.add_node("NonMaxSuppression", {boxes, scores, net.add_scalar(most), net.add_scalar(iou), net.add_scalar(score)}, {},
                                    name("NonMaxSuppression"));  // [K,3]: picture, class, box
  // A mask of what is left, then the best of that: a fixed number of boxes a picture.
  const float zero = 0;
  const int64_t one_dim = 1;
  const sinter_tensor fill{SINTER_F32, 1, &one_dim, &zero, sizeof zero, 1};
  NetworkTensor zeros = net.add_node("ConstantOfShape", {net.add_shape(scores, name("Shape"))}, {{"value", fill}}, name("ConstantOfShape"));
  NetworkTensor ones = net.add_expand(net.add_scalar(1.0f), {1}, name("Expand_one"));
  NetworkTensor count = net.add_slice(net.add_shape(kept, name("Shape_1")), {0}, {1}, {0}, {}, name("Slice"));
  ones = net.add_node("Expand", {ones, count}, {}, name("Expand"));
  NetworkTensor mask = net.add_node("ScatterND", {zeros, kept, ones}, {}, name("ScatterND"));
  NetworkTensor left = net.add_node("Flatten", {net.add_mul(scores, mask, name("Mul"))}, {{"axis", 1}}, name("Flatten"));
  const auto best = net.add_topk(left, most, 1, true, name("TopK"));
  NetworkTensor classes = net.add_div(best.indices, number(anchors), name("Div"));
  NetworkTensor box = net.add_node("Mod", {best.indices, number(anchors)}, {}, name("Mod"));
  box = net.add_expand(net.add_unsqueeze(box, {2}, name("Unsqueeze")), {1, 1, 4}, name("Expand_1"));
  return {net.add_node("GatherElements", {boxes, box}, {{"axis", 1}}, name("GatherElements")), best.values, classes};
}

}  // namespace sinter::zoo
