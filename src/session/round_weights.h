// Adaptive rounding of a model's dense layers (quant/rounding.h), by the data that the layers see in f32.
#pragma once

#include "quant/insert.h"
#include "runtime/engine.h"

namespace sinter::session {

struct RoundedLayer {
  std::string node;
  double gain = 0;     // share of the squared error of the layer's products that rounding with feedback takes away
  std::string reason;  // why the layer keeps the nearest values; "": it does not
};

struct RoundedWeights {
  std::map<std::string, Tensor, std::less<>> values;  // for InsertOptions::rounded
  std::vector<RoundedLayer> layers;                   // every dense layer with constant weights, in the graph's order
};

// `engine` is of the graph, in f32. Uses up to `most` samples, and of each so many places of an image that a layer sees a few vectors for each of
// its inputs. Layers whose sums are longer than 1152 keep their nearest values: the work grows with the cube.
Result<RoundedWeights> round_weights(const std::shared_ptr<const runtime::Engine>& engine, const ir::Graph& graph,
                                     const std::vector<std::vector<Value>>& samples, size_t most, int threads);

}  // namespace sinter::session
