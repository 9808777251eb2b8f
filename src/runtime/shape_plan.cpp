#include "runtime/shape_plan.h"

#include <algorithm>
#include <numeric>

#include "runtime/binding.h"
#include "runtime/memory_planner.h"

namespace sinter::runtime {
namespace {

constexpr int64_t kMinKernelAlignment = 16;  // of a kernel's inputs and outputs (tactic.h)

Status invalid(const std::string& message) {
  return make_error(Code::kInvalidEngine, "{}; the engine is damaged, build it again", message);
}

class ShapePlanner {
 public:
  explicit ShapePlanner(const ShapeRequest& request)
      : request_(request), program_(*request.program), region_(*request.program->region), plan_(new ShapePlan()) {}

  Result<std::unique_ptr<ShapePlan>> run() {
    plan_->bindings = request_.bindings;
    plan_->slots.resize(region_.values.size());
    SINTER_TRY(bind_inputs());
    SINTER_TRY(place_roots());
    SINTER_TRY(place_aliases());
    SINTER_TRY(check_pieces());
    SINTER_TRY(specialize());
    SINTER_TRY(plan_memory());
    fill_tables();
    return std::move(plan_);
  }

 private:
  Status bind_value(int32_t v, const Dims& dims, int32_t base, std::string_view kind) {
    const plan::PlanValue& value = region_.values[v];
    if (!has_fixed_size(value.type)) return ok_status();
    if (value.type.shape) {
      const Status bound = bind_shape(*value.type.shape, dims, plan_->bindings);
      if (!bound.ok()) {
        return make_error(Code::kInvalidArgument, "{} '{}' {} does not fit {}: {}; pass another shape or build with other --shapes",
                          kind, value.name, to_string(dims), value.type.to_string(), bound.message());
      }
    }
    const std::optional<int64_t> bytes = plan::physical_bytes(value.type.dtype, value.layout, dims);
    if (!bytes) return make_error(Code::kInvalidArgument, "{} '{}' {} is too large", kind, value.name, to_string(dims));
    plan_->slots[v] = {true, base, 0, *bytes, dims};
    return ok_status();
  }

  Status bind_inputs() {
    for (size_t i = 0; i < region_.inputs.size(); ++i) {
      SINTER_TRY(bind_value(region_.inputs[i], request_.inputs[i], kFirstInputBase + static_cast<int32_t>(i), "input"));
    }
    for (size_t i = 0; i < program_.captured.size(); ++i) {
      SINTER_TRY(bind_value(program_.captured[i], request_.captured[i], plan_->captured_base(program_, i), "captured value"));
    }
    if (region_.parent >= 0) return ok_status();
    return check_ranges(*request_.plan, plan_->bindings, request_.inputs);
  }

  Status place_roots() {
    for (size_t v = 0; v < region_.values.size(); ++v) {
      const plan::PlanValue& value = region_.values[v];
      const bool made_here = value.storage == plan::Storage::kArena || value.storage == plan::Storage::kNone;
      if ((!made_here && value.storage != plan::Storage::kConstant) || !has_fixed_size(value.type) || !value.type.shape) continue;
      std::optional<Dims> dims = evaluate(*value.type.shape, plan_->bindings);
      if (!dims) continue;
      const std::optional<int64_t> bytes = plan::physical_bytes(value.type.dtype, value.layout, *dims);
      if (!bytes) {
        return make_error(Code::kInvalidArgument, "value '{}' would be {}{} for these inputs, which is negative or too large; use "
                          "other input shapes", value.name, dtype_name(value.type.dtype), to_string(*dims));
      }
      Slot& slot = plan_->slots[v];
      const bool on_device = value.place == plan::Place::kDevice;
      slot = {true, on_device ? kDeviceArenaBase : kArenaBase, 0, *bytes, std::move(*dims)};
      if (value.storage == plan::Storage::kConstant) {
        slot.base = kAbsoluteBase;
        const void* address = on_device ? (*request_.device_blobs)[value.index] : (*request_.blobs)[value.index].raw();
        slot.offset = static_cast<int64_t>(reinterpret_cast<uintptr_t>(address));
      } else if (program_.output_of_root[v] >= 0) {
        slot.base = plan_->output_base(program_, static_cast<size_t>(program_.output_of_root[v]));
      }
    }
    return ok_status();
  }

