#include "context.h"

#include <algorithm>

#include <pybind11/stl.h>

namespace sinter::python {

Stream::Stream() {
  sinter_stream* made = nullptr;
  check(sinter_stream_create(&made));
  stream_.reset(made, sinter_stream_free);
}

std::shared_ptr<sinter_stream> Stream::handle() {
  const std::lock_guard lock(mutex_);
  if (!stream_) raise(SINTER_INVALID_ARGUMENT, "the stream is closed; make another one");
  return stream_;
}

void Stream::settle() noexcept {
  std::shared_ptr<sinter_stream> stream;
  {
    const std::lock_guard lock(mutex_);
    stream = stream_;
  }
  if (!stream) return;
  const sinter_status status = sinter_stream_wait(stream.get());
  if (status == SINTER_OK) return;
  const std::lock_guard lock(mutex_);
  if (failed_ != SINTER_OK) return;
  failed_ = status;
  try {
    failure_ = sinter_last_error();
  } catch (...) {
    failure_.clear();
  }
}

void Stream::wait() {
  handle();
  sinter_status status = SINTER_OK;
  std::string text;
  {
    const py::gil_scoped_release unlocked;
    settle();
    const std::lock_guard lock(mutex_);
    status = std::exchange(failed_, SINTER_OK);
    text = failure_;
  }
  if (status != SINTER_OK) raise(status, text);
}

void Stream::close() {
  const py::gil_scoped_release unlocked;
  settle();
  const std::lock_guard lock(mutex_);
  stream_ = nullptr;
}

// One call: the context alone, open, and with no run of it under way.
class Context::Use {
 public:
  explicit Use(Context& context) : lock_(context.mutex_, std::try_to_lock) {
    if (!lock_.owns_lock()) {
      const py::gil_scoped_release unlocked;
      lock_.lock();
    }
    if (!context.context_) raise(SINTER_INVALID_ARGUMENT, "the context is closed; make another one");
    if (context.stream_) context.settle();
  }

