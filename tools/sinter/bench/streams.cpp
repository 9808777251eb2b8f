#include "streams.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

namespace sinter::tool {
namespace {

using Clock = std::chrono::steady_clock;

struct HostFree {
  const sinter_engine* engine;
  void operator()(void* memory) const { sinter_host_free(engine, memory); }
};
struct DeviceFree {
  const sinter_engine* engine;
  void operator()(void* memory) const { sinter_device_free(engine, memory); }
};

// One context with inputs and outputs of its own.
class Lane {
 public:
  Lane(const Session& session, int threads, bool on_device) : engine_(session.engine()) {
    sinter_context_options options;
    sinter_context_options_init(&options);
    options.threads = threads;
    sinter_context* context = nullptr;
    require(sinter_context_create(engine_, &options, &context));
    context_.reset(context);
    for (size_t i = 0; i < sinter_engine_input_count(engine_); ++i) set_input(i, session.input(i), on_device);
    require(sinter_context_prepare(context));
    for (size_t i = 0; i < sinter_engine_output_count(engine_); ++i) set_output(i, on_device);
  }
  void run() { require(sinter_context_execute(context_.get())); }
  uint64_t bytes_in = 0, bytes_out = 0;

 private:
  void* host_memory(size_t bytes) {
    void* memory = nullptr;
    require(sinter_host_allocate(engine_, bytes, &memory));
    host_.emplace_back(memory, HostFree{engine_});
    return memory;
  }
  void* device_memory(size_t bytes) {
    void* memory = nullptr;
    require(sinter_device_allocate(engine_, bytes, &memory));
    device_.emplace_back(memory, DeviceFree{engine_});
    return memory;
  }
  void set_input(size_t index, const sinter_tensor& tensor, bool on_device) {
    if (on_device) {
      void* memory = device_memory(tensor.bytes);
      require(sinter_device_write(engine_, memory, tensor.data, tensor.bytes));
      return require(sinter_context_set_input_device(context_.get(), index, tensor.dtype, tensor.dims, tensor.rank, memory));
    }
    void* memory = host_memory(tensor.bytes);
    std::memcpy(memory, tensor.data, tensor.bytes);
    bytes_in += tensor.bytes;
    require(sinter_context_set_input(context_.get(), index, tensor.dtype, tensor.dims, tensor.rank, memory));
  }
  // Outputs whose size is known have memory here; others are the context's.
  void set_output(size_t index, bool on_device) {
    sinter_io_info info;
    require(sinter_engine_output_info(engine_, index, &info));
    int64_t dims[64] = {}, count = 1;
    int32_t rank = 0;
    if (sinter_context_output_shape(context_.get(), index, dims, 64, &rank) != SINTER_OK) return;
    for (int32_t axis = 0; axis < rank; ++axis) count *= dims[axis];
    const size_t bytes = sinter_dtype_bytes(info.dtype, count);
    if (bytes == 0) return;
    if (on_device) return require(sinter_context_set_output_device(context_.get(), index, device_memory(bytes), bytes));
    bytes_out += bytes;
    require(sinter_context_set_output(context_.get(), index, host_memory(bytes), bytes));
  }

  const sinter_engine* engine_;
  std::vector<std::unique_ptr<void, HostFree>> host_;
  std::vector<std::unique_ptr<void, DeviceFree>> device_;
  Context context_;  // ends before the memory it uses
};

// The middle of three measurements that take turns, so that a busy moment of the machine does not decide.
StreamsResult middle(std::vector<StreamsResult> results) {
  std::sort(results.begin(), results.end(), [](const StreamsResult& a, const StreamsResult& b) { return a.rate() < b.rate(); });
  return results[results.size() / 2];
}

}  // namespace

std::vector<StreamsResult> bench_streams(const std::vector<const Session*>& sessions, int streams, int threads,
                                         double warmup_ms, double seconds, bool on_device) {
  std::vector<std::unique_ptr<Lane>> lanes;  // those of a session one after the other
  for (const Session* session : sessions) {
    for (int i = 0; i < streams; ++i) lanes.push_back(std::make_unique<Lane>(*session, threads, on_device));
  }
  const auto each = static_cast<size_t>(streams);
  std::vector<std::atomic<int64_t>> runs(sessions.size());
  std::atomic<bool> counting{false}, stop{false};
  std::vector<std::string> failures(lanes.size());
  std::vector<std::thread> workers;
  for (size_t i = 0; i < lanes.size(); ++i) {
    workers.emplace_back([&, i] {
      try {
        while (!stop) {
          lanes[i]->run();
          if (counting) ++runs[i / each];
        }
      } catch (const Failure& failure) {
        failures[i] = failure.message;
        stop = true;
      }
    });
  }
  const auto sleep = [&](double s) {
    for (const auto end = Clock::now() + std::chrono::duration<double>(s); !stop && Clock::now() < end;) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  };
  sleep(warmup_ms / 1000);
  const auto start = Clock::now();
  counting = true;
  sleep(seconds);
  std::vector<StreamsResult> results;
  const double measured = std::chrono::duration<double>(Clock::now() - start).count();
  for (size_t i = 0; i < sessions.size(); ++i)
    results.push_back({streams, runs[i], measured, lanes[i * each]->bytes_in, lanes[i * each]->bytes_out});
  stop = true;
  for (std::thread& worker : workers) worker.join();
  for (size_t i = 0; i < lanes.size(); ++i) {
    if (!failures[i].empty())
      throw Failure{std::string("on ") + sinter_engine_device(sessions[i / each]->engine()) + ": " + failures[i]};
  }
  return results;
}

nlohmann::ordered_json compare_streams(const Session& session, int streams, int threads, double warmup_ms, double seconds, bool on_device) {
  std::vector<StreamsResult> one, all;
  for (int round = 0; round < 3; ++round) {
    one.push_back(bench_streams({&session}, 1, threads, warmup_ms, seconds / 6, on_device)[0]);
    all.push_back(bench_streams({&session}, streams, threads, warmup_ms, seconds / 6, on_device)[0]);
  }
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const StreamsResult& result : {middle(one), middle(all)}) {
    const double gigabytes = 1e-9 * result.rate();
    std::printf("streams   %d: %.2f inferences/s, %.2f GB/s in, %.2f GB/s out (%lld runs)\n", result.streams, result.rate(),
                gigabytes * static_cast<double>(result.bytes_in), gigabytes * static_cast<double>(result.bytes_out), static_cast<long long>(result.runs));
    json.push_back({{"streams", result.streams}, {"throughput_qps", result.rate()}, {"bytes_in", result.bytes_in}, {"bytes_out", result.bytes_out}});
  }
  return json;
}

}  // namespace sinter::tool
