#include "runtime/context.h"

#include <algorithm>
#include <new>

#include "base/core_lease.h"
#include "base/cpu_info.h"
#include "base/system_files.h"
#include "base/system_memory.h"
#include "runtime/binding.h"
#include "tactic/registry.h"

namespace sinter::runtime {
namespace {

// Runs fn() → Status with the engine's device, if it has one, current; no exception passes.
template <typename Fn>
Status guarded(const Engine& engine, Fn&& fn) {
  Device* const device = engine.device();
  try {
    const DeviceScope scope(device);
    SINTER_TRY(scope.status());
    Status status = fn();
    if (device && !status.ok()) status = device->explain(std::move(status));
    return status.code() == Code::kOutOfMemory
               ? std::move(status).with(fmt::format("in engine '{}'", engine.file().name()))
               : std::move(status);
  } catch (const std::bad_alloc&) {
    return make_error(Code::kOutOfMemory, "memory is spent in engine '{}'{}", engine.file().name(),
                      memory_advice(system_root()));
  } catch (const std::exception& error) {
    return make_error(Code::kInternal, "an unexpected failure while running: {}; report this", error.what());
  }
}

void collect_times(const RegionExecutor& executor, std::vector<LayerTime>& out) {
  const plan::Region& region = *executor.program().region;
  for (size_t s = 0; s < region.steps.size(); ++s) {
    const plan::Step& step = region.steps[s];
    LayerTime time;
    time.region = region.name;
    time.step = step.name;
    time.tactic = step.kind == plan::StepKind::kKernel ? fmt::format("{}@{}", step.tactic, step.tactic_version)
                  : step.kind == plan::StepKind::kReference ? "reference"
                  : step.kind == plan::StepKind::kTransfer ? "transfer" : "control";
    time.problem = step.problem.to_string();
    time.op = step.problem.domain.empty() ? step.problem.op : step.problem.domain + "." + step.problem.op;
    time.dense_type = dense_type(step.problem);
    const StepTime& taken = executor.times()[s];
    time.runs = taken.runs;
    time.total_us = taken.total_us;
    time.tuned_us = step.tuned_us;
    std::vector<float> samples = taken.samples_us;
    if (!samples.empty()) {
      const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
      std::nth_element(samples.begin(), middle, samples.end());
      time.median_us = *middle;
      time.min_us = *std::min_element(samples.begin(), samples.end());
    }
    if (const ShapePlan* plan = executor.shape_plan()) {
      const StepProgram& program = executor.program().steps[s];
      time.work = work_of(step.problem, step_dims(program, false, plan->slots), step_dims(program, true, plan->slots));
      time.live_bytes = plan->steps[s].live_bytes;
    }
    out.push_back(std::move(time));
  }
  for (const auto& child : executor.children()) collect_times(*child, out);
}

TeamMaker team_maker_of(const plan::Plan& plan) {
  std::vector<std::string> ids;
  for (const plan::Region& region : plan.regions) {
    for (const plan::Step& step : region.steps) ids.push_back(step.tactic);
  }
  return tactic_registry().team_maker(ids);
}

}  // namespace

Result<std::unique_ptr<ExecutionContext>> ExecutionContext::create(std::shared_ptr<const Engine> engine,
                                                                   const ContextOptions& options) {
  if (options.threads < 0 || options.threads > 4096) {
    return make_error(Code::kInvalidArgument, "context: {} threads, expected 0 (all usable cores) to 4096", options.threads);
  }
  if (options.arena && options.arena->device() != engine->device()) {
    return make_error(Code::kInvalidArgument, "context: the shared arena is of another device than the engine ({}); make one for the engine",
                      engine->device() ? engine->device()->name() : "the CPU");
  }
  std::unique_ptr<ExecutionContext> context(new ExecutionContext());
  context->options_ = options;
  context->family_ = std::move(engine);
  context->inputs_.resize(context->family_->inputs().size());
  context->device_inputs_.resize(context->inputs_.size(), 0);
  context->targets_.resize(context->family_->outputs().size());
  context->allocators_.resize(context->targets_.size());
  SINTER_TRY(context->set_optimization_profile(options.optimization_profile));
  return context;
}

Status ExecutionContext::set_optimization_profile(size_t profile) {
  std::shared_ptr<const Engine> engine = Engine::at_profile(family_, profile);
  if (!engine) {
    return make_error(Code::kInvalidArgument, "optimization profile {} does not exist: the engine has {}, numbered from 0; choose one of them", profile, family_->profile_count());
  }
  if (engine_ == engine) return ok_status();
  const auto on_host = [](const plan::Region& region) {
    return std::any_of(region.steps.begin(), region.steps.end(), [](const plan::Step& step) { return !step.problem.on_cuda() && step.kind != plan::StepKind::kTransfer; });
  };
  const std::vector<plan::Region>& regions = engine->plan().regions;
  const bool uses_cpu = !engine->device() || std::any_of(regions.begin(), regions.end(), on_host);
  const int threads = !uses_cpu ? 1 : options_.threads > 0 ? options_.threads : cpu_info().usable_cores;
  std::unique_ptr<ThreadTeam> pool = threads > 1 ? team_maker_of(engine->plan())(threads) : nullptr;
  ThreadTeam* const team = pool ? pool.get() : &inline_team();
  auto shared = std::make_unique<ExecutorShared>(ExecutorShared{
      &engine->plan(), &engine->programs(), &engine->blobs(), team, std::max(options_.max_shapes, engine->file().manifest().shapes_to_warm.size() + 1), shared_ ? shared_->profile : options_.profile, options_.observer,
      engine->device(), &engine->device_blobs(), options_.graphs, options_.arena, options_.watcher, &cancelled_});
  auto executor = std::make_unique<RegionExecutor>(*shared, 0, nullptr);
  SINTER_TRY(guarded(*engine, [&]() -> Status {
    SINTER_TRY(executor->open_device());
    return warm_up(*executor, *engine);
  }));
  const DeviceScope scope(engine->device());
  executor_ = std::move(executor);  // ends the one before, which uses the others
  shared_ = std::move(shared);
  pool_ = std::move(pool);
  team_ = team;
  engine_ = std::move(engine);
  results_.assign(engine_->outputs().size(), Value());
  return ok_status();
}

std::vector<Dims> ExecutionContext::input_dims() const {
  std::vector<Dims> dims(inputs_.size());
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].is_tensor()) dims[i] = inputs_[i].tensor().dims();
  }
  return dims;
}