 private:
  std::unique_lock<std::mutex> lock_;
};

void Context::settle() {
  {
    const py::gil_scoped_release unlocked;
    stream_->settle();
  }
  stream_ = nullptr;
}

Context::Context(const std::shared_ptr<Engine>& engine, const ContextSettings& settings) : engine_(engine->handle()) {
  sinter_context_options options;
  sinter_context_options_init(&options);
  options.threads = settings.threads;
  options.max_shapes = settings.max_shapes;
  options.profile = settings.profile ? 1 : 0;
  options.optimization_profile = settings.optimization_profile;
  check_unlocked([&] { return sinter_context_create(engine_->engine, &options, &context_); });
  inputs_.resize(engine_->inputs.size());
  outputs_.resize(engine_->outputs.size());
}

Context::~Context() {
  if (stream_) settle();
  const py::gil_scoped_release unlocked;
  sinter_context_free(context_);
}

void Context::close() {
  if (!context_) return;
  const Use use(*this);
  const py::gil_scoped_release unlocked;
  sinter_context_free(std::exchange(context_, nullptr));
}

// ---- inputs ----

void Context::give(size_t index, Given given) {
  const Io& io = engine_->inputs[index];
  Input& input = inputs_[index];
  check(sinter_context_set_input(context_, index, io.dtype, given.dims.data(), static_cast<int32_t>(given.dims.size()), given.data));
  if (!input.set || input.dims != given.dims) shapes_known_ = false;
  input.keep = std::move(given.keep);
  input.strings = std::move(given.strings);
  input.data = given.data;
  input.dims = std::move(given.dims);
  input.set = true;
}

// An array that can be used as it is, of the shape that was set last: no allocation. false: the long way.
bool Context::give_quickly(size_t index, PyObject* value) {
  const Io& io = engine_->inputs[index];
  Input& input = inputs_[index];
  if (!io.array_type || io.dtype == SINTER_STRING || !input.set || !py::isinstance<py::array>(value)) return false;
  const auto* array = py::detail::array_proxy(value);
  constexpr int kNeeded = int{py::array::c_style} | int{py::detail::npy_api::NPY_ARRAY_ALIGNED_};
  if (array->descr != io.array_type.ptr() || (array->flags & kNeeded) != kNeeded || is_packed(io.dtype)) return false;
  if (static_cast<size_t>(array->nd) != input.dims.size() || !std::equal(input.dims.begin(), input.dims.end(), array->dimensions)) return false;
  if (array->data != input.data) {
    check(sinter_context_set_input(context_, index, io.dtype, input.dims.data(), array->nd, array->data));
    input.data = array->data;
  }
  if (input.keep.ptr() != value) input.keep = py::reinterpret_borrow<py::object>(value);
  return true;
}

void Context::give_value(size_t index, py::handle value) {
  if (give_quickly(index, value.ptr())) return;
  const Io& io = engine_->inputs[index];
  const std::string what = "input '" + io.name + "'";
  Input& input = inputs_[index];
  if (io.kind == SINTER_TENSOR) {
    const bool foreign = !py::isinstance<py::array>(value) && !engine_->on_cpu && py::hasattr(value, "__dlpack__");
    if (!foreign) return give(index, to_tensor(value, io.dtype, what));
    const py::object capsule = value.attr("__dlpack__")();
    auto* tensor = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), "dltensor"));
    if (!tensor) throw py::error_already_set();
    check_unlocked([&] { return sinter_context_set_input_dlpack(context_, index, tensor); });
    PyCapsule_SetName(capsule.ptr(), "used_dltensor");
    input = Input{};
    shapes_known_ = false;
    return;
  }
  shapes_known_ = false;
  input = Input{};
  if (value.is_none()) return check(sinter_context_set_input_sequence(context_, index, nullptr, -1));
  // A sequence, or the one value of an optional.
  py::list items;
  if (PyList_Check(value.ptr()) || PyTuple_Check(value.ptr())) items = py::list(py::reinterpret_borrow<py::object>(value));
  else items.append(value);
  std::vector<Given> given;
  std::vector<sinter_tensor> tensors;
  for (const py::handle item : items) {
    sinter_dtype dtype = SINTER_UNDEFINED;
    given.push_back(to_tensor(item, SINTER_UNDEFINED, what, &dtype));
    tensors.push_back({dtype, static_cast<int32_t>(given.back().dims.size()), nullptr, nullptr, 0, 0});
  }
  for (size_t i = 0; i < given.size(); ++i) {
    tensors[i].dims = given[i].dims.data();
    tensors[i].data = given[i].strings.empty() ? given[i].data : given[i].strings.data();
  }
  check(sinter_context_set_input_sequence(context_, index, tensors.data(), static_cast<int64_t>(tensors.size())));
}

void Context::set_input(py::handle key, py::handle value) {
  const Use use(*this);
  give_value(index_of(engine_->inputs, key, "input"), value);
}

void Context::set_input_address(py::handle key, py::handle shape, uintptr_t address, bool on_device) {
  const Use use(*this);
  const size_t index = index_of(engine_->inputs, key, "input");
  const Io& io = engine_->inputs[index];
  if (io.dtype == SINTER_STRING || io.kind != SINTER_TENSOR) raise(SINTER_INVALID_ARGUMENT, "input '" + io.name + "' is " + io.type + ", which has no address; use set_input");
  const std::vector<int64_t> dims = to_dims(shape, "input '" + io.name + "'");
  const auto* data = reinterpret_cast<const void*>(address);
  const auto rank = static_cast<int32_t>(dims.size());
  if (on_device) check(sinter_context_set_input_device(context_, index, io.dtype, dims.data(), rank, data));
  else check(sinter_context_set_input(context_, index, io.dtype, dims.data(), rank, data));
  inputs_[index] = Input{};
  inputs_[index].dims = dims;
  shapes_known_ = false;
}

// ---- outputs ----

