// Adaptive rounding of dense layers (round_weights.h).
#include "session/round_weights.h"

#include <algorithm>

#include "quant/rounding.h"
#include "quant/weights.h"
#include "session/value_view.h"

namespace sinter::session {
namespace {

constexpr int64_t kLongestSum = 1152;
constexpr int64_t kVectorsAnInput = 6;            // what a layer sees in all, for each element of its sums
constexpr int64_t kMostMomentElements = 64 << 20;  // of all groups of a layer

struct Layer {
  const ir::Node* node = nullptr;
  int axis = 0;              // of the output channels in the weights
  int64_t groups = 1, size = 0;
  Dims kernel, strides, dilations, pads;  // of a convolution over images
  std::vector<quant::SecondMoment> moments;
  std::string reason;
};

bool is_convolution(const Layer& layer) { return layer.node->is("Conv"); }

Dims ints_or(const ir::Node& node, const char* name, Dims otherwise) {
  const auto* given = node.attributes.find_as<std::vector<int64_t>>(name);
  return given && !given->empty() ? Dims(given->begin(), given->end()) : otherwise;
}

std::optional<Layer> layer_of(const ir::Node& node) {
  const ir::Value* weights = node.input(1);
  if (!weights || !weights->is_constant() || weights->constant.dtype() != DType::kF32) return std::nullopt;
  Layer layer;
  layer.node = &node;
  const Tensor& w = weights->constant;
  if (node.is("Conv")) {
    layer.groups = node.attributes.i_or("group", 1);
    layer.size = w.count() / std::max<int64_t>(w.dim(0), 1);
    layer.kernel = {w.dims().begin() + 2, w.dims().end()};
    layer.strides = ints_or(node, "strides", {1, 1});
    layer.dilations = ints_or(node, "dilations", {1, 1});
    layer.pads = ints_or(node, "pads", {0, 0, 0, 0});
    const std::string automatic = node.attributes.s_or("auto_pad", "NOTSET");
    if (w.rank() != 4 || (automatic != "NOTSET" && automatic != "VALID")) layer.reason = "not over images with stated padding";
  } else if ((node.is("MatMul") || node.is("Gemm")) && w.rank() == 2) {
    layer.axis = node.is("Gemm") && node.attributes.i_or("transB", 0) != 0 ? 0 : 1;
    layer.size = w.dim(1 - layer.axis);
  } else {
    return std::nullopt;
  }
  if (layer.reason.empty() && layer.size > kLongestSum) layer.reason = fmt::format("sums of {} products, at most {}", layer.size, kLongestSum);
  if (layer.reason.empty() && layer.groups * layer.size * layer.size > kMostMomentElements) layer.reason = "too many groups";
  if (layer.reason.empty()) layer.moments.assign(static_cast<size_t>(layer.groups), quant::SecondMoment(layer.size));
  return layer;
}

// What one output pixel of a group multiplies, in the order of the weights.
void gather(const Layer& layer, const Tensor& x, int64_t n, int64_t group, int64_t top, int64_t left, std::vector<float>& out) {
  const int64_t channels = x.dim(1), height = x.dim(2), width = x.dim(3), each = channels / layer.groups;
  size_t at = 0;
  for (int64_t c = group * each; c < (group + 1) * each; ++c) {
    const float* plane = x.data<float>() + (n * channels + c) * height * width;
    for (int64_t ky = 0; ky < layer.kernel[0]; ++ky) {
      for (int64_t kx = 0; kx < layer.kernel[1]; ++kx) {
        const int64_t row = top + ky * layer.dilations[0], column = left + kx * layer.dilations[1];
        const bool inside = row >= 0 && row < height && column >= 0 && column < width;
        out[at++] = inside ? plane[row * width + column] : 0.0f;
      }
    }
  }
}

void add_image(Layer& layer, const Tensor& x, int64_t wanted) {
  if (x.rank() != 4 || x.dim(1) % layer.groups != 0 || x.dim(1) / layer.groups * layer.kernel[0] * layer.kernel[1] != layer.size) return;
  const auto places = [&](int axis) {
    const auto a = static_cast<size_t>(axis);
    const int64_t extent = (layer.kernel[a] - 1) * layer.dilations[a] + 1;
    return std::max<int64_t>(0, (x.dim(axis + 2) + layer.pads[a] + layer.pads[a + 2] - extent) / layer.strides[a] + 1);
  };
  const int64_t rows = places(0), columns = places(1), all = x.dim(0) * rows * columns;
  const int64_t step = std::max<int64_t>(1, all / std::max<int64_t>(wanted, 1));
  std::vector<float> vector(static_cast<size_t>(layer.size));
  for (int64_t at = step / 2; at < all; at += step) {
    const int64_t n = at / (rows * columns), y = at / columns % rows, column = at % columns;
    for (int64_t group = 0; group < layer.groups; ++group) {
      gather(layer, x, n, group, y * layer.strides[0] - layer.pads[0], column * layer.strides[1] - layer.pads[1], vector);
      layer.moments[static_cast<size_t>(group)].add(vector.data());
    }
  }
}

void add_rows(Layer& layer, const Tensor& x, int64_t wanted) {
  if (x.rank() < 1 || x.dim(x.rank() - 1) != layer.size) return;
  const int64_t rows = x.count() / layer.size, step = std::max<int64_t>(1, rows / std::max<int64_t>(wanted, 1));
  for (int64_t row = step / 2; row < rows; row += step) layer.moments[0].add(x.data<float>() + row * layer.size);
}

// Weights as rows of what one output sums.
std::vector<float> as_rows(const Layer& layer, const Tensor& weights) {
  std::vector<float> rows(weights.data<float>(), weights.data<float>() + weights.count());
  if (layer.axis == 0) return rows;
  const int64_t outputs = weights.dim(1);
  for (int64_t i = 0; i < layer.size; ++i) {
    for (int64_t o = 0; o < outputs; ++o) rows[static_cast<size_t>(o * layer.size + i)] = weights.data<float>()[i * outputs + o];
  }
  return rows;
}

RoundedLayer round_layer(const Layer& layer, std::map<std::string, Tensor, std::less<>>& values) {
  RoundedLayer result{layer.node->name, 0, layer.reason};
  if (!result.reason.empty()) return result;
  if (layer.moments.front().count() == 0) {
    result.reason = "its data was not seen";
    return result;
  }
  const Tensor& weights = layer.node->input(1)->constant;
  const quant::QuantizedWeights nearest = quant::quantize_weights(weights, layer.axis);
  const std::vector<float> rows = as_rows(layer, weights);
  const int64_t outputs = weights.dim(layer.axis), each = outputs / layer.groups;
  std::vector<int8_t> rounded;
  double before = 0, after = 0;
  for (int64_t group = 0; group < layer.groups; ++group) {
    const quant::Rounding part = quant::round_with_feedback(rows.data() + group * each * layer.size, nearest.scales.data<float>() + group * each, each,
                                                            layer.moments[static_cast<size_t>(group)]);
    rounded.insert(rounded.end(), part.values.begin(), part.values.end());
    before += part.nearest_error;
    after += part.error;
  }
  result.gain = before > 0 ? 1 - after / before : 0;
  Tensor tensor(DType::kI8, weights.dims());
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t i = 0; i < layer.size; ++i) {
      tensor.data<int8_t>()[layer.axis == 0 ? o * layer.size + i : i * outputs + o] = rounded[static_cast<size_t>(o * layer.size + i)];
    }
  }
  values.emplace(layer.node->name, std::move(tensor));
  return result;
}

}  // namespace