  // Offsets from the root; the root's own offset is added when it is known.
  Status place_aliases() {
    std::vector<bool> done(region_.values.size(), false);
    std::vector<int32_t> path;
    for (size_t start = 0; start < region_.values.size(); ++start) {
      int32_t at = static_cast<int32_t>(start);
      path.clear();
      while (!done[at] && region_.values[at].storage == plan::Storage::kAlias) {
        path.push_back(at);
        at = region_.values[at].index;
      }
      for (; !path.empty(); path.pop_back()) {
        SINTER_TRY(place_alias(path.back()));
        done[path.back()] = true;
      }
    }
    return ok_status();
  }

  Status place_alias(int32_t v) {
    const plan::PlanValue& value = region_.values[v];
    const Slot& outer = plan_->slots[value.index];
    if (!outer.fixed || !has_fixed_size(value.type) || !value.type.shape) return ok_status();
    std::optional<Dims> dims = evaluate(*value.type.shape, plan_->bindings);
    const std::optional<int64_t> offset = value.alias_offset_bytes.evaluate(plan_->bindings);
    if (!dims || !offset) return ok_status();
    const std::optional<int64_t> bytes = plan::physical_bytes(value.type.dtype, value.layout, *dims);
    if (!bytes || *offset < 0 || *offset > outer.bytes || *bytes > outer.bytes - *offset) {
      return invalid(fmt::format("value '{}' {} at byte {} does not lie inside of '{}' {}", value.name, to_string(*dims), *offset,
                                 region_.values[value.index].name, to_string(outer.dims)));
    }
    plan_->slots[v] = {true, outer.base, outer.offset + *offset, *bytes, std::move(*dims)};
    return ok_status();
  }

  // A step can write a piece of a larger value only when the whole has a place.
  Status check_pieces() const {
    for (const plan::Step& step : region_.steps) {
      for (int32_t v : step.outputs) {
        if (v < 0 || program_.root[v] == v || plan_->slots[v].fixed) continue;
        return invalid(fmt::format("step '{}': value '{}' is a piece of '{}', whose size is not known", step.name,
                                   region_.values[v].name, region_.values[program_.root[v]].name));
      }
    }
    return ok_status();
  }

  bool all_fixed(const std::vector<int32_t>& values) const {
    return std::all_of(values.begin(), values.end(), [&](int32_t v) { return v < 0 || plan_->slots[v].fixed; });
  }

  Status specialize() {
    plan_->steps.resize(region_.steps.size());
    plan_->all_device = !region_.steps.empty();
    for (size_t s = 0; s < region_.steps.size(); ++s) {
      const plan::Step& step = region_.steps[s];
      StepState& state = plan_->steps[s];
      const bool transfer = step.kind == plan::StepKind::kTransfer;
      state.fast = (step.kind == plan::StepKind::kKernel || transfer) && all_fixed(step.inputs) && all_fixed(step.outputs);
      plan_->all_fast &= state.fast;
      const StepProgram& program = program_.steps[s];
      plan_->all_device &= state.fast && program.on_device;
      if ((transfer || program.on_device) && !state.fast) {
        return invalid(fmt::format("step '{}': the size of a value on the device is not known", step.name));
      }
      if (!state.fast) continue;
      if (transfer) {
        if (plan_->slots[step.inputs[0]].bytes != plan_->slots[step.outputs[0]].bytes) return invalid(fmt::format("step '{}': sizes differ", step.name));
        continue;
      }
      state.input_dims = step_dims(program, false, plan_->slots);
      state.output_dims = step_dims(program, true, plan_->slots);
      const auto where = [&] { return fmt::format("while preparing step '{}' ({})", step.name, step.tactic); };
      const Status shapes = check_step_shapes(program, state.input_dims, state.output_dims);
      if (!shapes.ok()) return Status(shapes).with(where());
      auto kernel = program.tactic->bind(step.problem, step.offer, program.blobs);
      if (!kernel.ok()) return std::move(kernel).status().with(where());
      state.kernel = std::move(kernel).value();
      auto workspace = state.kernel->specialize(state.input_dims, state.output_dims, request_.threads);
      if (!workspace.ok()) return std::move(workspace).status().with(where());
      state.workspace_bytes = *workspace;
    }
    return ok_status();
  }

