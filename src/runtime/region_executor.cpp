#include "runtime/region_executor.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "runtime/binding.h"

namespace sinter::runtime {
namespace {

constexpr uintptr_t kMinAlignment = 16;

bool is_aligned(const void* data) { return reinterpret_cast<uintptr_t>(data) % kMinAlignment == 0; }

// Faults on a device show when it is waited for: to know the step, wait for each.
bool sync_asked() {
  static const bool asked = [] {
    const char* knob = std::getenv("SINTER_DEVICE_SYNC");
    return knob && std::string_view(knob) == "1";
  }();
  return asked;
}

const Dims& tensor_dims(const Value& value) {
  static const Dims kNone;
  return value.is_tensor() ? value.tensor().dims() : kNone;
}

}  // namespace

Value own(Value value) {
  if (value.is_tensor()) return value.tensor().owner() || !value.tensor().defined() ? value : Value(value.tensor().clone());
  if (!value.is_sequence()) return value;
  Sequence elements;
  for (const Value& element : value.sequence()) elements.push_back(own(element));
  return Value(std::move(elements));
}

RegionExecutor::RegionExecutor(const ExecutorShared& shared, int32_t region, RegionExecutor* parent)
    : shared_(shared), program_((*shared.programs)[region]), parent_(parent) {
  const plan::Region& plan = *program_.region;
  children_of_step_.resize(plan.steps.size());
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    for (const auto& [attribute, body] : plan.steps[s].regions) {
      children_.push_back(std::make_unique<RegionExecutor>(shared, body, this));
      children_of_step_[s].emplace_back(attribute, children_.back().get());
    }
  }
  states_.resize(plan.values.size());
  for (size_t v = 0; v < plan.values.size(); ++v) {
    if (plan.values[v].storage == plan::Storage::kConstant) states_[v].value = (*shared.blobs)[plan.values[v].index];
  }
  owned_outputs_.resize(plan.outputs.size());
  input_copies_.resize(plan.inputs.size());
  times_.resize(plan.steps.size());
}

RegionExecutor::~RegionExecutor() {
  children_.clear();  // they work in this one's stream
  if (!device_) return;
  for (const auto& plan : plans_) device_->release_graphs(*plan);
}

void RegionExecutor::reset_times() {
  times_.assign(times_.size(), {});
  for (const auto& child : children_) child->reset_times();
}

int64_t RegionExecutor::arena_bytes() const {
  int64_t bytes = arena_.bytes() + (device_ ? device_->arena_bytes() : 0);
  for (const auto& child : children_) bytes += child->arena_bytes();
  return bytes;
}

// Everything that sizes in this region follow from.
void RegionExecutor::make_key(std::span<const Value> inputs, std::span<const Dims> dims) {
  key_.clear();
  const auto add = [&](const Dims& shape) {
    key_.push_back(static_cast<int64_t>(shape.size()));
    key_.insert(key_.end(), shape.begin(), shape.end());
  };
  for (size_t i = 0; i < program_.region->inputs.size(); ++i) {
    if (!has_fixed_size(program_.region->values[program_.region->inputs[i]].type)) continue;
    add(dims.empty() ? tensor_dims(inputs[i]) : dims[i]);
  }
  if (!parent_) return;
  for (int32_t v : program_.captured) {
    if (has_fixed_size(program_.region->values[v].type)) add(parent_->dims_of(program_.region->values[v].index));
  }
  const Bindings& outer = parent_->bindings();
  for (const std::string& symbol : program_.symbols) {
    const auto it = outer.find(symbol);
    key_.push_back(it == outer.end() ? -1 : it->second);
  }
}

