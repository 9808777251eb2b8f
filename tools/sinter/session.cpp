#include "session.h"

#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace sinter::tool {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

// Engines begin with a magic (perhaps after JSON); an .onnx file never has either. What is neither is left to the importer's message.
bool looks_like_engine(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  char start[8] = {};
  in.read(start, sizeof start);
  return in && (std::memcmp(start, "SINTER", 6) == 0 || start[4] == '{');
}

}  // namespace

void InputFlags::add_to(CLI::App& app) {
  app.add_option("--input", files, "an input's value: NAME=FILE (.npy, .pb or raw .bin); FILE alone for a single input")->take_all();
  app.add_option_function<uint64_t>("--random-inputs", [this](uint64_t value) { seed = value, random = true; },
                                    "seed of random values for the inputs without a file");
}

std::map<std::string, std::vector<int64_t>> parse_shapes(const std::string& text) {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const std::string& item : CLI::detail::split(text, ',')) {
    if (item.empty()) continue;
    const size_t colon = item.rfind(':');
    const std::string name = colon == item.npos ? "" : item.substr(0, colon);
    for (const std::string& dim : CLI::detail::split(item.substr(colon == item.npos ? 0 : colon + 1), 'x')) {
      int64_t value = 0;
      if (!CLI::detail::lexical_cast(dim, value) || value < 0) {
        throw CLI::ValidationError("--shapes: found '" + item + "', expected NAME:1x3x224x224");
      }
      shapes[name].push_back(value);
    }
  }
  return shapes;
}

void Session::load(const std::string& path, BuildFlags& flags) {
  sinter_engine* engine = nullptr;
  if (looks_like_engine(path) || flags.caches()) {
    const auto start = Clock::now();
    require(sinter_load_or_build(path.c_str(), flags.get(), &engine));
    load_ms = ms_since(start);
    struct stat info;
    if (stat(path.c_str(), &info) == 0) engine_bytes = static_cast<uint64_t>(info.st_size);
  } else {
    void* bytes = nullptr;
    size_t size = 0;
    const auto start = Clock::now();
    require(sinter_build_to_memory(path.c_str(), flags.get(), &bytes, &size));
    build_s = ms_since(start) / 1000;
    memory_ = std::shared_ptr<void>(bytes, sinter_free);
    engine_bytes = size;
    return require(load_built(flags.device()));
  }
  engine_.reset(engine);
}

sinter_status Session::load_built(const std::string& device) {
  sinter_load_options options;
  sinter_load_options_init(&options);
  if (device.rfind("cuda:", 0) == 0)
    options.device = static_cast<int32_t>(std::strtol(device.c_str() + 5, nullptr, 10));
  sinter_engine* engine = nullptr;
  const auto start = Clock::now();
  const sinter_status status = sinter_engine_load_memory(memory_.get(), engine_bytes, &options, &engine);
  load_ms = ms_since(start);
  engine_.reset(engine);
  return status;
}

void Session::load_beside(const Session& first, const std::string& path, BuildFlags& flags) {
  if (!first.memory_) return load(path, flags);
  memory_ = first.memory_;
  engine_bytes = first.engine_bytes;
  const sinter_status status = load_built(flags.device());
  if (status == SINTER_TARGET_MISMATCH) return load(path, flags);
  require(status);
}

std::string Session::compiled_code() const {
  char* text = nullptr;
  require(sinter_engine_info_json(engine_.get(), &text));
  const Text owner(text);
  const auto code = nlohmann::json::parse(text).at("code");
  const long long ptx = code.at("from_ptx"), source = code.at("from_text");
  if (ptx + source == 0) return "";
  char line[160];
  std::snprintf(line, sizeof line,
                "%lld kernels compiled from PTX by the driver, %lld from their text by NVRTC, in %.1f ms; the kernel "
                "cache keeps them",
                ptx, source, code.at("compile_ms").get<double>());
  return line;
}

void Session::create_context(int threads, bool profile) {
  sinter_context_options options;
  sinter_context_options_init(&options);
  options.threads = threads;
  options.profile = profile;
  sinter_context* context = nullptr;
  const auto start = Clock::now();
  require(sinter_context_create(engine_.get(), &options, &context));
  load_ms += ms_since(start);
  context_.reset(context);
}

