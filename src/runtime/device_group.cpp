#include "runtime/device_group.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/log.h"
#include "base/system_files.h"
#include "base/system_memory.h"

namespace sinter::runtime {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRunsToWarm = 2;  // of a size: the first prepares, the second captures a graph
constexpr size_t kMostSizes = 64;
constexpr int kProbeRuns = 10;
constexpr double kProbeSeconds = 0.05;
constexpr int kMostLost = 2;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string device_of(const Engine& engine) {
  return engine.device() ? to_string(DeviceId{engine.device()->spec().kind, engine.device()->ordinal()}) : "cpu";
}

Status lost_of(const Engine& engine) { return engine.device() ? engine.device()->lost() : ok_status(); }

bool has_rows(const Value& value, int64_t rows) {
  return value.is_tensor() && value.tensor().rank() > 0 && value.tensor().dim(0) == rows &&
         dtype_bits(value.tensor().dtype()) > 0 && dtype_bits(value.tensor().dtype()) % 8 == 0;
}

std::vector<Value> rows_of(const std::vector<Value>& inputs, int64_t begin, int64_t rows) {
  std::vector<Value> part;
  for (const Value& input : inputs) {
    const Tensor& whole = input.tensor();
    Dims dims = whole.dims();
    const int64_t bytes = whole.bytes() / dims[0];
    dims[0] = rows;
    auto* const data = static_cast<uint8_t*>(const_cast<void*>(whole.raw())) + begin * bytes;
    part.emplace_back(Tensor::view(whole.dtype(), std::move(dims), data, whole.owner()));
  }
  return part;
}

// The profile that takes the inputs, where the engine has several.
Status choose_profile(const std::shared_ptr<const Engine>& engine, const std::vector<Value>& inputs,
                      ExecutionContext& context) {
  if (engine->profile_count() == 1) return ok_status();
  std::vector<Dims> dims;
  for (const Value& input : inputs) dims.push_back(input.is_tensor() ? input.tensor().dims() : Dims());
  if (context.engine().takes(dims)) return ok_status();
  for (size_t p = 0; p < engine->profile_count(); ++p) {
    if (Engine::at_profile(engine, p)->takes(dims)) return context.set_optimization_profile(p);
  }
  return ok_status();  // the run says what is wrong
}

// Zeros for every input at the sizes that the engine was tuned for. Empty: they are not known.
std::vector<Value> zeros(const Engine& engine) {
  std::vector<Value> inputs;
  Bindings bindings;
  for (const plan::SymbolRange& symbol : engine.plan().symbols) bindings[symbol.name] = symbol.opt;
  if (const Dim* const leading = shared_leading_dim(engine)) bindings.emplace(leading->symbol_name(), 1);
  for (const engine::IoInfo& input : engine.inputs()) {
    const auto dims = evaluate(*input.type.shape, bindings);
    if (!dims || dtype_bits(input.type.dtype) == 0) return {};
    Tensor tensor(input.type.dtype, *dims);
    std::memset(tensor.raw(), 0, static_cast<size_t>(tensor.bytes()));
    inputs.emplace_back(std::move(tensor));
  }
  return inputs;
}

// Runs a second, of the fastest; 0: inputs of zeros do not run, or memory is spent, which the first batch reports.
double probe(const std::vector<Value>& inputs, ExecutionContext& context) try {
  double best = 0;
  const auto start = Clock::now();
  for (int run = 0; run < kRunsToWarm + 1 || (run < kRunsToWarm + kProbeRuns && seconds_since(start) < kProbeSeconds);
       ++run) {
    const auto begin = Clock::now();
    if (!context.run(inputs).ok()) return 0;
    if (run >= kRunsToWarm) best = std::max(best, 1 / std::max(1e-9, seconds_since(begin)));
  }
  return best;
} catch (const std::bad_alloc&) {
  return 0;
}

}  // namespace

Result<std::vector<Value>> Batch::wait() {
  std::unique_lock lock(mutex_);
  over_.wait(lock, [this] { return done_; });
  return result_;
}

