#include "builder/constraints.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace sinter::builder {
namespace {

constexpr size_t kNearestNames = 3;

struct TypeName {
  LayerType type;
  std::string_view name;
  DType dtype;
};
constexpr TypeName kTypeNames[] = {
    {LayerType::kFree, "free", DType::kUndefined}, {LayerType::kFloat, "float", DType::kUndefined}, {LayerType::kF32, "fp32", DType::kF32},
    {LayerType::kF16, "fp16", DType::kF16},        {LayerType::kBF16, "bf16", DType::kBF16},         {LayerType::kF8, "fp8", DType::kF8E4M3FN},
    {LayerType::kI8, "int8", DType::kI8},          {LayerType::kI32, "int32", DType::kI32}};

const TypeName& entry_of(LayerType type) {
  return *std::find_if(std::begin(kTypeNames), std::end(kTypeNames), [&](const TypeName& entry) { return entry.type == type; });
}

std::optional<LayerType> parse_type(std::string_view text) {
  for (const TypeName& entry : kTypeNames) {
    if (entry.name == text && entry.type != LayerType::kFree && entry.type != LayerType::kFloat) return entry.type;
  }
  return std::nullopt;
}

bool has_wildcard(std::string_view pattern) { return pattern.find('*') != pattern.npos; }

// Whether the name is the pattern, each '*' in it standing for any characters.
bool matches(std::string_view pattern, std::string_view name) {
  const size_t star = pattern.find('*');
  if (star == pattern.npos) return pattern == name;
  if (name.substr(0, star) != pattern.substr(0, star)) return false;
  name.remove_prefix(star);
  pattern.remove_prefix(star + 1);
  for (;;) {  // the leftmost place of each part between two stars leaves most for the rest
    const size_t next = pattern.find('*');
    const std::string_view part = pattern.substr(0, next);
    if (next == pattern.npos) return name.size() >= part.size() && name.substr(name.size() - part.size()) == part;
    const size_t at = name.find(part);
    if (at == name.npos) return false;
    name.remove_prefix(at + part.size());
    pattern.remove_prefix(next + 1);
  }
}

// A node of the model as it was imported.
struct Named {
  std::string node;
  std::vector<std::string> tensors;
  bool floats = false;  // it makes some
};

void collect(const ir::Graph& graph, std::map<std::string, Named>& out) {
  for (const auto& node : graph.nodes()) {
    for (const auto& [name, body] : node->subgraphs) collect(*body, out);
    for (const std::string& source : node->source_nodes) {
      Named& named = out[source];
      named.node = source;
      for (const ir::Value* output : node->outputs) {
        if (!output) continue;
        named.tensors.insert(named.tensors.end(), output->onnx_names.begin(), output->onnx_names.end());
        named.floats |= output->type.is_tensor() && is_float(output->type.dtype);
      }
    }
  }
}

// How wide a type is: of several that one layer was asked for, the widest is taken.
int width(LayerType type) {
  switch (type) {
    case LayerType::kF32: return 6;
    case LayerType::kBF16: return 5;
    case LayerType::kF16: return 4;
    case LayerType::kFloat: return 3;
    case LayerType::kF8: return 2;
    case LayerType::kI32: return 1;
    default: return 0;
  }
}

bool is_floating(LayerType type) { return width(type) >= width(LayerType::kFloat); }

// Both can be kept by one layer.
bool agree(LayerType a, LayerType b) { return a == b || (a == LayerType::kFloat && is_floating(b)) || (b == LayerType::kFloat && is_floating(a)); }

bool is_byte(const ir::Value* value) {
  return value && value->type.is_tensor() && (value->type.dtype == DType::kI8 || value->type.dtype == DType::kU8);
}

bool is_quantized_product(const ir::Node& node) { return node.op->domain == "sinter" && node.op->name.starts_with("Quantized"); }

// Moves or converts what others make.
bool only_carries(const ir::Node& node) {
  if (node.op->is(kViewOnly) && !node.attributes.has(kEpilogueAttr)) return true;
  for (const char* name : {"Cast", "QuantizeLinear", "DequantizeLinear", "Identity"}) {
    if (node.is(name)) return true;
  }
  return false;
}

// The type that a node computes in, as a constraint names it.
LayerType type_of(const ir::Node& node) {
  const ir::Value* output = node.output();
  if (!output || !output->type.is_tensor()) return LayerType::kFree;
  if (is_quantized_product(node) || is_byte(output)) return LayerType::kI8;
  DType dtype = output->type.dtype;
  const ir::Value* data = node.input(0);
  if (node.attributes.i_or(kEpilogueTypeAttr, 0) != 0 && data && data->type.is_tensor()) dtype = data->type.dtype;
  for (const TypeName& entry : kTypeNames) {
    if (entry.dtype == dtype && dtype != DType::kUndefined) return entry.type;
  }
  return LayerType::kFree;
}

std::string_view type_text(const ir::Node& node) {
  const LayerType type = type_of(node);
  if (type != LayerType::kFree) return layer_type_name(type);
  return node.output() && node.output()->type.is_tensor() ? dtype_name(node.output()->type.dtype) : "no tensor";
}

bool keeps(const ir::Node& node, LayerType asked) {
  if (asked == LayerType::kF8) {
    const ir::Value* data = node.input(0);
    const ir::Node* before = data ? data->producer : nullptr;
    return before && before->is("DequantizeLinear") && before->input(0)->type.dtype == DType::kF8E4M3FN;
  }
  const LayerType type = type_of(node);
  if (asked == LayerType::kFloat) return type != LayerType::kI8 || node.is("Pointwise", "sinter");
  // A program that stores whole numbers computes in f32.
  if (asked == LayerType::kF32 && type == LayerType::kI8 && node.is("Pointwise", "sinter")) return true;
  if (asked == LayerType::kI8 && type != asked) {
    return !node.inputs.empty() && is_byte(node.inputs[0]);
  }
  // Whole numbers of 64 bits are indices: int32 is what trtexec calls them.
  if (asked == LayerType::kI32) return type == asked || (node.output() && node.output()->type.is_tensor() && node.output()->type.dtype == DType::kI64);
  return type == asked;
}

}  // namespace

