// The layers that bench_kernels times.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "cpu/kernels/conv.h"
#include "cpu/kernels/matmul.h"

namespace sinter::cpu {

enum class LayerKind { kConv, kFewChannels, kDepthwise, kMatmul, kDynamicMatmul };

struct Layer {
  const char* network;
  const char* name;
  int count;  // how often the network has it
  LayerKind kind;
  ConvShape conv;
  MatmulShape matmul;
  double flops() const;
};

const std::vector<Layer>& all_layers();

// A function that runs the layer once in oneDNN with one thread, memory in the layouts oneDNN prefers; empty without
// it.
std::function<void()> onednn_layer(const Layer& layer);

}  // namespace sinter::cpu