  bool in_arena(int32_t root) const {
    const plan::Storage storage = region_.values[root].storage;
    const bool made_here = storage == plan::Storage::kArena || storage == plan::Storage::kNone;
    const int32_t base = plan_->slots[root].base;
    return made_here && plan_->slots[root].fixed && (base == kArenaBase || base == kDeviceArenaBase);
  }

  int32_t find_group(int32_t root) {
    while (group_[root] != root) root = group_[root] = group_[group_[root]];
    return root;
  }

  // A kernel that allows it writes over an input that nobody reads later.
  void merge_in_place() {
    group_.resize(region_.values.size());
    std::iota(group_.begin(), group_.end(), 0);
    last_ = program_.last;
    for (size_t s = 0; s < region_.steps.size(); ++s) {
      const plan::Step& step = region_.steps[s];
      const int which = step.offer.in_place_input;
      if (!plan_->steps[s].fast || step.kind != plan::StepKind::kKernel || which < 0 || step.inputs[which] < 0 || step.outputs[0] < 0) continue;
      const int32_t input = step.inputs[which], output = step.outputs[0];
      const int32_t from = program_.root[input];
      if (program_.root[output] != output || !in_arena(from) || !in_arena(output)) continue;
      const Slot &source = plan_->slots[input], &whole = plan_->slots[from], &target = plan_->slots[output];
      const bool same = source.offset == whole.offset && source.bytes == whole.bytes && source.bytes == target.bytes &&
                        region_.values[input].layout == region_.values[output].layout;
      const int32_t group = find_group(from);
      const auto reads = std::count_if(step.inputs.begin(), step.inputs.end(), [&](int32_t v) {
        return v >= 0 && in_arena(program_.root[v]) && find_group(program_.root[v]) == group;
      });
      const int32_t number = static_cast<int32_t>(s);
      if (!same || reads != 1 || last_[group] != number || program_.first[output] != number) continue;
      group_[output] = group;
      last_[group] = program_.last[output];
    }
  }

  Status plan_memory() {
    merge_in_place();
    workspace_offsets_.assign(plan_->steps.size(), 0);
    SINTER_TRY(plan_arena(kArenaBase, kTensorAlignment, plan_->arena_bytes));
    if (request_.plan->on_cuda()) SINTER_TRY(plan_arena(kDeviceArenaBase, kDeviceAlignment, plan_->device_arena_bytes));
    return check_alignment();
  }

  Status plan_arena(int32_t base, int64_t alignment, int64_t& bytes) {
    std::vector<ArenaBuffer> buffers;
    std::vector<int32_t> buffer_of(region_.values.size(), -1);
    for (size_t v = 0; v < region_.values.size(); ++v) {
      const int32_t root = static_cast<int32_t>(v);
      if (program_.root[v] != root || !in_arena(root) || find_group(root) != root || program_.last[v] < 0) continue;
      if (plan_->slots[v].base != base) continue;
      buffer_of[v] = static_cast<int32_t>(buffers.size());
      buffers.push_back({plan_->slots[v].bytes, program_.first[v], last_[v]});
    }
    const size_t first_workspace = buffers.size();
    std::vector<size_t> steps;
    for (size_t s = 0; s < plan_->steps.size(); ++s) {
      if (program_.steps[s].on_device != (base == kDeviceArenaBase)) continue;
      const int32_t number = static_cast<int32_t>(s);
      buffers.push_back({plan_->steps[s].workspace_bytes, number, number});
      steps.push_back(s);
    }
    auto arena = place_buffers(buffers, alignment);
    if (!arena.ok()) return std::move(arena).status().with(fmt::format("while planning the memory of region '{}'", region_.name));
    bytes = *arena;
    count_live(buffers);
    for (size_t v = 0; v < region_.values.size(); ++v) {
      Slot& slot = plan_->slots[v];
      if (!slot.fixed || slot.base != base || program_.last[program_.root[v]] < 0) continue;
      slot.offset += buffers[buffer_of[find_group(program_.root[v])]].offset;
    }
    for (size_t k = 0; k < steps.size(); ++k) workspace_offsets_[steps[k]] = buffers[first_workspace + k].offset;
    return ok_status();
  }