Status Batch::take(int64_t begin, int64_t rows, std::vector<Value> outputs, const Engine& engine) {
  if (rows == 0) {
    outputs_ = std::move(outputs);
    return ok_status();
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (has_rows(outputs[i], rows)) continue;
    return make_error(Code::kUnsupported,
                      "output '{}' has shape {} for {} samples, so that it can't be put together from parts; submit "
                      "whole batches (split 0)",
                      engine.outputs()[i].name,
                      outputs[i].is_tensor() ? to_string(outputs[i].tensor().dims()) : "of no tensor", rows);
  }
  {
    const std::lock_guard lock(mutex_);
    for (size_t i = outputs_.size(); i < outputs.size(); ++i) {
      Dims dims = outputs[i].tensor().dims();
      dims[0] = rows_;
      outputs_.emplace_back(Tensor(outputs[i].tensor().dtype(), std::move(dims)));
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].tensor().bytes() / rows * rows_ == outputs_[i].tensor().bytes()) continue;
      return make_error(Code::kUnsupported,
                        "output '{}' has other sizes in one part of the batch than in another, so that it can't be put "
                        "together; submit whole batches (split 0)",
                        engine.outputs()[i].name);
    }
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& part = outputs[i].tensor();
    std::memcpy(static_cast<uint8_t*>(outputs_[i].tensor().raw()) + part.bytes() / rows * begin, part.raw(),
                static_cast<size_t>(part.bytes()));
  }
  return ok_status();
}

bool Batch::finish_part(Status status) {
  const std::lock_guard lock(mutex_);
  if (!status.ok() && !failed_.exchange(true)) result_ = std::move(status);
  if (--parts_left_ > 0) return false;
  if (!failed_) result_ = std::move(outputs_);
  done_ = true;
  over_.notify_all();
  return true;
}

Result<std::unique_ptr<DeviceGroup>> DeviceGroup::make(std::vector<std::shared_ptr<const Engine>> engines,
                                                       const GroupOptions& options) {
  constexpr int kMostContexts = 256;
  if (engines.empty()) return make_error(Code::kInvalidArgument, "device group: no engines were given; pass one a GPU");
  if (options.contexts < 1 || options.contexts > kMostContexts) {
    return make_error(Code::kInvalidArgument, "device group: {} contexts of each engine, expected 1 to {}",
                      options.contexts, kMostContexts);
  }
  std::unique_ptr<DeviceGroup> group(new DeviceGroup(options, engines.size()));
  ContextOptions how;
  how.threads = options.threads;
  for (std::shared_ptr<const Engine>& engine : engines) {
    auto member = std::make_unique<Member>();
    member->index = group->members_.size();
    member->name = device_of(*engine);
    member->engine = std::move(engine);
    const Engine& first = group->members_.empty() ? *member->engine : group->engine();
    const auto same = [](const engine::IoInfo& a, const engine::IoInfo& b) {
      return a.name == b.name && a.type == b.type;
    };
    if (!std::ranges::equal(first.inputs(), member->engine->inputs(), same) ||
        !std::ranges::equal(first.outputs(), member->engine->outputs(), same)) {
      return make_error(
          Code::kInvalidArgument,
          "device group: the engine on {} has other inputs or outputs than the first; pass engines of one model",
          member->name);
    }
    for (int i = 0; i < options.contexts; ++i) {
      auto lane = std::make_unique<Lane>();
      auto context = ExecutionContext::create(member->engine, how);
      if (!context.ok()) return std::move(context).status().with(fmt::format("on {}", member->name));
      lane->context = std::move(context).value();
      member->lanes.push_back(std::move(lane));
    }
    group->members_.push_back(std::move(member));
  }
  group->decide_split();
  if (group->whole_because_.empty()) group->measure();
  for (auto& member : group->members_) {
    for (auto& lane : member->lanes)
      lane->thread = std::thread([&group = *group, &member = *member, &lane = *lane] { group.work(member, lane); });
  }
  return group;
}

DeviceGroup::~DeviceGroup() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (auto& member : members_) {
    for (auto& lane : member->lanes) {
      if (lane->thread.joinable()) lane->thread.join();
    }
  }
}

size_t DeviceGroup::lanes() const { return members_.size() * static_cast<size_t>(options_.contexts); }

