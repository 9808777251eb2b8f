// Sinter for C++17: a header-only layer over sinter.h. Failures throw sinter::Error; handles free themselves.
//
//   sinter::Engine engine = sinter::Engine::load("model.engine");
//   sinter::ExecutionContext context(engine);
//   std::vector<float> image(1 * 3 * 224 * 224);
//   context.set_input("input", image.data(), {1, 3, 224, 224});
//   context.execute();
//   sinter::TensorView scores = context.output("scores");
//   const float* first = scores.data<float>();
//
// The rules of sinter.h hold: an Engine may be shared by threads, a context is used by one thread at a time, inputs are the
// caller's memory until the run is over, outputs are valid until the next run.
#ifndef SINTER_SINTER_HPP_
#define SINTER_SINTER_HPP_

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sinter/sinter.h>

namespace sinter {

class Error : public std::runtime_error {
 public:
  Error(sinter_status code, const std::string& text) : std::runtime_error(text), code_(code) {}
  sinter_status code() const { return code_; }

 private:
  sinter_status code_;
};

inline void check(sinter_status status) {
  if (status != SINTER_OK) throw Error(status, sinter_last_error());
}

// The element type of a C++ type. 16-bit floats have no C++17 type: pass sinter_dtype and void* for them.
template <typename T>
struct ElementType;
template <> struct ElementType<float> { static constexpr sinter_dtype value = SINTER_F32; };
template <> struct ElementType<double> { static constexpr sinter_dtype value = SINTER_F64; };
template <> struct ElementType<bool> { static constexpr sinter_dtype value = SINTER_BOOL; };
template <> struct ElementType<int8_t> { static constexpr sinter_dtype value = SINTER_I8; };
template <> struct ElementType<int16_t> { static constexpr sinter_dtype value = SINTER_I16; };
template <> struct ElementType<int32_t> { static constexpr sinter_dtype value = SINTER_I32; };
template <> struct ElementType<int64_t> { static constexpr sinter_dtype value = SINTER_I64; };
template <> struct ElementType<uint8_t> { static constexpr sinter_dtype value = SINTER_U8; };
template <> struct ElementType<uint16_t> { static constexpr sinter_dtype value = SINTER_U16; };
template <> struct ElementType<uint32_t> { static constexpr sinter_dtype value = SINTER_U32; };
template <> struct ElementType<uint64_t> { static constexpr sinter_dtype value = SINTER_U64; };

using Shape = std::vector<int64_t>;

// Somebody else's tensor: dense, row-major.
class TensorView {
 public:
  explicit TensorView(const sinter_tensor& tensor) : tensor_(tensor) {}
  sinter_dtype dtype() const { return tensor_.dtype; }
  Shape shape() const { return Shape(tensor_.dims, tensor_.dims + tensor_.rank); }
  int64_t size() const { return tensor_.count; }  // elements
  size_t bytes() const { return tensor_.bytes; }
  const void* raw() const { return tensor_.data; }
  template <typename T>
  const T* data() const {
    if (ElementType<T>::value != tensor_.dtype) {
      throw Error(SINTER_INVALID_ARGUMENT, std::string("the tensor's elements are ") + sinter_dtype_name(tensor_.dtype) + ", not " +
                                               sinter_dtype_name(ElementType<T>::value));
    }
    return static_cast<const T*>(tensor_.data);
  }
  template <typename T>
  std::vector<T> to_vector() const { return std::vector<T>(data<T>(), data<T>() + size()); }
  const char* string(int64_t index) const { return static_cast<const char* const*>(tensor_.data)[index]; }
  const sinter_tensor& c_tensor() const { return tensor_; }