void Context::set_output(py::handle key, py::handle value) {
  const Use use(*this);
  const size_t index = index_of(engine_->outputs, key, "output");
  const Io& io = engine_->outputs[index];
  Output& output = outputs_[index];
  if (value.is_none()) {
    check(sinter_context_set_output(context_, index, nullptr, 0));
    output.keep = py::object();
    output.given = false;
    return;
  }
  const std::string what = "output '" + io.name + "'";
  if (io.kind != SINTER_TENSOR || io.dtype == SINTER_STRING || is_packed(io.dtype)) raise(SINTER_INVALID_ARGUMENT, what + " is " + io.type + ", which can't be written to an array; read it after the run");
  if (!py::isinstance<py::array>(value)) {
    if (!py::hasattr(value, "__dlpack__")) raise(SINTER_INVALID_ARGUMENT, what + ": found " + std::string(py::str(py::type::of(value).attr("__name__"))) + ", expected a numpy array or a tensor with __dlpack__");
    const py::object capsule = value.attr("__dlpack__")();
    auto* tensor = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), "dltensor"));
    if (!tensor) throw py::error_already_set();
    check_unlocked([&] { return sinter_context_set_output_dlpack(context_, index, tensor); });
    PyCapsule_SetName(capsule.ptr(), "used_dltensor");
    output.keep = py::object();
    output.given = true;
    return;
  }
  py::array array = py::reinterpret_borrow<py::array>(value);
  const Given given = to_tensor(array, io.dtype, what);
  if (given.keep.ptr() != array.ptr() && given.data != array.data()) raise(SINTER_INVALID_ARGUMENT, what + ": found an array that is not dense (strided or misaligned), expected a contiguous one");
  if (!array.writeable()) raise(SINTER_INVALID_ARGUMENT, what + ": found an array that is read-only, expected one that can be written");
  check(sinter_context_set_output(context_, index, array.mutable_data(), static_cast<size_t>(array.nbytes())));
  output.keep = array;
  output.given = true;
}

void Context::set_output_address(py::handle key, uintptr_t address, size_t bytes, bool on_device) {
  const Use use(*this);
  const size_t index = index_of(engine_->outputs, key, "output");
  void* data = reinterpret_cast<void*>(address);
  if (on_device) check(sinter_context_set_output_device(context_, index, data, bytes));
  else check(sinter_context_set_output(context_, index, data, bytes));
  outputs_[index].keep = py::object();
  outputs_[index].given = data != nullptr;
}

void Context::keep_output_on_device(py::handle key, bool keep) {
  const Use use(*this);
  const size_t index = index_of(engine_->outputs, key, "output");
  check(sinter_context_keep_output_on_device(context_, index, keep ? 1 : 0));
  outputs_[index].keep = py::object();
  outputs_[index].given = keep;
}

void Context::prepare(py::handle shapes) {
  const Use use(*this);
  if (!shapes.is_none()) {
    if (!PyDict_Check(shapes.ptr())) raise(SINTER_INVALID_ARGUMENT, "prepare: found " + std::string(py::str(py::type::of(shapes).attr("__name__"))) + ", expected a dict of shapes by input");
    for (const auto& [key, shape] : py::reinterpret_borrow<py::dict>(shapes)) {
      const size_t index = index_of(engine_->inputs, key, "input");
      const std::vector<int64_t> dims = to_dims(shape, "input '" + engine_->inputs[index].name + "'");
      check(sinter_context_set_input(context_, index, engine_->inputs[index].dtype, dims.data(), static_cast<int32_t>(dims.size()), nullptr));
      inputs_[index] = Input{};
      inputs_[index].dims = dims;
    }
  }
  shapes_known_ = false;
  check_unlocked([&] { return sinter_context_prepare(context_); });
}

py::object Context::output_shape(py::handle key) {
  const Use use(*this);
  const size_t index = index_of(engine_->outputs, key, "output");
  int64_t dims[64];
  int32_t rank = 0;
  const sinter_status status = sinter_context_output_shape(context_, index, dims, 64, &rank);
  if (status == SINTER_UNSUPPORTED) return py::none();
  check(status);
  return to_tuple(dims, static_cast<size_t>(rank));
}

// The outputs' shapes for the inputs that are set: infer() makes arrays for those that do not depend on data, and runs write to them.
void Context::learn_shapes() {
  check_unlocked([&] { return sinter_context_prepare(context_); });
  find_output_dims();
  shapes_known_ = fixed_known_ = true;
}