Status RegionExecutor::find_shape_plan(std::span<const Value> inputs, std::span<const Dims> dims) {
  make_key(inputs, dims);
  if (current_ && current_->key == key_) return reserve_memory(*current_);
  const auto found = std::find_if(plans_.begin(), plans_.end(), [&](const auto& plan) { return plan->key == key_; });
  if (found != plans_.end()) {
    std::rotate(plans_.begin(), found, found + 1);
    current_ = plans_.front().get();
    return reserve_memory(*current_);
  }
  ShapeRequest request{shared_.plan, &program_, shared_.blobs, shared_.device_blobs, shared_.team->size(), {}, {}, {}};
  for (size_t i = 0; i < program_.region->inputs.size(); ++i) {
    request.inputs.push_back(dims.empty() ? tensor_dims(inputs[i]) : dims[i]);
  }
  if (parent_) {
    request.bindings = parent_->bindings();
    for (int32_t v : program_.captured) request.captured.push_back(parent_->dims_of(program_.region->values[v].index));
  }
  SINTER_ASSIGN(std::unique_ptr<ShapePlan> plan, make_shape_plan(request));
  plan->key = key_;
  SINTER_TRY(reserve_memory(*plan));
  if (plans_.size() >= std::max<size_t>(shared_.max_shapes, 1)) {
    if (current_ == plans_.back().get()) current_ = nullptr;
    if (device_) device_->release_graphs(*plans_.back());
    plans_.pop_back();
  }
  plans_.insert(plans_.begin(), std::move(plan));
  current_ = plans_.front().get();
  return ok_status();
}

Status RegionExecutor::prepare(std::span<const Dims> inputs) {
  const SharedArena::Turn turn(device_ ? device_->shared_arena() : nullptr);
  return find_shape_plan({}, inputs);
}

std::optional<Dims> RegionExecutor::output_dims(size_t index) const {
  const Slot& slot = current_->slots[program_.region->outputs[index]];
  return slot.fixed ? std::optional<Dims>(slot.dims) : std::nullopt;
}

Status RegionExecutor::check_inputs(std::span<const Value> inputs) const {
  const plan::Region& region = *program_.region;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const plan::PlanValue& declared = region.values[region.inputs[i]];
    if (declared.type.is_sequence() && !inputs[i].is_sequence()) {
      return make_error(Code::kInvalidArgument, "input '{}' is no sequence, expected {}", declared.name, declared.type.to_string());
    }
    const bool tensor = declared.type.is_tensor();
    if (tensor && (!inputs[i].is_tensor() || inputs[i].tensor().dtype() != declared.type.dtype)) {
      return make_error(Code::kInvalidArgument, "input '{}' is {}, expected {}; convert it first", declared.name,
                        inputs[i].is_tensor() ? inputs[i].tensor().type().to_string() : "no tensor", declared.type.to_string());
    }
  }
  return ok_status();
}

Status RegionExecutor::set_outputs(std::span<const OutputTarget> targets, bool fresh) {
  const plan::Region& region = *program_.region;
  for (size_t k = 0; k < region.outputs.size(); ++k) {
    const int32_t root = program_.root[region.outputs[k]];
    const Slot& slot = current_->slots[root];
    const Slot& output = current_->slots[region.outputs[k]];
    if (output.fixed && k < targets.size() && targets[k].data && targets[k].bytes < output.bytes) {
      return make_error(Code::kInvalidArgument, "output '{}' {} takes {} bytes, the caller's buffer has {}; pass a larger one",
                        output_name(k), to_string(output.dims), output.bytes, targets[k].bytes);
    }
    if (program_.output_of_root[root] != static_cast<int32_t>(k) || !slot.fixed) continue;
    const int32_t base = current_->output_base(program_, k);
    const bool on_device = is_device_value(root);
    if (k < targets.size() && targets[k].data && targets[k].bytes >= slot.bytes && is_aligned(targets[k].data) && targets[k].on_device == on_device) {
      bases_[base] = reinterpret_cast<uintptr_t>(targets[k].data);
      continue;
    }
    if (on_device) {
      const bool maps = device_->device().maps_host_memory() && !(k < targets.size() && targets[k].on_device);
      const bool fits = k < targets.size() && targets[k].bytes >= slot.bytes;
      auto buffer = maps ? device_->map_output(k, fits ? targets[k].data : nullptr, slot.bytes)
                         : device_->output_buffer(k, slot.bytes);
      if (!buffer.ok()) return std::move(buffer).status().with(fmt::format("while making room for output '{}' on the device", output_name(k)));
      bases_[base] = reinterpret_cast<uintptr_t>(*buffer);
      continue;
    }
    Tensor& owned = owned_outputs_[k];
    const plan::PlanValue& value = region.values[region.outputs[k]];
    const Dims& dims = current_->slots[region.outputs[k]].dims;
    if (fresh || !owned.defined() || owned.dims() != dims) owned = Tensor(value.type.dtype, dims);
    bases_[base] = reinterpret_cast<uintptr_t>(owned.raw());
  }
  return ok_status();
}