Status ExecutionContext::with_profiles(Status failure, std::span<const Dims> input_dims) const {
  if (failure.ok() || failure.code() != Code::kInvalidArgument || family_->profile_count() == 1 || engine_->takes(input_dims)) return failure;
  std::string ranges;
  for (size_t p = 0; p < family_->profile_count(); ++p) {
    const std::shared_ptr<const Engine> other = Engine::at_profile(family_, p);
    ranges += fmt::format("{}{}: {}", p ? "; " : "", p, ranges_text(other->plan()));
    if (!other->takes(input_dims)) continue;
    return make_error(failure.code(), "{} (this is optimization profile {}; profile {} takes these shapes: {}; choose it for the context)", failure.message(),
                      engine_->profile(), p, ranges_text(other->plan()));
  }
  return make_error(failure.code(), "{} (this is optimization profile {}; none of the engine's {} takes these shapes: {})", failure.message(), engine_->profile(),
                    family_->profile_count(), ranges);
}

Result<int64_t> device_arena_bytes(const Engine& engine, std::span<const Dims> input_dims) {
  if (!engine.device()) return int64_t{0};
  const std::vector<engine::IoInfo>& inputs = engine.inputs();
  if (!input_dims.empty() && input_dims.size() != inputs.size()) {
    return make_error(Code::kInvalidArgument, "{} shapes given, the engine has {} inputs", input_dims.size(), inputs.size());
  }
  Bindings most;
  for (const plan::SymbolRange& symbol : engine.plan().symbols) most[symbol.name] = symbol.max;
  ShapeRequest request{&engine.plan(), &engine.programs()[0], &engine.blobs(), &engine.device_blobs(), 1, {}, {}, {}};
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool tensor = inputs[i].type.is_tensor() && inputs[i].type.shape;
    const std::optional<Dims> dims = !input_dims.empty() ? input_dims[i] : tensor ? evaluate(*inputs[i].type.shape, most) : Dims();
    const bool unbounded = dims && std::find(dims->begin(), dims->end(), INT64_MAX) != dims->end();
    if (!dims || unbounded) {
      return make_error(Code::kInvalidArgument, "input '{}' is {}, whose sizes have no upper end; say for which shapes", inputs[i].name, inputs[i].type.to_string());
    }
    request.inputs.push_back(*dims);
  }
  int64_t bytes = 0;
  SINTER_TRY(guarded(engine, [&]() -> Status {
    SINTER_ASSIGN(const std::unique_ptr<ShapePlan> plan, make_shape_plan(request));
    bytes = plan->device_arena_bytes;
    return ok_status();
  }));
  return bytes;
}

