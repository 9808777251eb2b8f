// Tuner::measure on a device: events around each launch, with the second-level cache flushed before it and the activations read again
// (weights cold, activations warm). The fill that flushes takes longer than a launch, so that launches are queued when their turn
// comes, as in the replay of a graph, and the events see the device's time alone.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <optional>
#include <set>
#include <thread>

#include "base/files.h"
#include "builder/tuner.h"
#include "tactic/code.h"

namespace sinter::builder {
namespace {

constexpr int kRounds = 4, kBatches = 4;       // samples of a candidate: kRounds a batch; what is clearly slower ends after the first
constexpr double kPruneFactor = 1.4;
constexpr int64_t kPatternBytes = 16 << 20;    // random data is made once and repeated

struct Events {
  Device* device;
  std::vector<DeviceEvent> events;
  ~Events() {
    for (DeviceEvent event : events) device->release_event(event);
  }
  Status grow(size_t count) {
    while (events.size() < count) {
      SINTER_ASSIGN(DeviceEvent event, device->make_event(true));
      events.push_back(event);
    }
    return ok_status();
  }
};

struct StreamOwner {
  Device* device;
  DeviceStream stream = nullptr;
  ~StreamOwner() {
    if (stream) device->release_stream(stream);
  }
};

// What all candidates share: tensors of the problem, in any layout (padding-free ones have equal bytes).
struct SharedTensors {
  std::vector<DeviceBuffer> inputs, outputs;

  static int64_t bytes_of(const TensorDesc& desc) { return dtype_bytes(desc.dtype, product(desc.opt)); }

  Status make(Device& device, const Problem& problem, std::span<const Tensor> constants, DeviceStream stream) {
    for (size_t i = 0; i < problem.inputs.size(); ++i) {
      const TensorDesc& desc = problem.inputs[i];
      inputs.emplace_back();
      if (!desc.present) continue;
      const int64_t bytes = bytes_of(desc);
      SINTER_ASSIGN(inputs.back(), DeviceBuffer::make(&device, bytes));
      uint8_t* to = inputs.back().data();
      if (constants[i].defined()) {
        SINTER_TRY(device.copy(to, constants[i].raw(), bytes, CopyKind::kHostToDevice, stream));
        continue;
      }
      const int64_t unit = std::max(dtype_bits(desc.dtype) / 8, 1), pattern = std::min(bytes, kPatternBytes / unit * unit);
      Tensor random(desc.dtype, {dtype_bits(desc.dtype) >= 8 ? pattern / unit : product(desc.opt)});
      fill_random(random, static_cast<uint32_t>(i));
      SINTER_TRY(device.copy(to, random.raw(), std::min(pattern, random.bytes()), CopyKind::kHostToDevice, stream));
      for (int64_t done = pattern; done < bytes; done += pattern) {
        SINTER_TRY(device.copy(to + done, to, std::min(pattern, bytes - done), CopyKind::kDeviceToDevice, stream));
      }
    }
    for (const TensorDesc& desc : problem.outputs) {
      outputs.emplace_back();
      if (!desc.present) continue;
      SINTER_ASSIGN(outputs.back(), DeviceBuffer::make(&device, bytes_of(desc)));
    }
    return device.wait(stream);
  }
};

class DeviceBench {
 public:
  Status make(Device& device, const Problem& base, const Candidate& candidate, std::span<const Tensor> constants, const SharedTensors& tensors,
              DeviceStream stream) {
    const Problem problem = with_layouts(base, candidate.offer);
    SINTER_ASSIGN(blobs_, candidate.tactic->prepare(problem, candidate.offer, constants));
    for (const Tensor& blob : blobs_) {
      SINTER_ASSIGN(DeviceBuffer packed, DeviceBuffer::make(&device, blob.bytes()));
      SINTER_TRY(device.copy(packed.data(), blob.raw(), blob.bytes(), CopyKind::kHostToDevice, stream));
      blob_addresses_.push_back(packed.data());
      packed_.push_back(std::move(packed));
    }
    SINTER_ASSIGN(Tensor code, compile_code(*candidate.tactic, problem, candidate.offer, {device.spec().sm}));
    if (code.defined()) blobs_.push_back(std::move(code));
    SINTER_ASSIGN(kernel_, candidate.tactic->bind(problem, candidate.offer, blobs_));
    std::vector<Dims> inputs, outputs;
    for (const TensorDesc& desc : problem.inputs) inputs.push_back(desc.opt);
    for (const TensorDesc& desc : problem.outputs) outputs.push_back(desc.opt);
    SINTER_ASSIGN(const int64_t workspace, kernel_->specialize(inputs, outputs, 1));
    auto room = DeviceBuffer::make(&device, workspace);
    if (!room.ok()) {
      return std::move(room).status().with(
          fmt::format("while making room for {} bytes of workspace of '{}'", workspace, candidate.tactic->id()));
    }
    workspace_ = std::move(room).value();
    for (size_t i = 0; i < tensors.inputs.size(); ++i) {
      inputs_.push_back(candidate.offer.packed_inputs[i] ? nullptr : tensors.inputs[i].data());
    }
    for (const DeviceBuffer& buffer : tensors.outputs) outputs_.push_back(buffer.data());
    SINTER_TRY(launch(stream));
    return device.wait(stream);
  }

  Status launch(DeviceStream stream) {
    return kernel_->launch({inputs_.data(), outputs_.data(), workspace_.data(), nullptr, stream, blob_addresses_.data()});
  }

  std::vector<double> samples;