void Session::move_to_device() {
  const auto allocate = [&](size_t bytes) {
    void* memory = nullptr;
    require(sinter_device_allocate(engine_.get(), bytes, &memory));
    device_memory_.emplace_back(memory, DeviceFree{engine_.get()});
    return memory;
  };
  require(sinter_context_prepare(context_.get()));
  for (size_t i = 0; i < arrays_.size(); ++i) {
    sinter_tensor tensor;
    require(sinter_array_tensor(arrays_[i].get(), &tensor));
    void* memory = allocate(tensor.bytes);
    require(sinter_device_write(engine_.get(), memory, tensor.data, tensor.bytes));
    require(sinter_context_set_input_device(context_.get(), i, tensor.dtype, tensor.dims, tensor.rank, memory));
  }
  for (size_t i = 0; i < sinter_engine_output_count(engine_.get()); ++i) {
    sinter_io_info info;
    require(sinter_engine_output_info(engine_.get(), i, &info));
    int64_t dims[64] = {}, count = 1;
    int32_t rank = 0;
    require(sinter_context_output_shape(context_.get(), i, dims, 64, &rank));
    for (int32_t axis = 0; axis < rank; ++axis) count *= dims[axis];
    const size_t bytes = sinter_dtype_bytes(info.dtype, count);
    require(sinter_context_set_output_device(context_.get(), i, allocate(bytes), bytes));
  }
}

sinter_tensor Session::input(size_t index) const {
  sinter_tensor tensor;
  require(sinter_array_tensor(arrays_[index].get(), &tensor));
  return tensor;
}

std::vector<int64_t> Session::dims_of(const sinter_io_info& info, const std::map<std::string, std::vector<int64_t>>& shapes) const {
  auto given = shapes.find(info.name);
  if (given == shapes.end() && sinter_engine_input_count(engine_.get()) == 1) given = shapes.find("");
  if (given != shapes.end()) return given->second;
  std::vector<int64_t> dims;
  for (int32_t axis = 0; axis < info.rank; ++axis) {
    int64_t low = 1, best = info.dims[axis], high = 1;
    if (best < 0 && sinter_engine_symbol_range(engine_.get(), info.dim_names[axis], &low, &best, &high) != SINTER_OK) best = 1;
    dims.push_back(best);
  }
  return dims;
}

void Session::set_inputs(const InputFlags& inputs, const std::string& shapes_text, bool random_by_default) {
  const auto shapes = parse_shapes(shapes_text);
  const size_t count = sinter_engine_input_count(engine_.get());
  std::map<std::string, std::string> files;
  for (const std::string& item : inputs.files) {
    const size_t equals = item.find('=');
    if (equals == item.npos && count != 1) throw CLI::ValidationError("--input: found '" + item + "', expected NAME=FILE (there are several inputs)");
    sinter_io_info first;
    require(sinter_engine_input_info(engine_.get(), 0, &first));
    const std::string name = equals == item.npos ? first.name : item.substr(0, equals);
    size_t index = 0;
    require(sinter_engine_input_index(engine_.get(), name.c_str(), &index));
    files[name] = item.substr(equals == item.npos ? 0 : equals + 1);
  }
  for (size_t i = 0; i < count; ++i) {
    sinter_io_info info;
    require(sinter_engine_input_info(engine_.get(), i, &info));
    const auto file = files.find(info.name);
    const std::vector<int64_t> dims = info.rank >= 0 ? dims_of(info, shapes) : std::vector<int64_t>();
    sinter_array* array = nullptr;
    if (file != files.end()) {
      require(sinter_array_read(file->second.c_str(), info.dtype, dims.data(), info.rank, &array));
    } else if (inputs.random || random_by_default) {
      require(sinter_array_random(inputs.seed + i, info.dtype, dims.data(), static_cast<int32_t>(dims.size()), &array));
    } else {
      throw Failure{std::string("input '") + info.name + "' (" + info.type + ") has no value; give it with --input " + info.name +
                    "=FILE, or all with --random-inputs SEED"};
    }
    arrays_.emplace_back(array);
    sinter_tensor tensor;
    require(sinter_array_tensor(array, &tensor));
    require(sinter_context_set_input(context_.get(), i, tensor.dtype, tensor.dims, tensor.rank, tensor.data));
  }
  choose_profile();
}

// Of several optimization profiles the first that takes the inputs.
void Session::choose_profile() {
  if (sinter_engine_optimization_profile_count(engine_.get()) <= 1) return;
  std::vector<sinter_tensor> tensors(arrays_.size());
  for (size_t i = 0; i < arrays_.size(); ++i) require(sinter_array_tensor(arrays_[i].get(), &tensors[i]));
  size_t profile = 0;
  require(sinter_engine_find_optimization_profile(engine_.get(), tensors.data(), tensors.size(), &profile));
  require(sinter_context_set_optimization_profile(context_.get(), profile));
}

}  // namespace sinter::tool