Status RegionExecutor::run(std::span<const Value> inputs, std::span<const OutputTarget> targets, bool fresh,
                           std::vector<Value>& results, const RunOptions& options) {
  const plan::Region& region = *program_.region;
  if (inputs.size() != region.inputs.size()) {
    return make_error(Code::kInvalidArgument, "region '{}' was given {} inputs, expected {}", region.name, inputs.size(),
                      region.inputs.size());
  }
  SINTER_TRY(check_inputs(inputs));
  SharedArena::Turn turn(device_ ? device_->shared_arena() : nullptr);
  SINTER_TRY(find_shape_plan(inputs, {}));
  if (!options.wait) SINTER_TRY(check_asynchronous(targets, options));
  if (device_) {
    SINTER_TRY(device_->use_stream(options.stream));
    SINTER_TRY(turn.start(device_->stream()));
  }
  Status status = run_prepared(inputs, targets, fresh, results, options);
  // The caller's memory must not be in use when this returns.
  if (!status.ok() && device_ && options.wait) (void)device_->wait();
  return status;
}

Status RegionExecutor::run_prepared(std::span<const Value> inputs, std::span<const OutputTarget> targets, bool fresh, std::vector<Value>& results,
                                    const RunOptions& options) {
  SINTER_TRY(set_inputs(inputs, options));
  if (std::any_of(targets.begin(), targets.end(), [](const OutputTarget& target) { return target.allocator; })) {
    asked_.assign(targets.begin(), targets.end());
    for (size_t k = 0; k < asked_.size(); ++k) {
      const Slot& slot = current_->slots[program_.region->outputs[k]];
      if (slot.fixed) SINTER_TRY(ask_allocator(k, slot.dims, slot.bytes, asked_[k]));
    }
    targets = asked_;
  }
  SINTER_TRY(set_outputs(targets, fresh));
  current_->apply(bases_);
  if (!current_->all_fast) bindings_ = current_->bindings;
  // The first run of a shape loads kernels and waits for the host often anyhow.
  stepwise_ = device_ && ((options.wait && !current_->proven && !shared_.profile) || sync_asked());
  SINTER_TRY(run_steps());
  if (device_) SINTER_TRY(narrow(fetch_outputs(targets, options.wait)));
  current_->proven = current_->proven || options.wait;
  return finish_outputs(targets, fresh, results);
}

Status RegionExecutor::set_inputs(std::span<const Value> inputs, const RunOptions& options) {
  const plan::Region& region = *program_.region;
  bases_.resize(current_->bases.size());
  bases_[kArenaBase] = arena_.address();
  bases_[kAbsoluteBase] = 0;
  bases_[kDeviceArenaBase] = device_ ? device_->arena_address() : 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const int32_t v = region.inputs[i];
    if (!current_->slots[v].fixed) {
      states_[v].value = inputs[i];
      continue;
    }
    const Tensor& tensor = inputs[i].tensor();
    const void* data = tensor.raw();
    const bool on_device = i < options.device_inputs.size() && options.device_inputs[i];
    if (on_device || is_device_value(v)) {
      SINTER_ASSIGN(data, place_input(i, tensor, on_device));
      bases_[kFirstInputBase + i] = reinterpret_cast<uintptr_t>(data);
      continue;
    }
    if (!is_aligned(data) && tensor.bytes() > 0) {
      Tensor& copy = input_copies_[i];
      if (!copy.defined() || copy.dtype() != tensor.dtype() || copy.dims() != tensor.dims()) copy = Tensor(tensor.dtype(), tensor.dims());
      std::memcpy(copy.raw(), data, static_cast<size_t>(tensor.bytes()));
      data = copy.raw();
    }
    bases_[kFirstInputBase + i] = reinterpret_cast<uintptr_t>(data);
  }
  for (size_t i = 0; i < program_.captured.size(); ++i) {
    const int32_t v = program_.captured[i], outer = region.values[v].index;
    if (current_->slots[v].fixed) {
      bases_[current_->captured_base(program_, i)] = reinterpret_cast<uintptr_t>(parent_->data_of(outer));
    } else {
      states_[v].value = parent_->value_of(outer);
    }
  }
  return ok_status();
}