 private:
  std::vector<Tensor> blobs_;
  std::vector<DeviceBuffer> packed_;
  DeviceBuffer workspace_;
  std::unique_ptr<Kernel> kernel_;
  std::vector<const void*> inputs_, blob_addresses_;
  std::vector<void*> outputs_;
};

// Builds of several processes compile side by side, but measure in turn. Where the lock can't be had they measure anyway.
std::optional<FileLock> take_turn(const Device& device) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  Result<FileLock> lock = FileLock::take((folder / fmt::format("sinter-tuning-{}-{}.lock", ::getuid(), device.ordinal())).string());
  if (!lock.ok()) return std::nullopt;
  return std::optional<FileLock>(std::move(lock).value());
}

}  // namespace

void Tuner::compile_ahead(std::span<const Problem> problems) {
  if (!options_.device->is_here()) return;  // nothing is timed
  struct Job {
    const Tactic* tactic;
    Problem problem;
    Offer offer;
  };
  std::vector<Job> jobs;
  std::set<std::string> seen;
  for (const Problem& problem : problems) {
    if (!seen.insert(problem.key()).second) continue;
    for (Candidate& candidate : collect_candidates(problem, options_).offers) {
      if (cache_.find(timing_key(problem, candidate))) continue;
      jobs.push_back({candidate.tactic, with_layouts(problem, candidate.offer), candidate.offer});
    }
  }
  std::atomic<size_t> next{0};
  const int sm = options_.device->spec().sm;
  const auto work = [&] {
    for (size_t i = next++; i < jobs.size(); i = next++)
      (void)compile_code(*jobs[i].tactic, jobs[i].problem, jobs[i].offer, {sm});
  };
  std::vector<std::thread> workers;
  for (int t = 1; t < cpu_info().usable_cores && static_cast<size_t>(t) < jobs.size(); ++t) workers.emplace_back(work);
  work();
  for (std::thread& worker : workers) worker.join();
}

Status Tuner::measure_on_device(const Problem& problem, std::span<const Tensor> constants, std::vector<Candidate*>& open) {
  Device& device = *options_.device;
  const std::optional<FileLock> turn = take_turn(device);
  StreamOwner owner{&device};
  SINTER_ASSIGN(owner.stream, device.make_stream());
  const DeviceStream stream = owner.stream;
  SharedTensors tensors;
  SINTER_TRY(tensors.make(device, problem, constants, stream).with(fmt::format("while making tensors to tune node '{}' with", problem.node)));
  const int64_t cache = std::max<int64_t>(device.spec().l2_bytes, 1 << 20);
  if (flush_.bytes() == 0) {
    SINTER_ASSIGN(flush_, DeviceBuffer::make(&device, 2 * cache));
  }
  // Activations that fit the cache were there when their producer ended.
  const auto warm = [&]() -> Status {
    int64_t at = 0;
    for (size_t i = 0; i < tensors.inputs.size(); ++i) {
      const int64_t bytes = tensors.inputs[i].bytes();
      if (problem.inputs[i].constant || bytes == 0 || at + bytes > cache / 2) continue;
      SINTER_TRY(device.copy(flush_.data() + at, tensors.inputs[i].data(), bytes, CopyKind::kDeviceToDevice, stream));
      at += bytes;
    }
    return ok_status();
  };
  std::vector<DeviceBench> benches(open.size());
  std::vector<bool> live(open.size(), true);
  for (size_t i = 0; i < open.size(); ++i) {
    const Status made = benches[i].make(device, problem, *open[i], constants, tensors, stream);
    if (made.ok()) continue;
    if (!device.lost().ok()) {
      return device.explain(made).with(fmt::format("while timing '{}' for node '{}' ({}); leave it out with --tactics", open[i]->tactic->id(), problem.node, problem.op));
    }
    open[i]->failure = made.message();
    live[i] = false;
  }
  Events events{&device, {}};
  for (int batch = 0; batch < kBatches; ++batch) {
    std::vector<size_t> order;
    for (int round = 0; round < kRounds; ++round) {
      for (size_t i = 0; i < open.size(); ++i) {
        if (live[i]) order.push_back(i);
      }
    }
    SINTER_TRY(events.grow(2 * order.size()));
    for (size_t k = 0; k < order.size(); ++k) {
      SINTER_TRY(device.fill(flush_.data(), static_cast<uint8_t>(k), flush_.bytes(), stream));
      SINTER_TRY(warm());
      SINTER_TRY(device.record(events.events[2 * k], stream));
      const Status status = benches[order[k]].launch(stream);
      if (!status.ok()) {
        open[order[k]]->failure = status.message();
        live[order[k]] = false;
      }
      SINTER_TRY(device.record(events.events[2 * k + 1], stream));
    }
    SINTER_TRY(device.wait(stream));
    double best = INFINITY;
    for (size_t k = 0; k < order.size(); ++k) {
      SINTER_ASSIGN(const double us, device.elapsed_us(events.events[2 * k], events.events[2 * k + 1]));
      benches[order[k]].samples.push_back(us);
      best = std::min(best, us);
    }
    if (options_.time_all) continue;
    for (size_t i = 0; i < open.size(); ++i) {
      if (live[i] && !open[i]->timed && *std::min_element(benches[i].samples.begin(), benches[i].samples.end()) > kPruneFactor * best) {
        open[i]->timing = summarise(benches[i].samples);
        open[i]->timed = true;
        live[i] = false;
      }
    }
    if (std::count(live.begin(), live.end(), true) <= 1) break;
  }
  for (size_t i = 0; i < open.size(); ++i) {
    if (!live[i]) continue;
    open[i]->timing = summarise(benches[i].samples);
    open[i]->timed = true;
  }
  return ok_status();
}

}  // namespace sinter::builder