 private:
  sinter_tensor tensor_;
};

struct IoInfo {
  std::string name, type;  // type "f32[batch,3,224,224]"
  sinter_kind kind = SINTER_TENSOR;
  sinter_dtype dtype = SINTER_UNDEFINED;
  Shape shape;  // -1: dynamic
};

namespace detail {

inline std::string take_text(char* text) {
  const std::unique_ptr<char, void (*)(void*)> owner(text, sinter_free);
  return text;
}

inline IoInfo to_info(const sinter_io_info& info) {
  IoInfo out;
  out.name = info.name;
  out.type = info.type;
  out.kind = info.kind;
  out.dtype = info.dtype;
  if (info.rank > 0) out.shape.assign(info.dims, info.dims + info.rank);
  return out;
}

}  // namespace detail

// Adds the operators of a shared library for this process: sinter_plugin_load.
inline void load_plugin(const std::string& path) { check(sinter_plugin_load(path.c_str())); }

// Immutable; copies share it.
class Engine {
 public:
  explicit Engine(sinter_engine* handle) : handle_(handle, sinter_engine_free) {}  // takes it over
  static Engine load(const std::string& path, sinter_verify verify = SINTER_VERIFY_TARGET) {
    sinter_load_options options;
    sinter_load_options_init(&options);
    options.verify = verify;
    return load(path, options);
  }
  static Engine load(const std::string& path, const sinter_load_options& options) {
    sinter_engine* handle = nullptr;
    check(sinter_engine_load(path.c_str(), &options, &handle));
    return Engine(handle);
  }
  // The bytes must outlive the engine and its contexts.
  static Engine from_memory(const void* data, size_t bytes) {
    sinter_engine* handle = nullptr;
    check(sinter_engine_load_memory(data, bytes, nullptr, &handle));
    return Engine(handle);
  }

  size_t input_count() const { return sinter_engine_input_count(handle()); }
  size_t output_count() const { return sinter_engine_output_count(handle()); }
  IoInfo input(size_t index) const {
    sinter_io_info info;
    check(sinter_engine_input_info(handle(), index, &info));
    return detail::to_info(info);
  }
  IoInfo output(size_t index) const {
    sinter_io_info info;
    check(sinter_engine_output_info(handle(), index, &info));
    return detail::to_info(info);
  }
  size_t input_index(const std::string& name) const {
    size_t index = 0;
    check(sinter_engine_input_index(handle(), name.c_str(), &index));
    return index;
  }
  size_t output_index(const std::string& name) const {
    size_t index = 0;
    check(sinter_engine_output_index(handle(), name.c_str(), &index));
    return index;
  }
  std::string info_json() const {
    char* text = nullptr;
    check(sinter_engine_info_json(handle(), &text));
    return detail::take_text(text);
  }
  // Optimization profiles: see sinter.h. The range of a symbol in one; false: any size goes.
  size_t optimization_profile_count() const { return sinter_engine_optimization_profile_count(handle()); }
  bool optimization_profile_range(size_t profile, const std::string& symbol, int64_t& min, int64_t& opt, int64_t& max) const {
    const sinter_status status = sinter_engine_optimization_profile_range(handle(), profile, symbol.c_str(), &min, &opt, &max);
    if (status != SINTER_NOT_FOUND) check(status);
    return status == SINTER_OK;
  }
  // The first that takes inputs of these shapes.
  size_t find_optimization_profile(const std::vector<Shape>& shapes) const {
    std::vector<sinter_tensor> inputs(shapes.size());
    for (size_t i = 0; i < shapes.size(); ++i) inputs[i] = {SINTER_UNDEFINED, static_cast<int32_t>(shapes[i].size()), shapes[i].data(), nullptr, 0, 0};
    size_t profile = 0;
    check(sinter_engine_find_optimization_profile(handle(), inputs.data(), inputs.size(), &profile));
    return profile;
  }
  // GPU memory that a context takes for activations and scratch, at the model's own shapes, dynamic dims at their largest.
  size_t arena_bytes() const {
    size_t bytes = 0;
    check(sinter_engine_arena_bytes(handle(), nullptr, 0, &bytes));
    return bytes;
  }
  const sinter_engine* handle() const { return handle_.get(); }

