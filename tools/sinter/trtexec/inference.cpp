#include "trtexec/inference.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <mutex>
#include <thread>

namespace sinter::tool::trtexec {
namespace {

using Clock = std::chrono::steady_clock;

Clock::time_point run_begin;
double now_ms() { return std::chrono::duration<double, std::milli>(Clock::now() - run_begin).count(); }

std::string dims_text(const int64_t* dims, int32_t rank) {
  std::string text;
  for (int32_t i = 0; i < rank; ++i) text += (i ? "x" : "") + std::to_string(dims[i]);
  return text;
}

std::map<std::string, std::vector<int64_t>> parse_dims(const std::string& shapes) {
  std::map<std::string, std::vector<int64_t>> parsed;
  for (const std::string& item : split_list(shapes)) {
    const auto [name, dims] = split_pair(item);
    std::vector<int64_t>& list = parsed[name];
    for (const char* at = dims.c_str(); *at;) {
      char* end = nullptr;
      list.push_back(std::strtoll(at, &end, 10));
      at = *end == 'x' ? end + 1 : end;
    }
  }
  return parsed;
}

std::vector<int64_t> dims_of(const sinter_engine* engine, const sinter_io_info& info, const std::map<std::string, std::vector<int64_t>>& shapes, size_t profile) {
  if (const auto given = shapes.find(info.name); given != shapes.end()) return given->second;
  std::vector<int64_t> dims;
  for (int32_t axis = 0; axis < info.rank; ++axis) {
    int64_t low = 1, best = info.dims[axis], high = 1;
    if (best < 0 && sinter_engine_optimization_profile_range(engine, profile, info.dim_names[axis], &low, &best, &high) != SINTER_OK) best = 1;
    dims.push_back(best);
  }
  return dims;
}

// Raw little-endian elements; .npy files say their own type and shape.
Array read_input(const std::string& name, const std::string& file, const sinter_io_info& info, const std::vector<int64_t>& dims) {
  sinter_array* array = nullptr;
  const bool typed = file.size() > 4 && file.compare(file.size() - 4, 4, ".npy") == 0;
  if (!typed) {
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    if (!in) throw Error{"Cannot open file " + file + "!"};
    int64_t count = 1;
    for (const int64_t dim : dims) count *= dim;
    const size_t expected = sinter_dtype_bytes(info.dtype, count);
    const auto found = static_cast<size_t>(in.tellg());
    if (found != expected) {
      throw Error{"Unexpected file size for input file: " + file + ". Note: Expected: " + std::to_string(expected) + " bytes for input '" + name + "' but found " + std::to_string(found)};
    }
    std::vector<char> bytes(found);
    in.seekg(0);
    in.read(bytes.data(), static_cast<std::streamsize>(found));
    require(sinter_array_random(0, info.dtype, dims.data(), static_cast<int32_t>(dims.size()), &array));
    Array holder(array);
    sinter_tensor tensor;
    require(sinter_array_tensor(array, &tensor));
    std::memcpy(const_cast<void*>(tensor.data), bytes.data(), found);
    return holder;
  }
  require(sinter_array_read(file.c_str(), info.dtype, dims.data(), info.rank, &array));
  return Array(array);
}

}  // namespace

Lane::Lane(const sinter_engine* engine, const Options& options, const std::string& shapes, int threads)
    : engine_(engine), transfers_(options.transfers), on_device_(std::strncmp(sinter_engine_device(engine), "cuda", 4) == 0) {
  sinter_context_options how;
  sinter_context_options_init(&how);
  how.threads = threads;
  how.optimization_profile = options.use_profile;
  sinter_context* context = nullptr;
  require(sinter_context_create(engine, &how, &context));
  context_.reset(context);
  set_inputs(options, shapes);
  if (on_device_) place_on_device();
}

void Lane::set_inputs(const Options& options, const std::string& shapes_text) {
  const auto shapes = parse_dims(shapes_text);
  for (size_t i = 0; i < sinter_engine_input_count(engine_); ++i) {
    sinter_io_info info;
    require(sinter_engine_input_info(engine_, i, &info));
    const std::vector<int64_t> dims = dims_of(engine_, info, shapes, static_cast<size_t>(options.use_profile));
    const auto file = std::find_if(options.load_inputs.begin(), options.load_inputs.end(), [&](const auto& entry) { return matches(entry.first, info.name); });
    if (file != options.load_inputs.end()) {
      arrays_.push_back(read_input(info.name, file->second, info, dims));
    } else {
      sinter_array* array = nullptr;
      require(sinter_array_random(i, info.dtype, dims.data(), static_cast<int32_t>(dims.size()), &array));
      arrays_.emplace_back(array);
    }
    const sinter_tensor tensor = input(i);
    require(sinter_context_set_input(context_.get(), i, tensor.dtype, tensor.dims, tensor.rank, tensor.data));
  }
}

sinter_tensor Lane::input(size_t index) const {
  sinter_tensor tensor;
  require(sinter_array_tensor(arrays_[index].get(), &tensor));
  return tensor;
}

// Outputs whose shape depends on data stay the context's; then whole runs with host memory are measured, as computing.
void Lane::place_on_device() {
  const size_t count = sinter_engine_output_count(engine_);
  require(sinter_context_prepare(context_.get()));
  std::vector<std::vector<int64_t>> dims(count);
  for (size_t i = 0; i < count; ++i) {
    int64_t sizes[64] = {};
    int32_t rank = 0;
    if (sinter_context_output_shape(context_.get(), i, sizes, 64, &rank) != SINTER_OK) {
      on_device_ = false;
      return;
    }
    dims[i].assign(sizes, sizes + rank);
  }
  const auto allocate = [&](size_t bytes) {
    void* memory = nullptr;
    require(sinter_device_allocate(engine_, bytes, &memory));
    memory_.emplace_back(memory, DeviceFree{engine_});
    return memory;
  };
  for (size_t i = 0; i < arrays_.size(); ++i) {
    const sinter_tensor tensor = input(i);
    device_inputs_.push_back(allocate(tensor.bytes));
    require(sinter_device_write(engine_, device_inputs_.back(), tensor.data, tensor.bytes));
    require(sinter_context_set_input_device(context_.get(), i, tensor.dtype, tensor.dims, tensor.rank, device_inputs_.back()));
  }
  for (size_t i = 0; i < count; ++i) {
    sinter_io_info info;
    require(sinter_engine_output_info(engine_, i, &info));
    int64_t elements = 1;
    for (const int64_t dim : dims[i]) elements *= dim;
    Buffer buffer;
    buffer.host.resize(sinter_dtype_bytes(info.dtype, elements));
    buffer.device = allocate(buffer.host.size());
    require(sinter_context_set_output_device(context_.get(), i, buffer.device, buffer.host.size()));
    outputs_.push_back(std::move(buffer));
  }
  output_dims_ = std::move(dims);
}

Query Lane::run(double (*now)()) {
  Query query;
  query.in_begin = query.in_end = now();
  if (on_device_ && transfers_) {
    for (size_t i = 0; i < device_inputs_.size(); ++i) {
      const sinter_tensor tensor = input(i);
      require(sinter_device_write(engine_, device_inputs_[i], tensor.data, tensor.bytes));
    }
    query.in_end = now();
  }
  query.compute_begin = query.enqueue_begin = query.enqueue_end = query.in_end;
  require(sinter_context_execute(context_.get()));
  query.compute_end = query.out_begin = query.out_end = now();
  if (on_device_ && transfers_) {
    for (Buffer& buffer : outputs_) require(sinter_device_read(engine_, buffer.host.data(), buffer.device, buffer.host.size()));
    query.out_end = now();
  }
  return query;
}

sinter_tensor Lane::output(size_t index) {
  sinter_tensor tensor{};
  if (!on_device_) {
    require(sinter_context_output(context_.get(), index, &tensor));
    return tensor;
  }
  Buffer& buffer = outputs_[index];
  require(sinter_device_read(engine_, buffer.host.data(), buffer.device, buffer.host.size()));
  sinter_io_info info;
  require(sinter_engine_output_info(engine_, index, &info));
  int64_t count = 1;
  for (const int64_t dim : output_dims_[index]) count *= dim;
  return {info.dtype, static_cast<int32_t>(output_dims_[index].size()), output_dims_[index].data(), buffer.host.data(), buffer.host.size(), count};
}

Inference::Inference(sinter_engine* engine, const Options& options, const std::string& shapes, const Log& log) : engine_(engine), options_(options) {
  const bool on_device = std::strncmp(sinter_engine_device(engine), "cuda", 4) == 0;
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const int threads = on_device || options.streams == 1 ? 0 : std::max(1, cores / options.streams);
  for (int i = 0; i < options.streams; ++i) {
    lanes_.push_back(std::make_unique<Lane>(engine, options, shapes, threads));
    const double mib = static_cast<double>(on_device ? sinter_context_device_bytes(lanes_.back()->context()) : sinter_context_arena_bytes(lanes_.back()->context())) / (1 << 20);
    log.info("Created execution context with device memory size: " + number(mib) + " MiB");
  }
  for (size_t i = 0; i < sinter_engine_input_count(engine); ++i) {
    sinter_io_info info;
    require(sinter_engine_input_info(engine, i, &info));
    const sinter_tensor tensor = lane().input(i);
    const auto file = std::find_if(options.load_inputs.begin(), options.load_inputs.end(), [&](const auto& entry) { return matches(entry.first, info.name); });
    log.info(file == options.load_inputs.end() ? "Using random values for input " + std::string(info.name) : "Using values loaded from " + file->second + " for input " + info.name);
    log.info("Input binding for " + std::string(info.name) + " with dimensions " + dims_text(tensor.dims, tensor.rank) + " is created.");
  }
}

Trace Inference::run() {
  run_begin = Clock::now();
  std::mutex mutex;
  Trace trace;
  std::string failure;
  std::atomic<long> measured{0};
  std::atomic<bool> stop{false};
  const double wanted_ms = options_.duration_s < 0 ? 1e300 : options_.duration_s * 1000;
  const auto work = [&](Lane& lane) {
    std::vector<Query> queries;
    long warm_up = 0;
    double begin = -1;
    try {
      do {
        const Query query = lane.run(now_ms);
        if (query.compute_begin < options_.warm_up_ms) {
          ++warm_up;
        } else {
          if (begin < 0) begin = query.in_begin;
          queries.push_back(query);
          const long total = ++measured;
          if (total >= options_.iterations && query.out_end - begin >= wanted_ms) stop = true;
        }
        if (options_.idle_ms > 0) std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(options_.idle_ms));
      } while (!stop);
    } catch (const Failure& error) {
      const std::lock_guard lock(mutex);
      failure = error.message;
      stop = true;
    }
    const std::lock_guard lock(mutex);
    trace.warm_up_queries += warm_up;
    trace.queries.insert(trace.queries.end(), queries.begin(), queries.end());
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < lanes_.size(); ++i) threads.emplace_back(work, std::ref(*lanes_[i]));
  work(*lanes_.front());
  for (std::thread& thread : threads) thread.join();
  if (!failure.empty()) throw Failure{failure};
  std::sort(trace.queries.begin(), trace.queries.end(), [](const Query& a, const Query& b) { return a.in_begin < b.in_begin; });
  trace.warm_up_ms = trace.warm_up_queries > 0 && !trace.queries.empty() ? trace.queries.front().in_begin : 0;
  return trace;
}

std::string Inference::profile(long runs) {
  require(sinter_context_set_profile(lane().context(), 1));
  for (long i = 0; i < runs; ++i) require(sinter_context_execute(lane().context()));
  char* text = nullptr;
  require(sinter_context_profile_json(lane().context(), &text));
  return Text(text).get();
}

}  // namespace sinter::tool::trtexec