Status RegionExecutor::run_steps() {
  const bool watched = shared_.profile || shared_.observer || shared_.watcher;
  const auto all = [&]() -> Status {
    for (size_t s = 0; s < program_.steps.size(); ++s) {
      if (is_cancelled()) return make_error(Code::kCancelled, "the run was cancelled before step '{}', and its outputs hold nothing of use; take the cancellation back to run again", program_.steps[s].step->name);
      Status status = watched ? run_watched(s) : run_step(s);
      if (status.ok() && stepwise_ && program_.steps[s].on_device) status = device_->wait();
      if (!status.ok()) {
        const plan::Step& step = *program_.steps[s].step;
        return std::move(status).with(fmt::format("while running step '{}' ({})", step.name, step.problem.op));
      }
    }
    return ok_status();
  };
  if (is_cancelled()) return make_error(Code::kCancelled, "the run was cancelled before it began; take the cancellation back to run again");
  if (device_ && current_->all_device && shared_.graphs && !watched && !stepwise_) return device_->run_graph(*current_, bases_, all);
  if (device_ && shared_.profile && current_->all_device && !shared_.observer && !shared_.watcher) SINTER_TRY(queue_ahead());
  SINTER_TRY(all());
  if (stepwise_) current_->last_bases = bases_;
  return device_ && shared_.profile ? add_device_times() : ok_status();
}

Status RegionExecutor::narrow(Status failure) const {
  if (failure.ok() || stepwise_ || program_.region->steps.empty() || device_->device().lost().ok()) return failure;
  const std::vector<plan::Step>& steps = program_.region->steps;
  return std::move(failure).with(fmt::format("while running one of the {} steps from '{}' to '{}' (SINTER_DEVICE_SYNC=1 in the environment makes runs "
                                             "slow and names the step)", steps.size(), steps.front().name, steps.back().name));
}