ExecutionContext::~ExecutionContext() {
  const DeviceScope scope(engine_ ? engine_->device() : nullptr);
  executor_.reset();
}

Status ExecutionContext::set_input(size_t index, Value value) {
  if (index >= inputs_.size()) {
    return make_error(Code::kInvalidArgument, "input {} does not exist: the engine has {} inputs", index, inputs_.size());
  }
  inputs_[index] = std::move(value);
  device_inputs_[index] = 0;
  return ok_status();
}

Status ExecutionContext::set_input(std::string_view name, Value value) {
  const int index = engine_->input_index(name);
  if (index >= 0) return set_input(static_cast<size_t>(index), std::move(value));
  std::string names;
  for (const engine::IoInfo& info : engine_->inputs()) names += (names.empty() ? "'" : ", '") + info.name + "'";
  return make_error(Code::kInvalidArgument, "input '{}' does not exist; the engine's inputs are {}", name, names);
}

Status ExecutionContext::set_input_data(size_t index, DType dtype, std::span<const int64_t> dims, const void* data) {
  if (index < inputs_.size() && inputs_[index].is_tensor()) {
    const Tensor& tensor = inputs_[index].tensor();
    if (tensor.raw() == data && tensor.dtype() == dtype && !device_inputs_[index] && std::ranges::equal(tensor.dims(), dims)) return ok_status();
  }
  for (int64_t dim : dims) {
    if (dim < 0) {
      return make_error(Code::kInvalidArgument, "input {}: shape {} has a negative dim", index, to_string(Dims(dims.begin(), dims.end())));
    }
  }
  Dims shape(dims.begin(), dims.end());
  if (!plan::physical_bytes(dtype, Layout::kRowMajor, shape)) {
    return make_error(Code::kInvalidArgument, "input {}: {}{} is no tensor that fits into memory", index, dtype_name(dtype), to_string(shape));
  }
  return set_input(index, Tensor::view(dtype, std::move(shape), const_cast<void*>(data)));
}

Status ExecutionContext::set_input_device_data(size_t index, DType dtype, std::span<const int64_t> dims, const void* data) {
  if (!engine_->device()) {
    return make_error(Code::kInvalidArgument, "input {}: a device address was given, but the engine runs on the CPU; pass host memory", index);
  }
  SINTER_TRY(set_input_data(index, dtype, dims, data));
  device_inputs_[index] = 1;
  return ok_status();
}

Status ExecutionContext::set_output_device_data(size_t index, void* data, int64_t bytes) {
  if (!engine_->device()) {
    return make_error(Code::kInvalidArgument, "output {}: a device address was given, but the engine runs on the CPU; pass host memory", index);
  }
  SINTER_TRY(set_output_data(index, data, bytes));
  targets_[index].on_device = data != nullptr;
  return ok_status();
}

Status ExecutionContext::keep_output_on_device(size_t index, bool keep) {
  if (!engine_->device()) {
    return make_error(Code::kInvalidArgument, "output {}: it can't stay on a device, since the engine runs on the CPU; read it from host memory", index);
  }
  SINTER_TRY(set_output_data(index, nullptr, 0));
  targets_[index].on_device = keep;
  return ok_status();
}

Status ExecutionContext::set_output_data(size_t index, void* data, int64_t bytes) {
  if (index >= targets_.size()) {
    return make_error(Code::kInvalidArgument, "output {} does not exist: the engine has {} outputs", index, targets_.size());
  }
  if (data && !has_fixed_size(engine_->outputs()[index].type)) {
    return make_error(Code::kInvalidArgument, "output '{}' is {}, which can't be written to a buffer; read it after the run",
                      engine_->outputs()[index].name, engine_->outputs()[index].type.to_string());
  }
  targets_[index] = {data, data ? bytes : 0};
  return ok_status();
}

Status ExecutionContext::set_output_allocator(size_t index, OutputAllocator allocator, bool on_device) {
  if (on_device && !engine_->device()) {
    return make_error(Code::kUnsupported, "output {} can't be in device memory, since the engine runs on the CPU; let the allocator give host memory", index);
  }
  SINTER_TRY(set_output_data(index, nullptr, 0));
  if (allocator && !has_fixed_size(engine_->outputs()[index].type)) {
    return make_error(Code::kInvalidArgument, "output '{}' is {}, which can't be written to a buffer; read it after the run",
                      engine_->outputs()[index].name, engine_->outputs()[index].type.to_string());
  }
  allocators_[index] = std::move(allocator);
  if (allocators_[index]) targets_[index] = {nullptr, 0, on_device, &allocators_[index]};
  return ok_status();
}

