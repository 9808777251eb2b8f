// Types that people ask of layers by name (--layerPrecisions, --layerOutputTypes, --float-layers), as trtexec spells them:
// "conv1:fp16,*norm*:fp32" and, for several outputs, "split:fp16+fp32". Each '*' of a name stands for any characters; what comes
// later overrides.
//
// Names are the model's: of nodes (made up from the first output where the file has none), or of tensors that nodes make. A layer of the
// optimised graph stands for several nodes; it takes the type that any of them was asked to have.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace sinter::builder {

enum class ConstraintMode : uint8_t {
  kNone,    // constraints have no effect
  kPrefer,  // kept where possible, else a warning
  kObey,    // one that can't be kept is an error
};

enum class LayerType : uint8_t {
  kFree,
  kFloat,  // any floating type, not whole numbers
  kF32, kF16, kBF16, kF8, kI8, kI32,
};
std::string_view layer_type_name(LayerType type);  // "fp16"
DType dtype_of(LayerType type);                    // kUndefined: kFree, kFloat

struct LayerTypes {
  LayerType precision = LayerType::kFree;
  std::vector<LayerType> outputs;  // one for all, or one an output; {}: free
  bool operator==(const LayerTypes&) const = default;
};
using LayerTypeMap = std::map<std::string, LayerTypes, std::less<>>;  // by the model's node names

struct ConstraintEntry {
  std::string pattern;
  std::vector<LayerType> types;
};

struct Constraints {
  ConstraintMode mode = ConstraintMode::kNone;
  std::vector<ConstraintEntry> precisions, outputs;
  std::vector<std::string> floats;  // nodes that stay in float whatever the mode
  bool empty() const { return precisions.empty() && outputs.empty() && floats.empty(); }
};

// `several`: types may be joined by '+'. The option's name is for messages.
Result<std::vector<ConstraintEntry>> parse_constraints(std::string_view text, bool several, std::string_view option);
Result<ConstraintMode> parse_constraint_mode(std::string_view text);  // "none", "prefer", "obey"

// The constraints by node of a graph as it was imported. A name that matches nothing is an error, or with kPrefer a warning, that has the nearest
// names. What has a wildcard passes by layers of whole numbers and shapes.
Result<LayerTypeMap> resolve_constraints(const ir::Graph& graph, const Constraints& constraints, std::vector<std::string>& warnings);

// What was asked of a node of an optimised graph. Of several answers the widest counts; `conflict` then says which could not be kept.
struct Asked {
  LayerTypes types;
  std::string conflict;
};
Asked asked_of(const ir::Node& node, const LayerTypeMap& types);

// Constraints that the lowered graph does not keep, in words: the layer, what was asked and what it is. `reasons`: why, by the name of the graph's
// node, where somebody knows.
std::vector<std::string> broken_constraints(const ir::Graph& graph, const LayerTypeMap& types, const std::map<std::string, std::string>& reasons);

}  // namespace sinter::builder
