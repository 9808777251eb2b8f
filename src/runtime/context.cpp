#include "runtime/context.h"

#include <algorithm>
#include <new>

#include "base/core_lease.h"
#include "base/cpu_info.h"
#include "tactic/registry.h"

namespace sinter::runtime {
namespace {

// Runs fn() → Status with the device (may be null) current; no exception passes.
template <typename Fn>
Status guarded(Device* device, Fn&& fn) {
  try {
    const DeviceScope scope(device);
    SINTER_TRY(scope.status());
    Status status = fn();
    return device && !status.ok() ? device->explain(std::move(status)) : status;
  } catch (const std::bad_alloc&) {
    return make_error(Code::kOutOfMemory, "memory is spent; use smaller inputs, fewer contexts or free memory");
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
  const auto on_host = [](const plan::Region& region) {
    return std::any_of(region.steps.begin(), region.steps.end(), [](const plan::Step& step) { return !step.problem.on_cuda() && step.kind != plan::StepKind::kTransfer; });
  };
  const std::vector<plan::Region>& regions = engine->plan().regions;
  const bool uses_cpu = !engine->device() || std::any_of(regions.begin(), regions.end(), on_host);
  const int threads = !uses_cpu ? 1 : options.threads > 0 ? options.threads : cpu_info().usable_cores;
  if (threads > 1) context->pool_ = team_maker_of(engine->plan())(threads);
  context->team_ = context->pool_ ? context->pool_.get() : &inline_team();
  context->shared_ = {&engine->plan(), &engine->programs(), &engine->file().blobs(), context->team_, options.max_shapes,
                      options.profile, options.observer, engine->device(), &engine->device_blobs(), options.graphs, options.arena, options.watcher, &context->cancelled_};
  context->executor_ = std::make_unique<RegionExecutor>(context->shared_, 0, nullptr);
  SINTER_TRY(guarded(engine->device(), [&] { return context->executor_->open_device(); }));
  context->inputs_.resize(engine->inputs().size());
  context->device_inputs_.resize(engine->inputs().size(), 0);
  context->results_.resize(engine->outputs().size());
  context->targets_.resize(engine->outputs().size());
  context->engine_ = std::move(engine);
  return context;
}

Result<int64_t> device_arena_bytes(const Engine& engine, std::span<const Dims> input_dims) {
  if (!engine.device()) return int64_t{0};
  const std::vector<engine::IoInfo>& inputs = engine.inputs();
  if (!input_dims.empty() && input_dims.size() != inputs.size()) {
    return make_error(Code::kInvalidArgument, "{} shapes given, the engine has {} inputs", input_dims.size(), inputs.size());
  }
  Bindings most;
  for (const plan::SymbolRange& symbol : engine.plan().symbols) most[symbol.name] = symbol.max;
  ShapeRequest request{&engine.plan(), &engine.programs()[0], &engine.file().blobs(), &engine.device_blobs(), 1, {}, {}, {}};
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
  SINTER_TRY(guarded(engine.device(), [&]() -> Status {
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

Status ExecutionContext::prepare(std::span<const Dims> input_dims) {
  if (input_dims.size() != inputs_.size()) {
    return make_error(Code::kInvalidArgument, "{} shapes given, the engine has {} inputs", input_dims.size(), inputs_.size());
  }
  return guarded(engine_->device(), [&] { return executor_->prepare(input_dims); });
}

Status ExecutionContext::prepare() {
  std::vector<Dims> dims(inputs_.size());
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].is_tensor()) dims[i] = inputs_[i].tensor().dims();
  }
  return prepare(dims);
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
  return guarded(engine_->device(), [&] { return executor_->run(inputs_, targets_, false, results_, {device_inputs_}); });
}

Status ExecutionContext::enqueue(DeviceStream stream) {
  SINTER_TRY(check_inputs());
  return guarded(engine_->device(), [&] { return executor_->run(inputs_, targets_, false, results_, {device_inputs_, stream, /*wait=*/false}); });
}

Result<std::vector<Value>> ExecutionContext::run(std::span<const Value> inputs) {
  std::vector<Value> results;
  const CoreLease lease(leased_cores());
  SINTER_TRY(guarded(engine_->device(), [&] { return executor_->run(inputs, {}, true, results); }));
  return results;
}

void ExecutionContext::set_profile(bool enabled) {
  shared_.profile = enabled;
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
    out += fmt::format("\"dense_type\": {}, \"dense_ops\": {:.0f}, \"other_ops\": {:.0f}, \"bytes\": {}}}", engine::json_quote(time.dense_type),
                       time.work.dense_ops, time.work.other_ops, time.work.bytes);
  }
  return out + "]";
}

}  // namespace sinter::runtime