Status ExecutionContext::warm_up(RegionExecutor& executor, const Engine& engine) const {
  const std::vector<std::vector<Dims>>& sets = engine.file().manifest().shapes_to_warm;
  for (auto set = sets.rbegin(); set != sets.rend(); ++set) {  // the first named is what was used last
    if (set->size() == engine.inputs().size() && engine.takes(*set)) SINTER_TRY(executor.prepare(*set).with("while warming up for the shapes that the engine names"));
  }
  if (!sets.empty()) executor.touch_memory();
  return ok_status();
}

Status ExecutionContext::prepare(std::span<const Dims> input_dims) {
  if (input_dims.size() != inputs_.size()) {
    return make_error(Code::kInvalidArgument, "{} shapes given, the engine has {} inputs", input_dims.size(), inputs_.size());
  }
  return with_profiles(guarded(*engine_, [&] { return executor_->prepare(input_dims); }), input_dims);
}

Status ExecutionContext::prepare() {
  return prepare(input_dims());
}

std::optional<Dims> ExecutionContext::output_dims(size_t index) const {
  if (!executor_->shape_plan() || index >= results_.size()) return std::nullopt;
  if (std::optional<Dims> dims = executor_->output_dims(index)) return dims;
  return results_[index].is_tensor() ? std::optional<Dims>(results_[index].tensor().dims()) : std::nullopt;
}

Status ExecutionContext::check_inputs() const {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].present() || engine_->inputs()[i].type.is_optional()) continue;
    return make_error(Code::kInvalidArgument, "input '{}' of type {} was not set; set every input before a run",
                      engine_->inputs()[i].name, engine_->inputs()[i].type.to_string());
  }
  return ok_status();
}

Status ExecutionContext::execute() {
  SINTER_TRY(check_inputs());
  const CoreLease lease(leased_cores());
  Status status =
      guarded(*engine_, [&] { return executor_->run(inputs_, targets_, false, results_, {device_inputs_}); });
  return status.ok() ? status : with_profiles(std::move(status), input_dims());
}

Status ExecutionContext::enqueue(DeviceStream stream) {
  SINTER_TRY(check_inputs());
  Status status = guarded(*engine_, [&] {
    return executor_->run(inputs_, targets_, false, results_, {device_inputs_, stream, /*wait=*/false});
  });
  return status.ok() ? status : with_profiles(std::move(status), input_dims());
}

Result<std::vector<Value>> ExecutionContext::run(std::span<const Value> inputs) {
  std::vector<Value> results;
  const CoreLease lease(leased_cores());
  const Status status = guarded(*engine_, [&] { return executor_->run(inputs, {}, true, results); });
  if (status.ok()) return results;
  std::vector<Dims> dims(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].is_tensor()) dims[i] = inputs[i].tensor().dims();
  }
  return with_profiles(status, dims);
}

void ExecutionContext::set_profile(bool enabled) {
  shared_->profile = enabled;
  executor_->reset_times();
}

std::vector<LayerTime> ExecutionContext::profile() const {
  std::vector<LayerTime> times;
  collect_times(*executor_, times);
  return times;
}

std::string ExecutionContext::profile_json() const {
  std::string out = "[";
  for (const LayerTime& time : profile()) {
    const double mean_us = time.runs > 0 ? time.total_us / static_cast<double>(time.runs) : 0;
    out += fmt::format("{}{{\"region\": {}, \"layer\": {}, \"op\": {}, \"tactic\": {}, \"problem\": {}, \"runs\": {}, ", out.size() > 1 ? ", " : "",
                       engine::json_quote(time.region), engine::json_quote(time.step), engine::json_quote(time.op), engine::json_quote(time.tactic),
                       engine::json_quote(time.problem), time.runs);
    out += fmt::format("\"total_us\": {:.3f}, \"mean_us\": {:.3f}, \"median_us\": {:.3f}, \"min_us\": {:.3f}, \"tuned_us\": {:.3f}, ", time.total_us,
                       mean_us, time.median_us, time.min_us, time.tuned_us);
    out += fmt::format("\"dense_type\": {}, \"dense_ops\": {:.0f}, \"other_ops\": {:.0f}, \"bytes\": {}, \"live_bytes\": {}}}", engine::json_quote(time.dense_type),
                       time.work.dense_ops, time.work.other_ops, time.work.bytes, time.live_bytes);
  }
  return out + "]";
}

}  // namespace sinter::runtime
