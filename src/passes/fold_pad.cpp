// fold_pad: zeros around an image are the padding of the convolution or pooling that reads it.
//
//   %y = Conv(Pad(%x, {0,0,1,1,0,0,1,1}), %w)   →   %y = Conv(%x, %w) [pads=[1,1,1,1]]
//
// Padding of spatial axes only, not negative, constant. The pad value is 0 for Conv and AveragePool (that one with
// count_include_pad), and -inf (or the type's lowest) for MaxPool. Exact.
#include <algorithm>
#include <cmath>

#include "passes/match.h"

namespace sinter::passes {
namespace fold_pad_impl {

std::string objection(const Node& pad, const Node& node) {
  const std::string mode = node.attributes.s_or("auto_pad", "NOTSET");
  if (mode != "NOTSET" && mode != "VALID") return "auto_pad computes the padding";
  if (pad.attributes.s_or("mode", "constant") != "constant") return "the Pad is not of constants";
  const auto value = pad.input(2) ? scalar_of(pad.input(2)) : std::optional<double>(0);
  if (!value) return "the pad value is not constant";
  if (node.attributes.i_or("ceil_mode", 0) != 0) return "ceil_mode counts elements beyond the padding";
  if (node.is("MaxPool")) {
    if (node.outputs.size() > 1) return "MaxPool's indices are used";
    return std::isinf(*value) && *value < 0 ? "" : "a MaxPool pads with the lowest value";
  }
  if (*value != 0) return fmt::format("the pad value is {}", *value);
  if (!node.is("AveragePool")) return "";
  const auto own = node.attributes.ints_or("pads", {});
  const bool padded = std::any_of(own.begin(), own.end(), [](int64_t p) { return p != 0; });
  return padded && node.attributes.i_or("count_include_pad", 0) == 0 ? "AveragePool leaves its own padding out of the mean" : "";
}

// Begin and end padding of the spatial axes; nullopt: other axes are padded, or an amount is negative or unknown.
std::optional<std::vector<int64_t>> spatial_pads(const Node& pad) {
  const auto amounts = ints_of(pad.input(1));
  const int rank = rank_of(pad.input(0));
  if (!amounts || rank < 3) return std::nullopt;
  std::vector<int64_t> axes;
  if (pad.input(3)) {
    const auto given = ints_of(pad.input(3));
    if (!given) return std::nullopt;
    axes = *given;
  } else {
    for (int i = 0; i < rank; ++i) axes.push_back(i);
  }
  if (amounts->size() != 2 * axes.size()) return std::nullopt;
  std::vector<int64_t> all(2 * rank, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
    if (axis < 0 || axis >= rank) return std::nullopt;
    all[axis] = (*amounts)[i];
    all[axis + rank] = (*amounts)[i + axes.size()];
  }
  if (std::any_of(all.begin(), all.end(), [](int64_t p) { return p < 0; })) return std::nullopt;
  if (all[0] || all[1] || all[rank] || all[rank + 1]) return std::nullopt;
  std::vector<int64_t> pads(all.begin() + 2, all.begin() + rank);
  pads.insert(pads.end(), all.begin() + rank + 2, all.end());
  return pads;
}

}  // namespace fold_pad_impl

Outcome fold_pad(Graph& graph, Node& node) {
  using namespace fold_pad_impl;
  if (!(node.is("Conv") || node.is("AveragePool") || node.is("MaxPool"))) return NoMatch{};
  const Node* pad = producer(node.input(0), "Pad");
  if (!pad) return NoMatch{};
  if (std::string reason = objection(*pad, node); !reason.empty()) return Declined{std::move(reason)};
  auto pads = spatial_pads(*pad);
  if (!pads) return decline("the Pad is not of known spatial amounts");
  const auto own = node.attributes.ints_or("pads", {});
  for (size_t i = 0; i < own.size() && i < pads->size(); ++i) (*pads)[i] += own[i];
  Attributes attributes = node.attributes;
  attributes.set("pads", *pads);
  attributes.set("auto_pad", std::string("NOTSET"));
  if (node.is("AveragePool")) attributes.set("count_include_pad", int64_t{1});
  if (node.is("AveragePool") || node.is("MaxPool")) {
    // A pooling window must not lie in the padding alone.
    const auto kernel = node.attributes.ints_or("kernel_shape", {});
    for (size_t i = 0; i < pads->size(); ++i) {
      if (kernel.size() * 2 != pads->size() || (*pads)[i] >= kernel[i % kernel.size()]) return decline("the padding is as large as the window");
    }
  }
  std::vector<IrValue*> inputs = node.inputs;
  inputs[0] = pad->input(0);
  Patch patch(graph, node);
  Node* made = patch.add_node(node.op, node.name, inputs, 1, std::move(attributes), {pad, &node});
  patch.replace(node.output(), made->output());
  return patch;
}

}  // namespace sinter::passes