Status RegionExecutor::run_watched(size_t number) {
  StepView view(*this, number);
  if (shared_.watcher) {
    if (made_.empty()) made_ = values_made(*program_.region);
    SINTER_TRY(shared_.watcher->before(view));
  }
  const bool on_device = device_ && shared_.profile && program_.steps[number].on_device;
  if (on_device) {
    SINTER_ASSIGN(DeviceEvent begin, device_->step_event(2 * number));
    SINTER_TRY(device_->device().record(begin, device_->stream()));
  }
  const auto begin = std::chrono::steady_clock::now();
  SINTER_TRY(run_step(number));
  if (on_device) {
    SINTER_ASSIGN(DeviceEvent end, device_->step_event(2 * number + 1));
    SINTER_TRY(device_->device().record(end, device_->stream()));
  } else {
    times_[number].add(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
  ++times_[number].runs;
  if (shared_.watcher) SINTER_TRY(shared_.watcher->after(view));
  return shared_.observer ? observe(*program_.steps[number].step) : ok_status();
}

Status RegionExecutor::run_step(size_t number) {
  const StepProgram& step = program_.steps[number];
  StepState& state = current_->steps[number];
  if (step.step->kind == plan::StepKind::kTransfer) {
    SINTER_TRY(run_transfer(*step.step, state));
  } else if (host_waits_ && !step.on_device) {
    SINTER_TRY(device_->wait());
    host_waits_ = false;
    return run_step(number);
  } else if (state.fast) {
    SINTER_TRY(run_fast(step, state));
  } else if (step.step->kind == plan::StepKind::kKernel) {
    SINTER_TRY(run_dynamic_kernel(step, state));
  } else {
    SINTER_TRY(run_host(number));
  }
  if (current_->all_fast) return ok_status();
  for (int32_t v : step.releases) states_[v] = State();
  return ok_status();
}

Status RegionExecutor::run_fast(const StepProgram& step, StepState& state) {
  void** pointers = current_->pointers.data();
  LaunchArgs args{pointers + state.first_input, pointers + state.first_output, pointers[state.workspace], shared_.team};
  if (step.on_device) {
    args.stream = device_->stream();
    args.blobs = step.device_blobs.data();
    args.fault = faults_.at(static_cast<size_t>(&step - program_.steps.data()));
  }
  return state.kernel->launch(args);
}

Status RegionExecutor::resolve(int32_t value) {
  const plan::Region& region = *program_.region;
  if (value < 0 || current_->slots[value].fixed || region.values[value].storage != plan::Storage::kAlias) return ok_status();
  const plan::PlanValue& declared = region.values[value];
  SINTER_TRY(resolve(declared.index));
  State& state = states_[value];
  if (!has_fixed_size(declared.type)) {
    state.value = value_of(declared.index);
    return ok_status();
  }
  const std::optional<Dims> dims = declared.type.shape ? evaluate(*declared.type.shape, bindings()) : std::nullopt;
  const std::optional<int64_t> offset = declared.alias_offset_bytes.evaluate(bindings());
  const std::optional<int64_t> bytes = dims ? plan::physical_bytes(declared.type.dtype, declared.layout, *dims) : std::nullopt;
  const plan::PlanValue& outer = region.values[declared.index];
  const std::optional<int64_t> room = plan::physical_bytes(outer.type.dtype, outer.layout, dims_of(declared.index));
  if (!bytes || !offset || !room || *offset < 0 || *offset > *room || *bytes > *room - *offset) {
    return make_error(Code::kInvalidEngine, "value '{}' of type {} does not lie inside of '{}' {}; build the engine again",
                      declared.name, declared.type.to_string(), outer.name, to_string(dims_of(declared.index)));
  }
  const Slot& outer_slot = current_->slots[declared.index];
  state.dims = *dims;
  state.data = data_of(declared.index) + *offset;
  state.owner = outer_slot.fixed ? nullptr : states_[declared.index].owner;
  state.value = declared.layout == Layout::kRowMajor ? Value(Tensor::view(declared.type.dtype, *dims, state.data, state.owner)) : Value();
  return ok_status();
}

Dims RegionExecutor::dims_of(int32_t value) const {
  const Slot& slot = current_->slots[value];
  if (slot.fixed) return slot.dims;
  const State& state = states_[value];
  return state.value.is_tensor() ? state.value.tensor().dims() : state.dims;
}

uint8_t* RegionExecutor::data_of(int32_t value) const {
  const Slot& slot = current_->slots[value];
  if (slot.fixed) return reinterpret_cast<uint8_t*>(bases_[slot.base] + static_cast<uintptr_t>(slot.offset));
  return states_[value].data;
}

Value RegionExecutor::value_of(int32_t value) const {
  const Slot& slot = current_->slots[value];
  if (!slot.fixed) return states_[value].value;
  return Tensor::view(program_.region->values[value].type.dtype, slot.dims, data_of(value));
}

Status RegionExecutor::store(int32_t value, Value content) {
  const plan::PlanValue& declared = program_.region->values[value];
  if (declared.type.is_tensor()) {
    if (!content.is_tensor() || content.tensor().dtype() != declared.type.dtype) {
      return make_error(Code::kInternal, "value '{}' came out as {}, the plan says {}; report this", declared.name,
                        content.is_tensor() ? content.tensor().type().to_string() : "no tensor", declared.type.to_string());
    }
    if (declared.type.shape) {
      const Status bound = bind_shape(*declared.type.shape, content.tensor().dims(), bindings_, BindDims::kKnown);
      if (!bound.ok()) {
        return make_error(Code::kInvalidArgument, "value '{}' came out as {}, which does not fit {}: {}", declared.name,
                          content.tensor().type().to_string(), declared.type.to_string(), bound.message());
      }
    }
  }
  if (declared.type.is_sequence() && !content.is_sequence()) {
    return make_error(Code::kInternal, "value '{}' came out as no sequence, the plan says {}; report this", declared.name,
                      declared.type.to_string());
  }
  const Slot& slot = current_->slots[value];
  if (slot.fixed) {
    if (content.tensor().raw() != data_of(value) && slot.bytes > 0) {
      std::memcpy(data_of(value), content.tensor().raw(), static_cast<size_t>(slot.bytes));
    }
    return ok_status();
  }
  State& state = states_[value];
  state = State();
  state.value = own(std::move(content));
  if (state.value.is_tensor()) {
    state.data = static_cast<uint8_t*>(state.value.tensor().raw());
    state.owner = state.value.tensor().owner();
    state.dims = state.value.tensor().dims();
  }
  return ok_status();
}

Status RegionExecutor::run_dynamic_kernel(const StepProgram& step, StepState& state) {
  const plan::Step& plan = *step.step;
  std::vector<Dims> input_dims = step_dims(step, false, current_->slots), output_dims(plan.outputs.size());
  std::vector<const void*> inputs(plan.inputs.size(), nullptr);
  std::vector<void*> outputs(plan.outputs.size(), nullptr);
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    if (plan.inputs[i] < 0) continue;
    SINTER_TRY(resolve(plan.inputs[i]));
    input_dims[i] = dims_of(plan.inputs[i]);
    inputs[i] = data_of(plan.inputs[i]);
  }
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    const int32_t v = plan.outputs[i];
    if (v < 0) continue;
    const plan::PlanValue& declared = program_.region->values[v];
    const std::optional<Dims> dims = evaluate(*declared.type.shape, bindings());
    const std::optional<int64_t> bytes = dims ? plan::physical_bytes(declared.type.dtype, declared.layout, *dims) : std::nullopt;
    if (!bytes) {
      return make_error(Code::kInvalidEngine, "output '{}' of type {} has no size; build the engine again", declared.name,
                        declared.type.to_string());
    }
    output_dims[i] = *dims;
    if (!current_->slots[v].fixed) {
      const Tensor buffer(DType::kU8, {*bytes});
      State& target = states_[v];
      target = State{Value(), *dims, buffer.owner(), const_cast<uint8_t*>(buffer.data<uint8_t>())};
      if (declared.layout == Layout::kRowMajor) target.value = Tensor::view(declared.type.dtype, *dims, target.data, target.owner);
    }
    outputs[i] = data_of(v);
  }
  if (!state.kernel) {
    SINTER_ASSIGN(state.kernel, step.tactic->bind(plan.problem, plan.offer, step.blobs));
    state.input_dims.clear();
  }
  if (state.input_dims != input_dims || state.output_dims != output_dims) {
    SINTER_TRY(check_step_shapes(step, input_dims, output_dims));
    SINTER_ASSIGN(state.workspace_bytes, state.kernel->specialize(input_dims, output_dims, shared_.team->size()));
    state.input_dims = std::move(input_dims);
    state.output_dims = std::move(output_dims);
  }
  if (!workspace_.defined() || workspace_.bytes() < state.workspace_bytes) workspace_ = Tensor(DType::kU8, {state.workspace_bytes});
  return state.kernel->launch({inputs.data(), outputs.data(), workspace_.raw(), shared_.team});
}