 private:
  std::shared_ptr<sinter_engine> handle_;
};

// GPU memory for activations and scratch that contexts share; they keep it alive.
class Arena {
 public:
  // device_data nullptr: it grows; else it lies in that memory of the caller.
  explicit Arena(const Engine& engine, void* device_data = nullptr, size_t bytes = 0) : handle_(make(engine, device_data, bytes), sinter_arena_free) {}
  sinter_arena* handle() const { return handle_.get(); }

 private:
  static sinter_arena* make(const Engine& engine, void* device_data, size_t bytes) {
    sinter_arena* handle = nullptr;
    check(sinter_arena_create(engine.handle(), device_data, bytes, &handle));
    return handle;
  }
  std::unique_ptr<sinter_arena, void (*)(sinter_arena*)> handle_;
};

// An in-order queue of runs.
class Stream {
 public:
  Stream() : handle_(make(), sinter_stream_free) {}
  void wait() { check(sinter_stream_wait(handle_.get())); }
  sinter_stream* handle() { return handle_.get(); }

 private:
  static sinter_stream* make() {
    sinter_stream* handle = nullptr;
    check(sinter_stream_create(&handle));
    return handle;
  }
  std::unique_ptr<sinter_stream, void (*)(sinter_stream*)> handle_;
};

class ExecutionContext {
 public:
  // threads 0: all cores this process may use.
  explicit ExecutionContext(const Engine& engine, int threads = 0, bool profile = false)
      : engine_(engine), handle_(make(engine, threads, profile), sinter_context_free) {}
  ExecutionContext(const Engine& engine, const Arena& arena) : engine_(engine), handle_(make(engine, 0, false, &arena), sinter_context_free) {}
  const Engine& engine() const { return engine_; }
  // Another of the engine's optimization profiles, when no run is under way.
  void set_optimization_profile(size_t profile) { check(sinter_context_set_optimization_profile(handle(), profile)); }
  size_t optimization_profile() const { return sinter_context_optimization_profile(handle()); }

  void set_input(size_t index, sinter_dtype dtype, const void* data, const Shape& shape) {
    check(sinter_context_set_input(handle(), index, dtype, shape.data(), static_cast<int32_t>(shape.size()), data));
  }
  template <typename T>
  void set_input(size_t index, const T* data, const Shape& shape) {
    set_input(index, ElementType<T>::value, data, shape);
  }
  template <typename T>
  void set_input(const std::string& name, const T* data, const Shape& shape) {
    set_input(engine_.input_index(name), ElementType<T>::value, data, shape);
  }
  void set_input(const std::string& name, sinter_dtype dtype, const void* data, const Shape& shape) {
    set_input(engine_.input_index(name), dtype, data, shape);
  }
  // The memory must stay until the run is over.
  void set_input(const std::string& name, const TensorView& tensor) { set_input(name, tensor.dtype(), tensor.raw(), tensor.shape()); }
  // Where an output is written; nullptr: the context's own memory.
  void set_output(size_t index, void* data, size_t bytes) { check(sinter_context_set_output(handle(), index, data, bytes)); }
  void set_output(const std::string& name, void* data, size_t bytes) { set_output(engine_.output_index(name), data, bytes); }

  // Memory for an output, asked for in every run when its shape is known; nullptr refuses. See sinter_context_set_output_allocator.
  using Allocator = std::function<void*(const Shape& shape, size_t bytes)>;
  void set_output_allocator(size_t index, Allocator allocate) {
    auto kept = std::make_unique<Allocator>(std::move(allocate));
    const sinter_allocate_fn call = [](void* user, size_t, const int64_t* dims, int32_t rank, size_t bytes, size_t) -> void* {
      try {
        return (*static_cast<Allocator*>(user))(Shape(dims, dims + rank), bytes);
      } catch (...) {
        return nullptr;
      }
    };
    check(sinter_context_set_output_allocator(handle(), index, *kept ? call : nullptr, kept.get(), 0));
    if (allocators_.size() <= index) allocators_.resize(index + 1);
    allocators_[index] = std::move(kept);
  }