void Context::find_output_dims() {
  for (size_t i = 0; i < outputs_.size(); ++i) {
    Output& output = outputs_[i];
    const Io& io = engine_->outputs[i];
    // Before the first run only what follows from shapes is known; later an old run's shape would be taken for it.
    if (!fixed_known_) output.fixed = io.kind == SINTER_TENSOR && io.dtype != SINTER_STRING && !is_packed(io.dtype);
    if (!output.fixed) continue;
    int64_t dims[64];
    int32_t rank = 0;
    output.fixed = sinter_context_output_shape(context_, i, dims, 64, &rank) == SINTER_OK && rank <= 32;
    if (output.fixed) output.dims.assign(dims, dims + rank);
  }
}

// ---- runs ----

void Context::execute() {
  const Use use(*this);
  if (!fixed_known_) learn_shapes();
  check_unlocked([&] { return sinter_context_execute(context_); });
}

void Context::enqueue(const std::shared_ptr<Stream>& stream) {
  if (!stream) raise(SINTER_INVALID_ARGUMENT, "enqueue: found None, expected a Stream");
  const Use use(*this);
  if (!fixed_known_) learn_shapes();
  check(sinter_context_enqueue(context_, stream->handle().get()));
  stream_ = stream;
}

void Context::enqueue_cuda(uintptr_t stream) {
  const Use use(*this);
  check_unlocked([&] { return sinter_context_enqueue_cuda(context_, reinterpret_cast<void*>(stream)); });
}

py::object Context::read(size_t index) {
  const Io& io = engine_->outputs[index];
  size_t length = 0;
  check(sinter_context_output_length(context_, index, &length));
  sinter_tensor tensor;
  if (io.kind != SINTER_SEQUENCE) {
    if (length == 0) {
      if (io.kind == SINTER_OPTIONAL) return py::none();
      raise(SINTER_INVALID_ARGUMENT, "output '" + io.name + "' has no value: the context was not run");
    }
    check(sinter_context_output(context_, index, &tensor));
    return from_tensor(tensor);
  }
  py::list items;
  for (size_t i = 0; i < length; ++i) {
    check(sinter_context_output_element(context_, index, i, &tensor));
    items.append(from_tensor(tensor));
  }
  return items;
}

py::object Context::output(py::handle key) {
  const Use use(*this);
  const size_t index = index_of(engine_->outputs, key, "output");
  if (!engine_->on_cpu && outputs_[index].given && !outputs_[index].keep) {
    raise(SINTER_INVALID_ARGUMENT, "output '" + engine_->outputs[index].name + "' is in device memory; take it with output_dlpack");
  }
  return read(index);
}

py::capsule Context::output_dlpack(py::handle key) {
  const Use use(*this);
  const size_t index = index_of(engine_->outputs, key, "output");
  DLManagedTensor* tensor = nullptr;
  check_unlocked([&] { return sinter_context_output_dlpack(context_, index, &tensor); });
  return py::capsule(tensor, "dltensor", [](PyObject* capsule) {
    // Whoever takes the tensor renames the capsule. The struct begins with 48 bytes of tensor, its owner and its deleter (dlpack.h).
    if (!PyCapsule_IsValid(capsule, "dltensor")) return;
    struct Managed {
      char tensor[48];
      void* owner;
      void (*deleter)(void*);
    };
    auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, "dltensor"));
    if (managed->deleter) managed->deleter(managed);
  });
}

// The arrays of one infer() are its caller's: no later run writes to them.
struct Context::Release {
  Context& context;
  ~Release() {
    for (size_t i = 0; i < context.outputs_.size(); ++i) {
      Output& output = context.outputs_[i];
      if (!output.fixed) continue;
      sinter_context_set_output(context.context_, i, nullptr, 0);
      output.keep = py::object();
      output.given = false;
    }
  }
};

