// Layers for the networks of `sinter zoo`, on the network-definition API: names as PyTorch's exporter writes them, and deterministic weights.
//
// Weights come from a hash of their name, so that a network is the same on every machine. Their size follows the activations': each layer's input is carried
// with its expected mean and mean square, and weights are scaled so that a layer's result has variance 1 (times a gain). Filters sum to zero: what all inputs
// have in common does not grow from layer to layer until it hides what differs.
#pragma once

#include <sinter/network.hpp>

#include <cmath>
#include <map>

namespace sinter::zoo {

constexpr int64_t kDynamic = -1;
constexpr double kCentred = 0.25;  // share of a filter's mean that is taken away

struct Options {
  int64_t batch = 1;     // kDynamic: symbol
  int64_t height = 0, width = 0;  // 0: the network's own; kDynamic: symbols
  bool nms = false;      // detectors: suppression inside
};

// A value with what is expected of its elements.
struct Act {
  NetworkTensor value;
  double mean = 0, square = 1;
  double variance() const { return std::max(1e-3, square - mean * mean); }
  // What a filter's result is as large as.
  double seen() const { return std::max(1e-3, square - mean * mean * kCentred * (2 - kCentred)); }
};

struct ConvOptions {
  int64_t stride = 1;
  int64_t padding = -1;  // -1: half the kernel
  int64_t groups = 1, dilation = 1;
  bool bias = false;
  double gain = 1;
  double bias_centre = 0;
};

class Maker {
 public:
  Maker(const std::string& name, const Options& options) : net(name), options(options) {}

  Network net;
  const Options options;

  // "layer1.0.conv1" → "/layer1/0/conv1/Conv"
  static std::string node_name(const std::string& path, const std::string& op);

  // [batch,channels,height,width] with values of 0..1.
  Act image(const std::string& name, int64_t channels, int64_t height, int64_t width, const std::string& batch_name);
  // Uniform values of a standard deviation; per filter (first dim) a share of the mean is taken away where `centred`. A name that was given before is the same constant.
  NetworkTensor weights(const std::string& name, const Shape& dims, double deviation, bool centred = true);
  // Uniform values in centre ± spread.
  NetworkTensor values(const std::string& name, const Shape& dims, double centre, double spread);

  int64_t channels(const Act& x) const { return x.value.shape()[1]; }
  Act conv(const std::string& path, const Act& x, int64_t outputs, int64_t kernel, const ConvOptions& how = {});
  Act batch_norm(const std::string& path, const Act& x, double gain = 1, float epsilon = 1e-5f);
  Act layer_norm(const std::string& path, const Act& x, float epsilon);
  Act relu(const std::string& path, const Act& x);
  Act clip6(const std::string& path, const Act& x);
  Act silu(const std::string& path, const Act& x);  // Sigmoid and Mul
  Act hard_swish(const std::string& path, const Act& x);
  Act sigmoid(const std::string& path, const Act& x);
  Act gelu(const std::string& path, const Act& x);  // by Erf, as exporters below opset 20 write it
  Act add(const std::string& path, const Act& a, const Act& b);
  Act mul(const std::string& path, const Act& a, const Act& b);
  Act max_pool(const std::string& path, const Act& x, int64_t kernel, int64_t stride, int64_t padding);
  Act global_pool(const std::string& path, const Act& x);
  Act concat(const std::string& path, const std::vector<Act>& parts, int64_t axis);
  // Flatten and Gemm.
  Act fully_connected(const std::string& path, const Act& x, int64_t outputs, double gain = 1);
  // x [...,K] times [K,outputs], and a bias: MatMul and Add.
  Act dense(const std::string& path, const Act& x, int64_t inputs, int64_t outputs, double gain = 1);

 private:
  Act made(NetworkTensor value, double mean, double square) const { return {value, mean, square}; }
  NetworkTensor constant(const std::string& name, const std::vector<float>& data, const Shape& dims);
  std::map<std::string, NetworkTensor> constants_;
};

// Boxes [B,A,4] as corners and scores [B,C,A]: the `most` best boxes of each picture after suppression by class.
struct Detections {
  NetworkTensor boxes;    // [B,most,4]
  NetworkTensor scores;   // [B,most], falling; 0 where there are fewer
  NetworkTensor classes;  // [B,most], i64
};
Detections suppress(Network& net, const std::string& path, NetworkTensor boxes, NetworkTensor scores, int64_t most, float iou, float score);

// The networks; each file has a family.
void make_resnet(Maker& maker, int depth);
void make_deeplabv3(Maker& maker);
void make_mobilenet_v2(Maker& maker);
void make_mobilenet_v3(Maker& maker, bool large);
void make_efficientnet_b0(Maker& maker);
void make_yolov8(Maker& maker, char size);
void make_ssd_mobilenet(Maker& maker);
void make_efficientdet_d0(Maker& maker);
void make_vit_b_16(Maker& maker);
void make_bert_base(Maker& maker);
void make_lstm(Maker& maker);

// The stages of EfficientNet-B0, for networks on top of it: the results of stride 8, 16 and 32.
std::vector<Act> efficientnet_b0_features(Maker& maker, const std::string& prefix, const Act& image, Act& last);

}  // namespace sinter::zoo