Result<RoundedWeights> round_weights(const std::shared_ptr<const runtime::Engine>& engine, const ir::Graph& graph,
                                     const std::vector<std::vector<Value>>& samples, size_t most, int threads) {
  std::vector<Layer> layers;
  std::multimap<std::string, size_t> readers;  // of values, by name
  for (const auto& node : graph.nodes()) {
    if (auto layer = layer_of(*node)) {
      if (layer->reason.empty()) readers.emplace(node->input(0)->name, layers.size());
      layers.push_back(std::move(*layer));
    }
  }
  const size_t runs = std::min(most, samples.size());
  const auto take = [&](const std::string& name, const Tensor& tensor) {
    const auto [begin, end] = readers.equal_range(name);
    for (auto it = begin; it != end; ++it) {
      Layer& layer = layers[it->second];
      const int64_t wanted = kVectorsAnInput * layer.size / static_cast<int64_t>(runs) + 1;
      if (is_convolution(layer)) add_image(layer, tensor, wanted);
      else add_rows(layer, tensor, wanted);
    }
  };
  std::set<std::string, std::less<>> names;
  for (const auto& [name, layer] : readers) names.insert(name);
  SINTER_TRY(for_each_value(engine, std::move(names), samples, most, threads, take));
  RoundedWeights result;
  for (const Layer& layer : layers) result.layers.push_back(round_layer(layer, result.values));
  return result;
}

}  // namespace sinter::session
