// validate(): the gate between a plan that was read from bytes and the runtime. Written for hostile plans: nothing is used as an
// index before it was checked, and no check recurses over data.
#include <set>

#include "plan/plan.h"

namespace sinter::plan {
namespace {

constexpr size_t kMaxRegions = 1 << 16, kMaxValues = 1 << 24, kMaxRank = 64, kMaxNesting = 64, kMaxAliasChain = 1000;

template <typename... Args>
Status invalid(fmt::format_string<Args...> format, Args&&... args) {
  return make_error(Code::kInvalidEngine, "plan: {}; the engine is damaged, build it again",
                    fmt::format(format, std::forward<Args>(args)...));
}

bool in_range(int64_t index, size_t count) { return index >= 0 && static_cast<uint64_t>(index) < count; }

bool has_fixed_size(const ValueType& type) {
  return type.is_tensor() && static_cast<int>(type.dtype) < kDTypeCount && dtype_bits(type.dtype) > 0;
}

class RegionValidator {
 public:
  RegionValidator(const Plan& plan, int32_t number) : plan_(plan), region_(plan.regions[number]), number_(number) {}

  Status run(std::vector<int>& references) {
    SINTER_TRY(check_values());
    SINTER_TRY(check_aliases());
    SINTER_TRY(check_inputs());
    pending_.assign(region_.values.size(), 0);
    maker_.assign(region_.values.size(), -1);
    for (size_t s = 0; s < region_.steps.size(); ++s) SINTER_TRY(check_outputs(static_cast<int32_t>(s)));
    contains_made_.assign(region_.values.size(), false);
    for (size_t v = 0; v < root_.size(); ++v) {
      if (maker_[v] >= 0) contains_made_[root_[v]] = true;
    }
    for (size_t s = 0; s < region_.steps.size(); ++s) {
      SINTER_TRY(check_step(region_.steps[s], static_cast<int32_t>(s), references));
      for (int32_t output : region_.steps[s].outputs) {
        if (output >= 0 && root_[output] != output) --pending_[root_[output]];
      }
    }
    for (int32_t output : region_.outputs) {
      if (!in_range(output, region_.values.size())) return invalid("{}: output {} is out of range", where(), output);
      SINTER_TRY(check_defined(output, static_cast<int32_t>(region_.steps.size()), where()));
      const PlanValue& value = region_.values[output];
      if (value.layout != Layout::kRowMajor) return invalid("{}: output '{}' is not row-major", where(), value.name);
    }
    return ok_status();
  }

 private:
  std::string where() const { return fmt::format("region {} '{}'", number_, region_.name); }
  std::string where(const Step& step) const { return fmt::format("{}: step '{}'", where(), step.name); }

  Status check_type(const PlanValue& value) const {
    if (static_cast<int>(value.layout) >= kLayoutCount) return invalid("{}: value '{}': unknown layout", where(), value.name);
    if (!value.type.is_tensor()) {
      if (value.layout != Layout::kRowMajor) return invalid("{}: value '{}': a container has no layout", where(), value.name);
      return ok_status();
    }
    const int dtype = static_cast<int>(value.type.dtype);
    if (dtype <= 0 || dtype >= kDTypeCount) return invalid("{}: value '{}': unknown dtype {}", where(), value.name, dtype);
    if (value.type.shape && value.type.shape->size() > kMaxRank) {
      return invalid("{}: value '{}' has rank {}, more than {}", where(), value.name, value.type.shape->size(), kMaxRank);
    }
    const int rank = value.type.rank();
    if (value.layout != Layout::kRowMajor && (rank < 3 || !has_fixed_size(value.type))) {
      return invalid("{}: value '{}' of type {} can't have layout {}", where(), value.name, value.type.to_string(),
                     layout_name(value.layout));
    }
    return ok_status();
  }

  Status check_place(const PlanValue& value) const {
    if (value.place == Place::kHost) return ok_status();
    const bool good = value.place == Place::kDevice && plan_.on_cuda() && has_fixed_size(value.type) && value.storage != Storage::kHost;
    return good ? ok_status() : invalid("{}: value '{}' of type {} can't be on a device", where(), value.name, value.type.to_string());
  }

  Status check_places(const Step& step, Place place) const {
    for (const std::vector<int32_t>* list : {&step.inputs, &step.outputs}) {
      for (int32_t v : *list) {
        if (v < 0 || region_.values[v].place == place) continue;
        return invalid("{}: value '{}' is not on the {}", where(step), region_.values[v].name, place_name(place));
      }
    }
    return ok_status();
  }