std::string_view layer_type_name(LayerType type) { return entry_of(type).name; }
DType dtype_of(LayerType type) { return entry_of(type).dtype; }

Result<ConstraintMode> parse_constraint_mode(std::string_view text) {
  if (text == "none") return ConstraintMode::kNone;
  if (text == "prefer") return ConstraintMode::kPrefer;
  if (text == "obey") return ConstraintMode::kObey;
  return make_error(Code::kInvalidArgument, "--precisionConstraints: found '{}', expected none, prefer or obey", text);
}

Result<std::vector<ConstraintEntry>> parse_constraints(std::string_view text, bool several, std::string_view option) {
  std::vector<ConstraintEntry> entries;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    text = comma == text.npos ? std::string_view() : text.substr(comma + 1);
    const size_t colon = item.rfind(':');
    const auto bad = [&](std::string_view why) {
      return make_error(Code::kInvalidArgument, "{}: found '{}', {}; expected NAME:TYPE{}, comma-separated, with types fp32, fp16, bf16, fp8, int8 or int32", option, item, why,
                        several ? " or NAME:TYPE+TYPE" : "");
    };
    if (colon == item.npos || colon == 0) return bad("which has no name or no type");
    ConstraintEntry entry{std::string(item.substr(0, colon)), {}};
    std::string_view types = item.substr(colon + 1);
    for (;;) {
      const size_t plus = types.find('+');
      const auto type = parse_type(types.substr(0, plus));
      if (!type) return bad(fmt::format("where '{}' is no type", types.substr(0, plus)));
      entry.types.push_back(*type);
      if (plus == types.npos) break;
      types = types.substr(plus + 1);
    }
    if (!several && entry.types.size() > 1) return bad("which has several types");
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<LayerTypeMap> resolve_constraints(const ir::Graph& graph, const Constraints& constraints, std::vector<std::string>& warnings) {
  LayerTypeMap result;
  std::map<std::string, Named> nodes;
  collect(graph, nodes);
  std::set<std::string> known;
  for (const auto& [name, node] : nodes) {
    known.insert(name);
    known.insert(node.tensors.begin(), node.tensors.end());
  }
  const std::vector<std::string> names(known.begin(), known.end());
  const auto apply = [&](const std::string& pattern, std::string_view option, bool demanded, const auto& set) -> Status {
    bool any = false;
    for (const auto& [name, node] : nodes) {
      const bool named = matches(pattern, name) || (!has_wildcard(pattern) && std::find(node.tensors.begin(), node.tensors.end(), pattern) != node.tensors.end());
      if (!named) continue;
      any = true;
      if (node.floats || !has_wildcard(pattern)) set(result[name]);
    }
    if (any) return ok_status();
    std::string text = fmt::format("{}: no node or tensor of the model is named '{}'; the nearest names are {}", option, pattern, nearest_names(pattern, names, kNearestNames));
    if (demanded) return make_error(Code::kInvalidArgument, "{}", text);
    warnings.push_back(std::move(text));
    return ok_status();
  };
  const bool demanded = constraints.mode == ConstraintMode::kObey;
  for (const std::string& name : constraints.floats) {
    SINTER_TRY(apply(name, "--float-layers", true, [](LayerTypes& types) { types.precision = LayerType::kFloat; }));
  }
  if (constraints.mode == ConstraintMode::kNone) return result;
  for (const ConstraintEntry& entry : constraints.precisions) {
    SINTER_TRY(apply(entry.pattern, "--layerPrecisions", demanded, [&](LayerTypes& types) { types.precision = entry.types[0]; }));
  }
  for (const ConstraintEntry& entry : constraints.outputs) {
    SINTER_TRY(apply(entry.pattern, "--layerOutputTypes", demanded, [&](LayerTypes& types) { types.outputs = entry.types; }));
  }
  return result;
}

Asked asked_of(const ir::Node& node, const LayerTypeMap& types) {
  Asked asked;
  std::string_view winner;
  for (const std::string& source : node.source_nodes) {
    const auto found = types.find(source);
    if (found == types.end()) continue;
    // Output types are the last node's: what the others make is not stored.
    if (!found->second.outputs.empty()) asked.types.outputs = found->second.outputs;
    const LayerType type = found->second.precision;
    LayerType& taken = asked.types.precision;
    if (type == LayerType::kFree || type == taken) continue;
    if (taken != LayerType::kFree && !agree(type, taken)) {
      const bool wider = width(type) > width(taken);
      asked.conflict = fmt::format("'{}' ({}) and '{}' ({}) are one layer", winner, layer_type_name(taken), source, layer_type_name(type));
      if (!wider) continue;
    }
    if (taken == LayerType::kFree || width(type) > width(taken)) taken = type, winner = source;
  }
  return asked;
}

std::vector<std::string> broken_constraints(const ir::Graph& graph, const LayerTypeMap& types, const std::map<std::string, std::string>& reasons) {
  std::vector<std::string> broken;
  if (types.empty()) return broken;
  for (const auto& node : graph.nodes()) {
    for (const auto& [name, inner] : node->subgraphs) {
      for (std::string& line : broken_constraints(*inner, types, reasons)) broken.push_back(std::move(line) + " (bodies of control flow keep the model's types)");
    }
    const Asked asked = asked_of(*node, types);
    if (only_carries(*node)) continue;
    if (!asked.conflict.empty()) {
      broken.push_back(fmt::format("layer '{}': {}; it is {}", node->name, asked.conflict, type_text(*node)));
    } else if (asked.types.precision != LayerType::kFree && node->subgraphs.empty() && !keeps(*node, asked.types.precision)) {
      const auto reason = reasons.find(node->name);
      broken.push_back(fmt::format("layer '{}' ({}): {} was asked for, it is {}{}", node->name, node->op->name, layer_type_name(asked.types.precision),
                                   type_text(*node), reason == reasons.end() ? "" : fmt::format(" ({})", reason->second)));
    }
    for (size_t i = 0; i < node->outputs.size() && !asked.types.outputs.empty(); ++i) {
      const ir::Value* output = node->outputs[i];
      if (!output || !output->type.is_tensor() || !is_float(output->type.dtype)) continue;
      const std::vector<LayerType>& wanted = asked.types.outputs;
      const LayerType type = wanted.size() == 1 ? wanted[0] : i < wanted.size() ? wanted[i] : LayerType::kFree;
      // A conversion that follows is part of how the layer stores its result.
      const auto converts = [&](const ir::Node* user) { return user->is("Cast") && user->output()->type.dtype == dtype_of(type); };
      const std::vector<ir::Node*> users = graph.users(output);
      const bool converted = !users.empty() && std::all_of(users.begin(), users.end(), converts);
      if (type == LayerType::kFree || output->type.dtype == dtype_of(type) || converted) continue;
      broken.push_back(fmt::format("layer '{}' ({}), output {}: {} was asked for, it is {}", node->name, node->op->name, i, layer_type_name(type),
                                   dtype_name(output->type.dtype)));
    }
  }
  return broken;
}

}  // namespace sinter::builder
