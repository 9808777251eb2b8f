#include "session/profiles.h"

#include <algorithm>
#include <cstring>

#include "engine/layout.h"

namespace sinter::session {
namespace {

// The shape given for an input, null when there is none. An unnamed shape is for a model's only input.
const Shape* shape_for(const ShapeMap& shapes, const ir::Graph& graph, const std::string& name) {
  auto it = shapes.find(name);
  if (it == shapes.end() && graph.inputs.size() == 1) it = shapes.find("");
  return it == shapes.end() ? nullptr : &it->second;
}

// Names that no input has are mistakes.
Status check_names(const ir::Graph& graph, const ShapeMap& shapes) {
  for (const auto& [name, shape] : shapes) {
    bool known = name.empty() && graph.inputs.size() == 1;
    std::string names;
    for (const ir::Value* input : graph.inputs) {
      known = known || input->name == name;
      names += fmt::format("{}'{}'", names.empty() ? "" : ", ", input->name);
    }
    if (!known) return make_error(Code::kInvalidArgument, "profile: input '{}' does not exist; the model has {}", name, names);
  }
  return ok_status();
}

Status add_range(SymbolRanges& ranges, plan::SymbolRange range, const std::string& input, size_t axis) {
  if (range.min > range.opt || range.opt > range.max) {
    return make_error(Code::kInvalidArgument, "input '{}', dimension {}: found min {}, opt {}, max {}, expected min <= opt <= max", input, axis, range.min,
                      range.opt, range.max);
  }
  const auto [it, added] = ranges.emplace(range.name, range);
  const plan::SymbolRange& before = it->second;
  if (added || (before.min == range.min && before.opt == range.opt && before.max == range.max)) return ok_status();
  return make_error(Code::kInvalidArgument, "input '{}', dimension {}: found min {}, opt {}, max {}, but the model says that it is '{}' and equal to another one, for which "
                    "the profile gives min {}, opt {}, max {}; give both the same", input, axis, range.min, range.opt, range.max, range.name, before.min, before.opt,
                    before.max);
}

}  // namespace

Result<SymbolRanges> ranges_of(const ir::Graph& graph, const ProfileShapes& profile) {
  SymbolRanges ranges;
  for (const ShapeMap* shapes : {&profile.min, &profile.opt, &profile.max}) SINTER_TRY(check_names(graph, *shapes));
  for (const ir::Value* input : graph.inputs) {
    if (!input->type.is_tensor() || !input->type.shape) continue;
    const Shape& declared = *input->type.shape;
    const std::string& name = input->name;
    const Shape* least = shape_for(profile.min, graph, name);
    const Shape* most = shape_for(profile.max, graph, name);
    const Shape* best = shape_for(profile.opt, graph, name);
    for (const Shape* given : {least, most, best}) {
      if (given && given->size() != declared.size()) {
        return make_error(Code::kInvalidArgument, "input '{}' has shape {}, the profile gives {}; give one size a dimension", name, to_string(declared),
                          to_string(*given));
      }
    }
    for (size_t axis = 0; axis < declared.size(); ++axis) {
      for (const Shape* given : {least, most, best}) {
        if (!given || !declared[axis].is_constant() || (*given)[axis].value() == declared[axis].value()) continue;
        return make_error(Code::kInvalidArgument, "input '{}', dimension {}: it is {} in the model, the profile gives {}; give {}", name, axis,
                          declared[axis].value(), (*given)[axis].value(), declared[axis].value());
      }
      const std::string symbol(declared[axis].symbol_name());
      if (symbol.empty()) continue;
      plan::SymbolRange range{symbol, 1, 1, INT64_MAX};
      if (least) range.min = (*least)[axis].value();
      if (most) range.max = (*most)[axis].value();
      range.opt = best ? (*best)[axis].value() : most ? range.max : range.min;
      SINTER_TRY(add_range(ranges, std::move(range), name, axis));
    }
  }
  return ranges;
}

Result<std::vector<Dims>> warm_set_of(const ir::Graph& graph, const ShapeMap& shapes, const std::vector<std::vector<plan::SymbolRange>>& profiles) {
  SINTER_TRY(check_names(graph, shapes));
  std::vector<Dims> set;
  std::map<std::string, int64_t, std::less<>> sizes;
  for (const ir::Value* input : graph.inputs) {
    const bool ranked = input->type.is_tensor() && input->type.shape;
    const Shape* given = shape_for(shapes, graph, input->name);
    if (!given && ranked && std::all_of(input->type.shape->begin(), input->type.shape->end(), [](const Dim& dim) { return dim.is_constant(); })) given = &*input->type.shape;
    if (!ranked || !given || given->size() != input->type.shape->size()) {
      return make_error(Code::kInvalidArgument, "shapes to warm: input '{}' is {}, found {}; give the size of each dimension", input->name, input->type.to_string(),
                        given ? to_string(*given) : "no shape");
    }
    set.emplace_back();
    for (size_t axis = 0; axis < given->size(); ++axis) {
      set.back().push_back((*given)[axis].value());
      const std::string_view symbol = (*input->type.shape)[axis].symbol_name();
      const auto [it, added] = sizes.emplace(symbol.empty() ? fmt::format("{} {}", input->name, axis) : std::string(symbol), set.back().back());
      const bool fits = symbol.empty() ? !(*input->type.shape)[axis].is_constant() || (*input->type.shape)[axis].value() == it->second : added || it->second == set.back().back();
      if (!fits) return make_error(Code::kInvalidArgument, "shapes to warm: input '{}', dimension {} is {}, expected {}", input->name, axis, set.back().back(),
                                   symbol.empty() ? (*input->type.shape)[axis].value() : it->second);
    }
  }
  const auto inside = [&](const std::vector<plan::SymbolRange>& ranges) {
    return std::all_of(ranges.begin(), ranges.end(), [&](const plan::SymbolRange& range) {
      const auto it = sizes.find(range.name);
      return it == sizes.end() || (it->second >= range.min && it->second <= range.max);
    });
  };
  if (std::any_of(profiles.begin(), profiles.end(), inside)) return set;
  std::string text;
  for (size_t i = 0; i < set.size(); ++i) text += fmt::format("{}'{}' {}", i ? ", " : "", graph.inputs[i]->name, to_string(set[i]));
  return make_error(Code::kInvalidArgument, "shapes to warm: {} lies in none of the engine's optimization profiles; give shapes between --min-shapes and --max-shapes", text);
}

void BlobSharer::share(std::vector<Tensor>& blobs) {
  for (Tensor& blob : blobs) {
    if (blob.dtype() == DType::kString || blob.bytes() == 0) continue;
    const uint64_t hash = engine::hash_bytes(blob.raw(), static_cast<uint64_t>(blob.bytes()));
    const auto [first, last] = known_.equal_range(hash);
    bool found = false;
    for (auto it = first; it != last && !found; ++it) {
      const Tensor& other = it->second;
      if (other.dtype() != blob.dtype() || other.dims() != blob.dims() || std::memcmp(other.raw(), blob.raw(), static_cast<size_t>(blob.bytes())) != 0) continue;
      blob = other;
      found = true;
    }
    if (!found) known_.emplace(hash, blob);
  }
}

}  // namespace sinter::session