  Status check_transfer(const Step& step) const {
    if (step.inputs.size() != 1 || step.outputs.size() != 1 || step.inputs[0] < 0 || step.outputs[0] < 0 || !step.regions.empty()) {
      return invalid("{}: a transfer has one input and one output", where(step));
    }
    const PlanValue &from = region_.values[step.inputs[0]], &to = region_.values[step.outputs[0]];
    if (from.place != to.place && from.layout == to.layout && has_fixed_size(from.type) && from.type == to.type && from.type.shape) return ok_status();
    return invalid("{}: '{}' of type {} is not '{}' of type {} elsewhere", where(step), from.name, from.type.to_string(), to.name, to.type.to_string());
  }

  Status check_values() const {
    if (region_.values.size() > kMaxValues || region_.steps.size() > kMaxValues) return invalid("{}: too large", where());
    for (const PlanValue& value : region_.values) {
      SINTER_TRY(check_type(value));
      SINTER_TRY(check_storage(value));
      SINTER_TRY(check_place(value));
    }
    return ok_status();
  }

  Status check_storage(const PlanValue& value) const {
    switch (value.storage) {
      case Storage::kNone:
      case Storage::kHost: return ok_status();
      case Storage::kInput:
        if (in_range(value.index, region_.inputs.size())) return ok_status();
        return invalid("{}: value '{}': region input {} is out of range", where(), value.name, value.index);
      case Storage::kConstant: return check_constant(value);
      case Storage::kArena:
        if (has_fixed_size(value.type) && value.type.shape) return ok_status();
        return invalid("{}: value '{}' of type {} can't be in the arena", where(), value.name, value.type.to_string());
      case Storage::kCaptured: return check_captured(value);
      case Storage::kAlias:
        if (in_range(value.index, region_.values.size())) return ok_status();
        return invalid("{}: value '{}': alias of value {}, which is out of range", where(), value.name, value.index);
    }
    return invalid("{}: value '{}': unknown storage {}", where(), value.name, static_cast<int>(value.storage));
  }

  Status check_constant(const PlanValue& value) const {
    if (!in_range(value.index, plan_.blobs.size())) {
      return invalid("{}: value '{}': blob {} is out of range", where(), value.name, value.index);
    }
    const BlobInfo& blob = plan_.blobs[value.index];
    const std::optional<Dims> dims =
        value.type.is_tensor() && value.type.shape ? constant_dims(*value.type.shape) : std::nullopt;
    if (!dims || blob.dtype != value.type.dtype) {
      return invalid("{}: constant '{}' of type {} does not match blob {} of type {}", where(), value.name,
                     value.type.to_string(), value.index, dtype_name(blob.dtype));
    }
    const bool same = blob.dtype == DType::kString || value.layout == Layout::kRowMajor
                          ? blob.dims == *dims
                          : physical_bytes(value.type.dtype, value.layout, *dims) ==
                                physical_bytes(blob.dtype, Layout::kRowMajor, blob.dims);
    if (same) return ok_status();
    return invalid("{}: constant '{}' of type {} does not match blob {} of dims {}", where(), value.name,
                   value.type.to_string(), value.index, to_string(blob.dims));
  }

  Status check_captured(const PlanValue& value) const {
    if (region_.parent < 0 || !in_range(value.index, plan_.regions[region_.parent].values.size())) {
      return invalid("{}: value '{}': captured value {} is out of range", where(), value.name, value.index);
    }
    const PlanValue& outer = plan_.regions[region_.parent].values[value.index];
    if (outer.type.kind == value.type.kind && outer.type.dtype == value.type.dtype && outer.layout == value.layout && outer.place == value.place) {
      return ok_status();
    }
    return invalid("{}: value '{}' is captured as {} on the {} but '{}' is {} on the {}", where(), value.name, value.type.to_string(),
                   place_name(value.place), outer.name, outer.type.to_string(), place_name(outer.place));
  }