Status RegionExecutor::ask_allocator(size_t index, const Dims& dims, int64_t bytes, OutputTarget& target) const {
  if (!target.allocator) return ok_status();
  target.data = (*target.allocator)(dims, bytes);
  target.bytes = target.data ? bytes : 0;
  target.allocator = nullptr;
  if (target.data || bytes == 0) return ok_status();
  return make_error(Code::kOutOfMemory, "output '{}' {} takes {} bytes, and its allocator gave none; let it give memory, or set a buffer", output_name(index), to_string(dims), bytes);
}

Status RegionExecutor::finish_outputs(std::span<const OutputTarget> targets, bool fresh, std::vector<Value>& results) {
  results.resize(program_.region->outputs.size());
  for (size_t k = 0; k < results.size(); ++k) {
    SINTER_TRY(copy_output(k, k < targets.size() ? targets[k] : OutputTarget(), fresh, results[k]));
  }
  if (fresh) std::fill(owned_outputs_.begin(), owned_outputs_.end(), Tensor());
  return ok_status();
}

Status RegionExecutor::copy_output(size_t index, const OutputTarget& wanted, bool fresh, Value& result) {
  const int32_t v = program_.region->outputs[index];
  const plan::PlanValue& declared = program_.region->values[v];
  SINTER_TRY(resolve(v));
  const Slot& slot = current_->slots[v];
  OutputTarget target = wanted;
  if (target.allocator && !slot.fixed && has_fixed_size(declared.type) && states_[v].value.is_tensor()) {
    const Tensor& made = states_[v].value.tensor();
    SINTER_TRY(ask_allocator(index, made.dims(), made.bytes(), target));
  }
  if (!slot.fixed && !(has_fixed_size(declared.type) && target.data)) {
    result = own(states_[v].value);
    return ok_status();
  }
  if (is_device_value(v) && target.on_device) {
    result = Tensor::view(declared.type.dtype, slot.dims, target.data ? target.data : const_cast<uint8_t*>(fetched_[index]));
    return ok_status();
  }
  const uint8_t* data = is_device_value(v) ? fetched_[index] : data_of(v);
  const Dims& dims = slot.fixed ? slot.dims : states_[v].value.tensor().dims();
  const int64_t bytes = slot.fixed ? slot.bytes : states_[v].value.tensor().bytes();
  if (target.data) {
    if (target.bytes < bytes) {
      return make_error(Code::kInvalidArgument, "output '{}' {} takes {} bytes, the caller's buffer has {}; pass a larger one",
                        declared.name, to_string(dims), bytes, target.bytes);
    }
    if (data != target.data && bytes > 0) std::memcpy(target.data, data, static_cast<size_t>(bytes));
    if (!result.is_tensor() || result.tensor().raw() != target.data || result.tensor().dims() != dims ||
        result.tensor().dtype() != declared.type.dtype) {
      result = Tensor::view(declared.type.dtype, dims, target.data);
    }
    return ok_status();
  }
  Tensor& owned = owned_outputs_[index];
  if (!fresh && !parent_ && is_device_value(v) &&
      device_->mapped_output(index) == data) {  // what the device wrote is read where it lies
    result = Tensor::view(declared.type.dtype, dims, const_cast<uint8_t*>(data));
    return ok_status();
  }
  const int32_t root = program_.root[v];
  const bool in_place =
      program_.output_of_root[root] == static_cast<int32_t>(index) && current_->slots[root].fixed && !is_device_value(v);
  if (!in_place) {
    if (fresh || !owned.defined() || owned.dims() != dims) owned = Tensor(declared.type.dtype, dims);
    if (bytes > 0) std::memcpy(owned.raw(), data, static_cast<size_t>(bytes));
  }
  if (!result.is_tensor() || result.tensor().raw() != owned.raw() || result.tensor().dims() != dims) result = owned;
  return ok_status();
}

RegionExecutor* RegionExecutor::child(size_t step, std::string_view attribute) const {
  for (const auto& [name, executor] : children_of_step_[step]) {
    if (name == attribute) return executor;
  }
  return nullptr;
}

}  // namespace sinter::runtime