void DeviceGroup::decide_split() {
  const Dim* const leading = shared_leading_dim(engine());
  if (!options_.split) {
    whole_because_ = "whole batches were asked for";
  } else if (!leading || leading->symbol_name().empty()) {
    whole_because_ = "the inputs share no dynamic leading dim";
  }
  for (const engine::IoInfo& output : engine().outputs()) {
    const bool leads = output.type.is_tensor() && output.type.shape && !output.type.shape->empty() && leading &&
                       output.type.shape->front() == *leading;
    if (whole_because_.empty() && !leads)
      whole_because_ = fmt::format("output '{}' is {}, whose leading dim is not that of the inputs", output.name,
                                   output.type.to_string());
  }
  if (!whole_because_.empty()) return;
  least_rows_ = INT64_MAX;
  most_rows_ = 1;
  for (size_t p = 0; p < engine().profile_count(); ++p) {
    plan::SymbolRange range;
    for (const plan::SymbolRange& symbol : Engine::at_profile(members_[0]->engine, p)->plan().symbols) {
      if (symbol.name == leading->symbol_name()) range = symbol;
    }
    least_rows_ = std::min(least_rows_, std::max<int64_t>(1, range.min));
    most_rows_ = std::max(most_rows_, range.max);
  }
}

void DeviceGroup::measure() {
  const std::vector<Value> inputs = zeros(engine());
  std::vector<double> rates(members_.size(), 0);
  std::vector<std::thread> probes;
  if (inputs.empty() || members_.size() == 1) return;
  for (size_t i = 0; i < members_.size(); ++i) {
    probes.emplace_back([&, i] { rates[i] = probe(inputs, *members_[i]->lanes[0]->context); });
  }
  for (std::thread& thread : probes) thread.join();
  if (std::all_of(rates.begin(), rates.end(), [](double rate) { return rate > 0; })) balance_.add(rates);
}

// The rows of a batch that can be divided; 0: it can't.
int64_t DeviceGroup::rows_to_split(const std::vector<Value>& inputs) const {
  if (!whole_because_.empty() || inputs.size() != engine().inputs().size() || inputs.empty()) return 0;
  const Value& first = inputs[0];
  const int64_t rows = first.is_tensor() && first.tensor().rank() > 0 ? first.tensor().dim(0) : 0;
  return std::all_of(inputs.begin(), inputs.end(), [&](const Value& input) { return has_rows(input, rows); }) ? rows
                                                                                                              : 0;
}

std::shared_ptr<Batch> DeviceGroup::submit(std::vector<Value> inputs) {
  auto batch = std::make_shared<Batch>(std::move(inputs), members_.size());
  const int64_t rows = rows_to_split(batch->inputs_);
  {
    const std::lock_guard lock(mutex_);
    std::vector<Share> shares;
    if (rows > 1) shares = split_rows(rows, balance_.shares(), least_rows_, most_rows_);
    const bool divided = shares.size() > 1;
    batch->rows_ = divided ? rows : 0;
    batch->parts_left_ = divided ? shares.size() : 1;
    outstanding_ += batch->parts_left_;
    Part whole{batch, 0, 0, 0};
    if (!any_left())
      end_part(whole, all_lost());
    else if (!divided)
      whole_.push_back(std::move(whole));
    else
      for (const Share& share : shares) members_[share.device]->queue.push_back({batch, share.begin, share.rows, 0});
  }
  changed_.notify_all();
  return batch;
}

void DeviceGroup::work(Member& member, Lane& lane) {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] {
      return (stop_ && outstanding_ == 0) || !member.lost.ok() || !member.queue.empty() || !whole_.empty();
    });
    std::deque<Part>& queue = member.queue.empty() ? whole_ : member.queue;
    if (!member.lost.ok() || queue.empty()) return;
    Part part = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    const auto start = Clock::now();
    Status status = part.batch->failed_ ? ok_status() : run(part, member.engine, lane);
    const double seconds = seconds_since(start);
    lock.lock();
    const std::string warning = finish(member, lane, std::move(part), std::move(status), seconds);
    if (warning.empty()) continue;
    lock.unlock();  // the sink of messages is the caller's
    log(Severity::kWarning, "{}", warning);
    lock.lock();
  }
}

Status DeviceGroup::run(const Part& part, const std::shared_ptr<const Engine>& engine, Lane& lane) try {
  const std::vector<Value> inputs =
      part.rows > 0 ? rows_of(part.batch->inputs_, part.begin, part.rows) : part.batch->inputs_;
  SINTER_TRY(choose_profile(engine, inputs, *lane.context));
  SINTER_ASSIGN(std::vector<Value> outputs, lane.context->run(inputs));
  return part.batch->take(part.begin, part.rows, std::move(outputs), *engine);
} catch (const std::bad_alloc&) {
  return make_error(Code::kOutOfMemory, "memory is spent with the parts of a batch{}", memory_advice(system_root()));
}