  // Engines for CUDA: the same in GPU memory, and runs on a CUDA stream of the caller (nullptr: the context's own).
  void set_input_device(size_t index, sinter_dtype dtype, const void* device_data, const Shape& shape) {
    check(sinter_context_set_input_device(handle(), index, dtype, shape.data(), static_cast<int32_t>(shape.size()), device_data));
  }
  void set_output_device(size_t index, void* device_data, size_t bytes) { check(sinter_context_set_output_device(handle(), index, device_data, bytes)); }
  void keep_output_on_device(size_t index, bool keep = true) { check(sinter_context_keep_output_on_device(handle(), index, keep)); }
  void enqueue_cuda(void* cuda_stream) { check(sinter_context_enqueue_cuda(handle(), cuda_stream)); }
  // DLPack (see sinter.h): an import that does not throw owns the tensor; an export is the caller's, who ends it with its deleter.
  void set_input_dlpack(size_t index, DLManagedTensor* tensor) { check(sinter_context_set_input_dlpack(handle(), index, tensor)); }
  void set_output_dlpack(size_t index, DLManagedTensor* tensor) { check(sinter_context_set_output_dlpack(handle(), index, tensor)); }
  DLManagedTensor* output_dlpack(size_t index) {
    DLManagedTensor* tensor = nullptr;
    check(sinter_context_output_dlpack(handle(), index, &tensor));
    return tensor;
  }

  void prepare() { check(sinter_context_prepare(handle())); }
  Shape output_shape(size_t index) const {
    int32_t rank = 0;
    check(sinter_context_output_shape(handle(), index, nullptr, 0, &rank));
    Shape shape(static_cast<size_t>(rank));
    check(sinter_context_output_shape(handle(), index, shape.data(), rank, &rank));
    return shape;
  }

  void execute() { check(sinter_context_execute(handle())); }
  void enqueue(Stream& stream) { check(sinter_context_enqueue(handle(), stream.handle())); }
  // `done` is called once, by the stream's thread, when the run is over; the message is "" where the status is SINTER_OK. See sinter_context_enqueue_notify.
  using Done = std::function<void(sinter_status status, const std::string& message)>;
  void enqueue(Stream& stream, Done done) {
    auto kept = std::make_unique<Done>(std::move(done));
    const sinter_done_fn call = [](void* user, sinter_status status, const char* message) {
      const std::unique_ptr<Done> owner(static_cast<Done*>(user));
      (*owner)(status, message);
    };
    check(sinter_context_enqueue_notify(handle(), stream.handle(), call, kept.get()));
    (void)kept.release();  // the call's
  }
  // From any thread: while set, runs end with SINTER_CANCELLED before their next layer.
  void set_cancelled(bool cancelled) { check(sinter_context_set_cancelled(handle(), cancelled)); }
  TensorView output(size_t index) {
    sinter_tensor tensor;
    check(sinter_context_output(handle(), index, &tensor));
    return TensorView(tensor);
  }
  TensorView output(const std::string& name) { return output(engine_.output_index(name)); }
  // Elements of a sequence.
  size_t output_length(size_t index) const {
    size_t length = 0;
    check(sinter_context_output_length(handle(), index, &length));
    return length;
  }
  TensorView output_element(size_t index, size_t element) {
    sinter_tensor tensor;
    check(sinter_context_output_element(handle(), index, element, &tensor));
    return TensorView(tensor);
  }

  void set_profile(bool enabled) { check(sinter_context_set_profile(handle(), enabled)); }
  std::string profile_json() const {
    char* text = nullptr;
    check(sinter_context_profile_json(handle(), &text));
    return detail::take_text(text);
  }
  int threads() const { return sinter_context_threads(handle()); }
  size_t arena_bytes() const { return sinter_context_arena_bytes(handle()); }
  sinter_context* handle() const { return handle_.get(); }