  // Fills root_; refuses cycles. Each value is walked over at most twice.
  Status check_aliases() {
    const size_t count = region_.values.size();
    root_.assign(count, -1);
    std::vector<int32_t> path;
    std::vector<bool> on_path(count, false);
    for (size_t start = 0; start < count; ++start) {
      int32_t at = static_cast<int32_t>(start);
      path.clear();
      while (root_[at] < 0 && region_.values[at].storage == Storage::kAlias && !on_path[at]) {
        on_path[at] = true;
        path.push_back(at);
        if (path.size() > kMaxAliasChain) return invalid("{}: a chain of aliases is longer than {}", where(), kMaxAliasChain);
        at = region_.values[at].index;
      }
      if (on_path[at] && root_[at] < 0) return invalid("{}: value '{}' is an alias of itself", where(), region_.values[at].name);
      const int32_t root = root_[at] >= 0 ? root_[at] : at;
      root_[at] = root;
      for (int32_t value : path) root_[value] = root, on_path[value] = false;
    }
    for (size_t v = 0; v < count; ++v) {
      const PlanValue& value = region_.values[v];
      if (value.storage != Storage::kAlias) continue;
      const Storage storage = region_.values[root_[v]].storage;
      if (storage == Storage::kNone) return invalid("{}: value '{}' is an alias of nothing", where(), value.name);
      if (value.place != region_.values[value.index].place) return invalid("{}: value '{}' is an alias of another place", where(), value.name);
      const ValueType& outer = region_.values[value.index].type;
      const bool bytes = has_fixed_size(value.type) && has_fixed_size(outer);
      const bool same = value.type.kind == outer.kind && value.type.dtype == outer.dtype;
      if (!bytes && !same) {
        return invalid("{}: value '{}' of type {} is an alias of '{}' of type {}", where(), value.name, value.type.to_string(),
                       region_.values[value.index].name, outer.to_string());
      }
      if (!has_fixed_size(value.type) && !value.alias_offset_bytes.is(0)) {
        return invalid("{}: value '{}' of type {} has an alias offset", where(), value.name, value.type.to_string());
      }
    }
    return ok_status();
  }

  Status check_inputs() const {
    for (size_t i = 0; i < region_.inputs.size(); ++i) {
      const int32_t input = region_.inputs[i];
      if (!in_range(input, region_.values.size())) return invalid("{}: input {} is out of range", where(), input);
      const PlanValue& value = region_.values[input];
      if (value.storage != Storage::kInput || value.index != static_cast<int32_t>(i) || value.layout != Layout::kRowMajor) {
        return invalid("{}: input {} names value '{}', which is no row-major input {}", where(), i, value.name, i);
      }
    }
    for (size_t v = 0; v < region_.values.size(); ++v) {
      const PlanValue& value = region_.values[v];
      if (value.storage == Storage::kInput && region_.inputs[value.index] != static_cast<int32_t>(v)) {
        return invalid("{}: value '{}' claims input {}, which is another value", where(), value.name, value.index);
      }
    }
    return ok_status();
  }

  // First pass over steps: who makes what.
  Status check_outputs(int32_t number) {
    const Step& step = region_.steps[number];
    for (int32_t output : step.outputs) {
      if (output == -1) continue;
      if (!in_range(output, region_.values.size())) return invalid("{}: output {} is out of range", where(step), output);
      const PlanValue& value = region_.values[output];
      if (maker_[output] >= 0) return invalid("{}: value '{}' is made twice", where(step), value.name);
      const Storage storage = value.storage, root = region_.values[root_[output]].storage;
      const bool good = storage == Storage::kArena || storage == Storage::kHost || storage == Storage::kNone ||
                        (storage == Storage::kAlias && root == Storage::kArena);
      if (!good) return invalid("{}: value '{}' can't be written", where(step), value.name);
      maker_[output] = number;
      if (root_[output] != output) ++pending_[root_[output]];
    }
    return ok_status();
  }

  // Is the value there before step `number`? See the rules in plan.h.
  Status check_defined(int32_t value, int32_t number, const std::string& user) const {
    const auto made_before = [&](int32_t v) { return maker_[v] >= 0 && maker_[v] < number; };
    if (made_before(value)) return ok_status();
    const int32_t root = root_[value];
    const Storage storage = region_.values[root].storage;
    bool defined = maker_[value] < 0;
    if (storage == Storage::kArena) {
      defined = defined && (made_before(root) || (maker_[root] < 0 && contains_made_[root] && pending_[root] == 0));
    } else if (storage == Storage::kHost || storage == Storage::kNone) {
      defined = defined && made_before(root);
    }
    if (defined) return ok_status();
    return invalid("{}: value '{}' is used before it is made", user, region_.values[value].name);
  }

