// Implicit quantization made explicit: QuantizeLinear and DequantizeLinear are put into an optimised f32 graph where ranges are known, as a
// quantizing exporter would have done; the passes then make products of whole numbers of them (passes/fuse_quantized_product).
//
// Zero point 0; one scale an activation, one an output channel of weights: i8 with scale = range / 127, and u8 with range / 255 for activations that
// cannot be below zero (results of Relu and the like). Values that movement connects (Concat, MaxPool, Reshape, Split, …)
// share one range, the largest of theirs, so that whole numbers can be moved.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "quant/calibration.h"

namespace sinter::quant {

// Means of the channels of values in f32, by the value's name: what the correction of biases needs.
using ChannelMeans = std::map<std::string, std::vector<double>, std::less<>>;

struct InsertOptions {
  // Layers that stay in f32: names of nodes, or of the model's nodes that they stand for.
  std::set<std::string, std::less<>> keep;
  // Of dense layers' inputs. A layer with a bias input whose means are here gets a bias that makes up for what the rounding of its weights
  // does to the mean of its outputs (Nagel et al. 2019, data-free quantization, with measured means; borders are not told apart).
  ChannelMeans input_means;
  // Least values that activations take, by the names that ranges have. An activation whose values are lopsided gets u8 with a zero point, so that its
  // 255 steps lie where its values are (behind Silu and the like, and pictures: twice as many as from -range to range).
  std::map<std::string, float, std::less<>> lows;
  // Whole numbers for the weights of dense nodes, by node name, instead of the nearest ones; for the same scales.
  std::map<std::string, Tensor, std::less<>> rounded;
};

// What became of one dense layer (convolution, matrix product with constant weights).
struct LayerDecision {
  std::string node;
  bool quantized = false;
  std::string reason;  // why not
};

struct InsertReport {
  std::vector<LayerDecision> layers;   // every dense layer, in the graph's order
  std::vector<std::string> unused;     // ranges whose tensor the optimised graph does not have (or has fused away)
  int64_t quantized_values = 0;
};

// The graph must be typed. Bodies of control flow stay as they are.
Result<InsertReport> insert_quantization(ir::Graph& graph, const Calibration& calibration, const InsertOptions& options = {});

// The calibrated range of a value by any of its names; nullopt: none.
std::optional<float> range_of(const Calibration& calibration, const ir::Value& value);

}  // namespace sinter::quant