 private:
  static sinter_context* make(const Engine& engine, int threads, bool profile, const Arena* arena = nullptr) {
    sinter_context_options options;
    sinter_context_options_init(&options);
    options.threads = threads;
    options.profile = profile;
    options.arena = arena ? arena->handle() : nullptr;
    sinter_context* handle = nullptr;
    check(sinter_context_create(engine.handle(), &options, &handle));
    return handle;
  }
  Engine engine_;
  std::vector<std::unique_ptr<Allocator>> allocators_;  // the context's while they are set
  std::unique_ptr<sinter_context, void (*)(sinter_context*)> handle_;
};

// An input of a batch: memory of the caller, dense and row-major.
struct BatchInput {
  template <typename T>
  BatchInput(const T* values, Shape dims) : BatchInput(ElementType<T>::value, values, std::move(dims)) {}
  BatchInput(sinter_dtype type, const void* values, Shape dims) : dtype(type), data(values), shape(std::move(dims)) {}
  sinter_dtype dtype;
  const void* data;
  Shape shape;
};

// Several GPUs of one machine serve one model; see sinter_group. Thread-safe.
//
//   sinter::DeviceGroup group("model.engine");            // all GPUs; or "cuda:0,2"
//   auto batch = group.submit({{images.data(), {256, 3, 224, 224}}});
//   ...                                                    // submit more, from any thread
//   batch.wait();                                          // throws what went wrong
//   const float* scores = batch.output(0).data<float>();   // in the order of the inputs
class DeviceGroup {
 public:
  class Options : public sinter_group_options {
   public:
    Options() { sinter_group_options_init(this); }
  };

  // A batch that was submitted. Destroying it waits.
  class Batch {
   public:
    explicit Batch(sinter_batch* handle) : handle_(handle, sinter_batch_free) {}  // takes it over
    void wait() { check(sinter_batch_wait(handle_.get())); }
    // Valid as long as the batch.
    TensorView output(size_t index) {
      sinter_tensor tensor;
      check(sinter_batch_output(handle_.get(), index, &tensor));
      return TensorView(tensor);
    }

   private:
    std::unique_ptr<sinter_batch, void (*)(sinter_batch*)> handle_;
  };

  explicit DeviceGroup(const std::string& engine_path, const std::string& devices = "cuda:all",
                       const Options& options = Options(), const sinter_load_options* load = nullptr)
      : handle_(nullptr, sinter_group_free) {
    sinter_group* handle = nullptr;
    check(sinter_group_load(engine_path.c_str(), devices.c_str(), load, &options, &handle));
    handle_.reset(handle);
  }
  // Engines of one model, each loaded for a GPU of its own.
  explicit DeviceGroup(const std::vector<Engine>& engines, const Options& options = Options())
      : handle_(nullptr, sinter_group_free) {
    std::vector<const sinter_engine*> handles;
    for (const Engine& engine : engines) handles.push_back(engine.handle());
    sinter_group* handle = nullptr;
    check(sinter_group_create(handles.data(), handles.size(), &options, &handle));
    handle_.reset(handle);
  }
  // One input each, in the engine's order; their memory must stay until the batch is over.
  Batch submit(const std::vector<BatchInput>& inputs) {
    std::vector<sinter_tensor> tensors;
    for (const BatchInput& input : inputs)
      tensors.push_back({input.dtype, static_cast<int32_t>(input.shape.size()), input.shape.data(), input.data, 0, 0});
    sinter_batch* batch = nullptr;
    check(sinter_group_submit(handle_.get(), tensors.data(), tensors.size(), &batch));
    return Batch(batch);
  }
  std::string json() const {
    char* text = nullptr;
    check(sinter_group_json(handle_.get(), &text));
    return detail::take_text(text);
  }
  sinter_group* handle() const { return handle_.get(); }