std::string DeviceGroup::finish(Member& member, Lane& lane, Part part, Status status, double seconds) {
  Batch& batch = *part.batch;
  if (!status.ok()) {
    std::string warning;
    if (Status lost = lost_of(*member.engine); !lost.ok()) {
      warning = retire(member, std::move(lost));
      batch.steady_ = false;
      if (++part.lost_devices < kMostLost && any_left()) {
        ++retried_;
        whole_.push_front(std::move(part));
        changed_.notify_all();
        return warning;
      }
    }
    end_part(part, std::move(status).with(fmt::format("on {}", member.name)));
    return warning;
  }
  if (lane.runs.size() > kMostSizes) lane.runs.clear();
  batch.steady_ = batch.steady_ && ++lane.runs[part.rows] > kRunsToWarm && part.rows > 0;
  Batch::Work& work = batch.work_[member.index];
  const int64_t rows = part.rows > 0 ? part.rows : 1;
  work.rows += rows;
  work.seconds += seconds;
  member.rows += rows;
  member.busy_s += seconds;
  ++member.parts;
  end_part(part, ok_status());
  return "";
}

void DeviceGroup::end_part(Part& part, Status status) {
  if (part.batch->finish_part(std::move(status))) note_speed(*part.batch);
  if (--outstanding_ == 0) changed_.notify_all();
}

// A batch that all devices worked on, none of them for the first time, says how fast each is.
void DeviceGroup::note_speed(Batch& batch) {
  if (!batch.steady_ || batch.failed_) return;
  std::vector<double> rates(members_.size(), 0);
  for (size_t i = 0; i < members_.size(); ++i) {
    if (!members_[i]->lost.ok()) continue;
    const Batch::Work& work = batch.work_[i];
    if (work.rows == 0 || work.seconds <= 0) return;
    rates[i] = static_cast<double>(work.rows) / work.seconds;
  }
  balance_.add(rates);
}

// The device works no more; what waits for it goes to the others, or fails when none is left.
std::string DeviceGroup::retire(Member& member, Status lost) {
  if (!member.lost.ok()) return "";
  member.lost = std::move(lost);
  balance_.remove(member.index);
  while (!member.queue.empty()) {
    member.queue.front().batch->steady_ = false;
    whole_.push_back(std::move(member.queue.front()));
    member.queue.pop_front();
  }
  changed_.notify_all();
  if (any_left())
    return fmt::format("{} is left out from now on, the other devices go on with its work: {}", member.name,
                       member.lost.message());
  std::deque<Part> waiting = std::move(whole_);
  whole_.clear();
  for (Part& part : waiting) end_part(part, all_lost());
  return fmt::format("{} was the last device of the group: {}", member.name, member.lost.message());
}

bool DeviceGroup::any_left() const {
  return std::any_of(members_.begin(), members_.end(), [](const auto& member) { return member->lost.ok(); });
}

Status DeviceGroup::all_lost() const {
  std::string causes;
  for (const auto& member : members_)
    causes += fmt::format("{}{}: {}", causes.empty() ? "" : "; ", member->name, member->lost.message());
  return make_error(Code::kInternal, "no device of the group is left: {}", causes);
}

std::string DeviceGroup::json() const {
  const std::lock_guard lock(mutex_);
  std::string devices;
  for (const auto& member : members_) {
    const Device* const device = member->engine->device();
    devices += fmt::format(
        "{}{{\"device\": {}, \"name\": {}, \"share\": {:.4f}, \"rows\": {}, \"parts\": {}, \"busy_s\": {:.6f}, "
        "\"lost\": {}}}",
        devices.empty() ? "" : ", ", engine::json_quote(member->name),
        engine::json_quote(device ? device->name() : "cpu"), balance_.shares()[member->index], member->rows,
        member->parts, member->busy_s, engine::json_quote(member->lost.message()));
  }
  return fmt::format("{{\"devices\": [{}], \"splits\": {}, \"whole_because\": {}, \"contexts\": {}, \"retried\": {}}}",
                     devices, whole_because_.empty(), engine::json_quote(whole_because_), options_.contexts, retried_);
}

}  // namespace sinter::runtime