  Status check_step(const Step& step, int32_t number, std::vector<int>& references) {
    for (int32_t input : step.inputs) {
      if (input == -1) continue;
      if (!in_range(input, region_.values.size())) return invalid("{}: input {} is out of range", where(step), input);
      SINTER_TRY(check_defined(input, number, where(step)));
    }
    if (step.problem.epilogue_base < -1 || step.problem.epilogue_base > static_cast<int>(step.inputs.size())) {
      return invalid("{}: epilogue base {} is out of range", where(step), step.problem.epilogue_base);
    }
    if (step.problem.has_epilogue()) {
      const size_t further = step.inputs.size() - static_cast<size_t>(step.problem.epilogue_base);
      if (step.problem.epilogue.inputs != static_cast<int>(further) + 1 || step.outputs.empty()) {
        return invalid("{}: the epilogue has {} inputs but the step gives it {}", where(step), step.problem.epilogue.inputs,
                       further + 1);
      }
    }
    switch (step.kind) {
      case StepKind::kTransfer: return check_transfer(step);
      case StepKind::kKernel: return check_kernel(step);
      case StepKind::kReference:
      case StepKind::kControl: return check_host_step(step, references);
    }
    return invalid("{}: unknown kind {}", where(step), static_cast<int>(step.kind));
  }

  Status check_host_step(const Step& step, std::vector<int>& references) const {
    if (step.problem.op.empty()) return invalid("{}: no operator", where(step));
    SINTER_TRY(check_places(step, Place::kHost));
    if (step.kind == StepKind::kReference && !step.regions.empty()) return invalid("{}: regions", where(step));
    for (const std::vector<int32_t>* list : {&step.inputs, &step.outputs}) {
      for (int32_t v : *list) {
        if (v >= 0 && region_.values[v].layout != Layout::kRowMajor) {
          return invalid("{}: value '{}' is not row-major", where(step), region_.values[v].name);
        }
      }
    }
    std::set<std::string_view> names;
    for (const auto& [attribute, child] : step.regions) {
      if (child <= number_ || !in_range(child, plan_.regions.size()) || plan_.regions[child].parent != number_) {
        return invalid("{}: attribute '{}' names region {}, which is no child", where(step), attribute, child);
      }
      if (++references[child] > 1) return invalid("{}: region {} is used twice", where(step), child);
      if (!names.insert(attribute).second) return invalid("{}: attribute '{}' twice", where(step), attribute);
    }
    return ok_status();
  }

  Status check_kernel(const Step& step) const {
    const Problem& problem = step.problem;
    if (step.tactic.empty() || !step.regions.empty()) return invalid("{}: no kernel step", where(step));
    if (problem.inputs.size() != step.inputs.size() || problem.outputs.size() != step.outputs.size() || step.outputs.empty()) {
      return invalid("{}: {} inputs and {} outputs, but the problem has {} and {}", where(step), step.inputs.size(),
                     step.outputs.size(), problem.inputs.size(), problem.outputs.size());
    }
    const Offer& offer = step.offer;
    if (offer.input_layouts.size() != step.inputs.size() || offer.output_layouts.size() != step.outputs.size() ||
        (!offer.packed_inputs.empty() && offer.packed_inputs.size() != step.inputs.size())) {
      return invalid("{}: the offer's layouts do not match the problem", where(step));
    }
    if (offer.in_place_input < -1 || offer.in_place_input >= static_cast<int>(step.inputs.size())) {
      return invalid("{}: in-place input {} is out of range", where(step), offer.in_place_input);
    }
    if (problem.threads < 1 || problem.isa < Isa::kBaseline || problem.isa > kLastIsa) {
      return invalid("{}: bad thread count or instruction set", where(step));
    }
    if (problem.on_cuda() && problem.device != plan_.device) return invalid("{}: it is for another device", where(step));
    SINTER_TRY(check_places(step, problem.on_cuda() ? Place::kDevice : Place::kHost));
    if (step.code != -1 && (!in_range(step.code, plan_.blobs.size()) || !problem.on_cuda() || plan_.blobs[step.code].dtype != DType::kU8)) {
      return invalid("{}: code blob {} is out of range", where(step), step.code);
    }
    for (int32_t blob : step.blobs) {
      if (!in_range(blob, plan_.blobs.size())) return invalid("{}: blob {} is out of range", where(step), blob);
    }
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      const bool packed = !offer.packed_inputs.empty() && offer.packed_inputs[i];
      if (packed && (step.inputs[i] != -1 || !problem.inputs[i].is_static())) {
        return invalid("{}: packed input {} must be a constant and not passed", where(step), i);
      }
      if (!packed) SINTER_TRY(check_described(step, step.inputs[i], problem.inputs[i], offer.input_layouts[i]));
    }
    for (size_t i = 0; i < step.outputs.size(); ++i) {
      SINTER_TRY(check_described(step, step.outputs[i], problem.outputs[i], offer.output_layouts[i]));
    }
    return ok_status();
  }