 private:
  std::unique_ptr<sinter_group, void (*)(sinter_group*)> handle_;
};

// Building (libsinter only): inline, so that a program that does not call these can link libsinter_rt.
class BuildOptions : public sinter_build_options {
 public:
  BuildOptions() { sinter_build_options_init(this); }

  // One more optimization profile: see sinter_optimization_profile; "" leaves an end out.
  void add_optimization_profile(const std::string& min, const std::string& opt, const std::string& max) {
    texts_.push_back(std::make_shared<std::array<std::string, 3>>(std::array<std::string, 3>{min, opt, max}));
    profiles_ = std::make_shared<std::vector<sinter_optimization_profile>>();  // copies of the options keep theirs
    const auto or_null = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
    for (const auto& profile : texts_) profiles_->push_back({or_null((*profile)[0]), or_null((*profile)[1]), or_null((*profile)[2])});
    optimization_profiles = profiles_->data();
    optimization_profile_count = profiles_->size();
  }

  // Samples that int8 is calibrated with: `next` sets one tensor an input, whose memory stays until its next call, and returns true; false: there are no
  // more. An exception ends the build with an error. Copies of the options share the function.
  using Samples = std::function<bool(std::vector<sinter_tensor>& inputs)>;
  void calibrate_with(Samples next) {
    samples_ = std::make_shared<Samples>(std::move(next));
    calib_samples_user = samples_.get();
    calib_samples = [](void* user, sinter_tensor* inputs, size_t count) -> int {
      try {
        std::vector<sinter_tensor> tensors(inputs, inputs + count);
        if (!(*static_cast<Samples*>(user))(tensors) || tensors.size() != count) return tensors.size() == count ? 0 : -1;
        std::copy(tensors.begin(), tensors.end(), inputs);
        return 1;
      } catch (...) {
        return -1;
      }
    };
  }

 private:
  std::shared_ptr<Samples> samples_;
  std::vector<std::shared_ptr<std::array<std::string, 3>>> texts_;
  std::shared_ptr<std::vector<sinter_optimization_profile>> profiles_;
};

inline void build(const std::string& model, const std::string& engine_path, const BuildOptions& options = BuildOptions()) {
  check(sinter_build(model.c_str(), &options, engine_path.c_str()));
}

// Builds a model, or loads an engine, whichever `path` is.
inline Engine load_or_build(const std::string& path, const BuildOptions& options = BuildOptions()) {
  sinter_engine* handle = nullptr;
  check(sinter_load_or_build(path.c_str(), &options, &handle));
  return Engine(handle);
}

// A tensor that was read from a file (libsinter only).
class Array {
 public:
  // .npy, .pb, or raw bytes, which need a dtype and a shape.
  static Array read(const std::string& path, sinter_dtype dtype = SINTER_UNDEFINED, const Shape* shape = nullptr) {
    sinter_array* handle = nullptr;
    check(sinter_array_read(path.c_str(), dtype, shape ? shape->data() : nullptr, shape ? static_cast<int32_t>(shape->size()) : -1, &handle));
    return Array(handle);
  }
  // A picture as a network takes it: see sinter_array_picture.
  static Array picture(const std::string& path, const std::string& preprocess) {
    sinter_array* handle = nullptr;
    check(sinter_array_picture(path.c_str(), preprocess.c_str(), &handle));
    return Array(handle);
  }
  TensorView view() const {
    sinter_tensor tensor;
    check(sinter_array_tensor(handle_.get(), &tensor));
    return TensorView(tensor);
  }

 private:
  explicit Array(sinter_array* handle) : handle_(handle, sinter_array_free) {}
  std::unique_ptr<sinter_array, void (*)(sinter_array*)> handle_;
};

}  // namespace sinter

#endif  // SINTER_SINTER_HPP_