py::dict Context::infer(py::handle inputs, py::handle outputs) {
  const Use use(*this);
  if (!PyDict_Check(inputs.ptr())) {
    // One input needs no name.
    if (engine_->inputs.size() != 1) raise(SINTER_INVALID_ARGUMENT, "infer: found " + std::string(py::str(py::type::of(inputs).attr("__name__"))) + ", expected a dict of arrays by input");
    give_value(0, inputs);
  } else {
    size_t found = 0;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      PyObject* value = PyDict_GetItemWithError(inputs.ptr(), engine_->inputs[i].key.ptr());
      if (!value && PyErr_Occurred()) throw py::error_already_set();
      if (value) {
        ++found;
        give_value(i, value);
      } else if (engine_->inputs[i].kind == SINTER_OPTIONAL) {
        give_value(i, py::none());
      } else {
        raise(SINTER_INVALID_ARGUMENT, "infer: input '" + engine_->inputs[i].name + "' (" + engine_->inputs[i].type + ") is missing; give it");
      }
    }
    if (static_cast<size_t>(PyDict_GET_SIZE(inputs.ptr())) != found) {
      for (const auto& item : py::reinterpret_borrow<py::dict>(inputs)) index_of(engine_->inputs, item.first, "input");
    }
  }
  if (!outputs.is_none() && !PyDict_Check(outputs.ptr())) raise(SINTER_INVALID_ARGUMENT, "infer: outputs must be a dict of arrays by output");
  if (!shapes_known_) learn_shapes();
  py::dict result;
  const Release release{*this};
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const Io& io = engine_->outputs[i];
    Output& output = outputs_[i];
    if (!output.fixed) {
      check(sinter_context_set_output(context_, i, nullptr, 0));
      output.given = false;
      output.keep = py::object();
      continue;
    }
    PyObject* given = outputs.is_none() ? nullptr : PyDict_GetItemWithError(outputs.ptr(), io.key.ptr());
    py::array array;
    if (given) {
      array = py::isinstance<py::array>(given) ? py::reinterpret_borrow<py::array>(given) : py::array();
      const bool fits = py::isinstance<py::array>(given) && array.dtype().is(io.array_type) && (array.flags() & py::array::c_style) && array.writeable() &&
                        static_cast<size_t>(array.ndim()) == output.dims.size() && std::equal(output.dims.begin(), output.dims.end(), array.shape());
      if (!fits) {
        raise(SINTER_INVALID_ARGUMENT, "infer: outputs['" + io.name + "']: expected a writable dense array of " + std::string(py::str(io.array_type)) +
                                           dims_text(std::vector<int64_t>(output.dims.begin(), output.dims.end())));
      }
    } else {
      array = py::array(py::reinterpret_borrow<py::dtype>(io.array_type), output.dims);
    }
    check(sinter_context_set_output(context_, i, array.mutable_data(), static_cast<size_t>(array.nbytes())));
    output.keep = array;
    output.given = true;
    if (PyDict_SetItem(result.ptr(), io.key.ptr(), array.ptr()) != 0) throw py::error_already_set();
  }
  check_unlocked([&] { return sinter_context_execute(context_); });
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (!outputs_[i].fixed) result[engine_->outputs[i].key] = read(i);
  }
  return result;
}

// ---- facts ----

void Context::set_profile(bool enabled) {
  const Use use(*this);
  check(sinter_context_set_profile(context_, enabled ? 1 : 0));
}

void Context::set_optimization_profile(size_t profile) {
  const Use use(*this);
  check_unlocked([&] { return sinter_context_set_optimization_profile(context_, profile); });
  shapes_known_ = fixed_known_ = false;
}

size_t Context::optimization_profile() {
  const Use use(*this);
  return sinter_context_optimization_profile(context_);
}

py::str Context::profile_json() {
  const Use use(*this);
  char* text = nullptr;
  check(sinter_context_profile_json(context_, &text));
  return take_text(text);
}

int Context::threads() {
  const Use use(*this);
  return sinter_context_threads(context_);
}

size_t Context::arena_bytes() {
  const Use use(*this);
  return sinter_context_arena_bytes(context_);
}

size_t Context::device_bytes() {
  const Use use(*this);
  return sinter_context_device_bytes(context_);
}

}  // namespace sinter::python