  void count_live(const std::vector<ArenaBuffer>& buffers) {
    std::vector<int64_t> change(plan_->steps.size() + 1, 0);
    const auto place = [&](int32_t step) { return static_cast<size_t>(std::clamp<int64_t>(step, 0, std::ssize(plan_->steps))); };
    for (const ArenaBuffer& buffer : buffers) {
      change[place(buffer.first)] += buffer.bytes;
      change[place(buffer.last + 1)] -= buffer.bytes;
    }
    int64_t live = 0;
    for (size_t s = 0; s < plan_->steps.size(); ++s) {
      live += change[s];
      plan_->steps[s].live_bytes += live;
    }
  }

  Status check_alignment() const {
    for (size_t s = 0; s < region_.steps.size(); ++s) {
      if (!plan_->steps[s].fast) continue;
      for (const std::vector<int32_t>* list : {&region_.steps[s].inputs, &region_.steps[s].outputs}) {
        for (int32_t v : *list) {
          if (v < 0 || plan_->slots[v].offset % kMinKernelAlignment == 0) continue;
          return invalid(fmt::format("step '{}': value '{}' is not aligned", region_.steps[s].name, region_.values[v].name));
        }
      }
    }
    return ok_status();
  }

  uint32_t add_pointer(int32_t base, int64_t offset) {
    const uint32_t place = static_cast<uint32_t>(plan_->pointers.size());
    plan_->pointers.push_back(nullptr);
    plan_->patches.push_back({place, base, offset});
    return place;
  }

  void fill_tables() {
    for (size_t s = 0; s < region_.steps.size(); ++s) {
      StepState& state = plan_->steps[s];
      if (!state.fast) continue;
      const auto add = [&](const std::vector<int32_t>& values) {
        const size_t begin = plan_->pointers.size();
        for (int32_t v : values) {
          if (v < 0) plan_->pointers.push_back(nullptr);
          else add_pointer(plan_->slots[v].base, plan_->slots[v].offset);
        }
        return begin;
      };
      state.first_input = add(region_.steps[s].inputs);
      state.first_output = add(region_.steps[s].outputs);
      state.workspace = add_pointer(program_.steps[s].on_device ? kDeviceArenaBase : kArenaBase, workspace_offsets_[s]);
    }
    std::stable_sort(plan_->patches.begin(), plan_->patches.end(),
                     [](const ShapePlan::Patch& a, const ShapePlan::Patch& b) { return a.base < b.base; });
    const size_t count = static_cast<size_t>(plan_->captured_base(program_, program_.captured.size()));
    plan_->patch_begin.assign(count + 1, 0);
    for (const ShapePlan::Patch& patch : plan_->patches) ++plan_->patch_begin[patch.base + 1];
    std::partial_sum(plan_->patch_begin.begin(), plan_->patch_begin.end(), plan_->patch_begin.begin());
    plan_->bases.assign(count, UINTPTR_MAX);
  }

  const ShapeRequest& request_;
  const RegionProgram& program_;
  const plan::Region& region_;
  std::unique_ptr<ShapePlan> plan_;
  std::vector<int32_t> group_;  // union-find of roots that share a buffer
  std::vector<int32_t> last_;   // of each group
  std::vector<int64_t> workspace_offsets_;
};

}  // namespace

bool has_fixed_size(const ValueType& type) { return type.is_tensor() && dtype_bits(type.dtype) > 0; }

std::vector<Dims> step_dims(const StepProgram& step, bool outputs, const std::vector<Slot>& slots) {
  const std::vector<int32_t>& values = outputs ? step.step->outputs : step.step->inputs;
  const std::vector<TensorDesc>& descs = outputs ? step.step->problem.outputs : step.step->problem.inputs;
  std::vector<Dims> dims(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] >= 0) dims[i] = slots[values[i]].dims;
    else if (i < descs.size() && descs[i].present) dims[i] = constant_dims(descs[i].shape).value_or(Dims{});
  }
  return dims;
}

void ShapePlan::apply(const std::vector<uintptr_t>& new_bases) {
  for (size_t base = 0; base < new_bases.size(); ++base) {
    if (bases[base] == new_bases[base]) continue;
    bases[base] = new_bases[base];
    for (uint32_t p = patch_begin[base]; p < patch_begin[base + 1]; ++p) {
      pointers[patches[p].place] = reinterpret_cast<void*>(bases[base] + static_cast<uintptr_t>(patches[p].offset));
    }
  }
}

Result<std::unique_ptr<ShapePlan>> make_shape_plan(const ShapeRequest& request) { return ShapePlanner(request).run(); }

}  // namespace sinter::runtime