  Status check_described(const Step& step, int32_t index, const TensorDesc& desc, Layout layout) const {
    if (index < 0) return ok_status();
    const PlanValue& value = region_.values[index];
    const bool good = has_fixed_size(value.type) && value.type.shape && desc.present && desc.dtype == value.type.dtype &&
                      desc.shape == *value.type.shape && value.layout == layout && desc.layout == layout;
    if (good) return ok_status();
    return invalid("{}: value '{}' of type {} ({}) is not what the problem says: {}{} ({})", where(step), value.name,
                   value.type.to_string(), layout_name(value.layout), dtype_name(desc.dtype), to_string(desc.shape),
                   layout_name(layout));
  }

  const Plan& plan_;
  const Region& region_;
  const int32_t number_;
  std::vector<int32_t> root_;
  std::vector<int32_t> maker_;   // step that makes the value, -1: none
  std::vector<int32_t> pending_; // kArena roots: aliases in it that a later step makes
  std::vector<bool> contains_made_;
};

Status check_header(const Plan& plan) {
  if (plan.regions.empty()) return invalid("it has no region");
  if (plan.regions.size() > kMaxRegions || plan.blobs.size() > kMaxValues) return invalid("too many regions or blobs");
  const DeviceSpec& device = plan.device;
  if (device.kind > DeviceKind::kCuda || device.sm < 0 || device.sm > 10000 || device.processors < 0 || device.shared_bytes < 0 || device.l2_bytes < 0) {
    return invalid("unknown device");
  }
  if (plan.threads < 1 || plan.threads > 1 << 16) return invalid("{} threads", plan.threads);
  for (size_t b = 0; b < plan.blobs.size(); ++b) {
    const BlobInfo& blob = plan.blobs[b];
    const DType dtype = blob.dtype == DType::kString ? DType::kU64 : blob.dtype;
    if (static_cast<int>(dtype) >= kDTypeCount || !physical_bytes(dtype, Layout::kRowMajor, blob.dims)) {
      return invalid("blob {}: {} elements of dims {}", b, static_cast<int>(blob.dtype), to_string(blob.dims));
    }
  }
  std::set<std::string_view> names;
  for (const SymbolRange& symbol : plan.symbols) {
    if (symbol.min < 0 || symbol.min > symbol.opt || symbol.opt > symbol.max) {
      return invalid("symbol '{}' has range {}..{}..{}", symbol.name, symbol.min, symbol.opt, symbol.max);
    }
    if (!names.insert(symbol.name).second) return invalid("symbol '{}' twice", symbol.name);
  }
  return ok_status();
}

Status check_tree(const Plan& plan) {
  std::vector<size_t> depth(plan.regions.size(), 0);
  for (size_t r = 0; r < plan.regions.size(); ++r) {
    const int32_t parent = plan.regions[r].parent;
    if (r == 0 ? parent != -1 : parent < 0 || static_cast<size_t>(parent) >= r) {
      return invalid("region {} has parent {}", r, parent);
    }
    if (r > 0) depth[r] = depth[parent] + 1;
    if (depth[r] > kMaxNesting) return invalid("regions are nested deeper than {}", kMaxNesting);
  }
  return ok_status();
}

}  // namespace

Status validate(const Plan& plan) {
  SINTER_TRY(check_header(plan));
  SINTER_TRY(check_tree(plan));
  std::vector<int> references(plan.regions.size(), 0);
  for (size_t r = 0; r < plan.regions.size(); ++r) {
    SINTER_TRY(RegionValidator(plan, static_cast<int32_t>(r)).run(references));
  }
  for (size_t r = 1; r < plan.regions.size(); ++r) {
    if (references[r] == 0) return invalid("region {} '{}' is used by no step", r, plan.regions[r].name);
  }
  return ok_status();
}

}  // namespace sinter::plan
