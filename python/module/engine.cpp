#include <optional>

#include <pybind11/stl.h>

#include "engine.h"

namespace sinter::python {
namespace {

std::vector<Io> ios_of(const sinter_engine* engine, size_t count, sinter_status (*info_of)(const sinter_engine*, size_t, sinter_io_info*)) {
  std::vector<Io> ios;
  for (size_t i = 0; i < count; ++i) {
    sinter_io_info info;
    check(info_of(engine, i, &info));
    Io io;
    io.name = info.name;
    io.type = info.type;
    io.key = py::reinterpret_steal<py::object>(PyUnicode_InternFromString(info.name));
    if (!io.key) throw py::error_already_set();
    io.kind = info.kind;
    io.dtype = info.dtype;
    io.ranked = info.rank >= 0;
    if (info.rank > 0) io.dims.assign(info.dims, info.dims + info.rank);
    for (int32_t axis = 0; axis < info.rank; ++axis) io.dim_names.emplace_back(info.dim_names[axis]);
    if (info.kind == SINTER_TENSOR) io.array_type = array_type(info.dtype);
    ios.push_back(std::move(io));
  }
  return ios;
}

sinter_load_options options_of(const std::string& verify, int device, const std::optional<std::string>& trust) {
  sinter_load_options options;
  sinter_load_options_init(&options);
  if (verify == "metadata") options.verify = SINTER_VERIFY_METADATA;
  else if (verify == "full") options.verify = SINTER_VERIFY_FULL;
  else if (verify != "target") raise(SINTER_INVALID_ARGUMENT, "load: verify is '" + verify + "', expected 'target', 'metadata' or 'full'");
  options.device = device;
  options.trust = trust ? trust->c_str() : nullptr;
  return options;
}

py::object range_of(const Engine& engine, const std::string& symbol, size_t profile) {
  int64_t least = 0, best = 0, most = 0;
  const sinter_status status = sinter_engine_optimization_profile_range(engine.handle()->engine, profile, symbol.c_str(), &least, &best, &most);
  if (status == SINTER_NOT_FOUND) return py::none();
  check(status);
  return py::make_tuple(least, best, most);
}

size_t find_profile(const Engine& engine, const std::vector<std::vector<int64_t>>& shapes) {
  std::vector<sinter_tensor> inputs;
  for (const std::vector<int64_t>& shape : shapes) inputs.push_back({SINTER_UNDEFINED, static_cast<int32_t>(shape.size()), shape.data(), nullptr, 0, 0});
  size_t profile = 0;
  check(sinter_engine_find_optimization_profile(engine.handle()->engine, inputs.data(), inputs.size(), &profile));
  return profile;
}

}  // namespace

EngineHandle::EngineHandle(sinter_engine* made) : engine(made) {
  try {
    inputs = ios_of(engine, sinter_engine_input_count(engine), sinter_engine_input_info);
    outputs = ios_of(engine, sinter_engine_output_count(engine), sinter_engine_output_info);
    device = sinter_engine_device(engine);
    on_cpu = device.rfind("cuda", 0) != 0;
  } catch (...) {
    sinter_engine_free(engine);
    throw;
  }
}

EngineHandle::~EngineHandle() {
  const py::gil_scoped_release unlocked;
  sinter_engine_free(engine);
}

const std::shared_ptr<EngineHandle>& Engine::handle() const {
  if (!handle_) raise(SINTER_INVALID_ARGUMENT, "the engine is closed; load it again");
  return handle_;
}

std::shared_ptr<Engine> Engine::load(const std::string& path, const std::string& verify, int device, const std::optional<std::string>& trust) {
  const sinter_load_options options = options_of(verify, device, trust);
  sinter_engine* made = nullptr;
  check_unlocked([&] { return sinter_engine_load(path.c_str(), &options, &made); });
  return std::make_shared<Engine>(made);
}

std::shared_ptr<Engine> Engine::from_memory(const py::buffer& data, const std::string& verify, int device, const std::optional<std::string>& trust) {
  const sinter_load_options options = options_of(verify, device, trust);
  // Memory that somebody may write to is copied: what was checked must stay as it is.
  py::object memory = data;
  Py_buffer view;
  if (PyObject_GetBuffer(data.ptr(), &view, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  const bool writable = !view.readonly;
  if (writable) memory = py::bytes(static_cast<const char*>(view.buf), static_cast<size_t>(view.len));
  PyBuffer_Release(&view);
  memory = py::reinterpret_steal<py::object>(PyMemoryView_FromObject(memory.ptr()));
  if (!memory) throw py::error_already_set();
  const Py_buffer* bytes = PyMemoryView_GET_BUFFER(memory.ptr());
  sinter_engine* made = nullptr;
  check_unlocked([&] { return sinter_engine_load_memory(bytes->buf, static_cast<size_t>(bytes->len), &options, &made); });
  auto engine = std::make_shared<Engine>(made);
  engine->handle()->memory = memory;
  return engine;
}

size_t index_of(const std::vector<Io>& ios, py::handle key, const char* kind) {
  if (PyLong_Check(key.ptr())) {
    const Py_ssize_t index = PyLong_AsSsize_t(key.ptr());
    if (index == -1 && PyErr_Occurred()) throw py::error_already_set();
    if (index >= 0 && index < static_cast<Py_ssize_t>(ios.size())) return static_cast<size_t>(index);
    raise(SINTER_INVALID_ARGUMENT, std::string(kind) + " " + std::to_string(index) + " does not exist: the engine has " + std::to_string(ios.size()));
  }
  if (!PyUnicode_Check(key.ptr())) {
    raise(SINTER_INVALID_ARGUMENT, std::string("the name of an ") + kind + ": found " + std::string(py::str(py::type::of(key).attr("__name__"))) + ", expected str or int");
  }
  std::string names;
  for (size_t i = 0; i < ios.size(); ++i) {
    if (ios[i].key.is(key) || ios[i].key.equal(key)) return i;
    names += (names.empty() ? "'" : ", '") + ios[i].name + "'";
  }
  raise(SINTER_NOT_FOUND, std::string(kind) + " '" + std::string(py::str(key)) + "' does not exist; the engine has " + (names.empty() ? "none" : names));
}

void define_engine(py::module_& module) {
  py::class_<Io, std::shared_ptr<Io>>(module, "TensorInfo", "What is known of an input or output before a run.")
      .def_readonly("name", &Io::name)
      .def_readonly("type", &Io::type, "'f32[batch,3,224,224]'")
      .def_property_readonly("kind", [](const Io& io) { return io.kind == SINTER_TENSOR ? "tensor" : io.kind == SINTER_SEQUENCE ? "sequence" : io.kind == SINTER_OPTIONAL ? "optional" : "unknown"; })
      .def_property_readonly("dtype", [](const Io& io) { return sinter_dtype_name(io.dtype); }, "Sinter's name: 'f32', 'bf16', 'i4'")
      .def_property_readonly("numpy_dtype", [](const Io& io) -> py::object { return io.array_type ? io.array_type : py::none(); }, "of the arrays that stand for it; None: no tensor")
      .def_property_readonly("shape", [](const Io& io) -> py::object { return io.ranked ? py::object(to_tuple(io.dims.data(), io.dims.size())) : py::none(); },
                             "elements a dimension, outermost first; -1: dynamic; None: the rank is not known")
      .def_property_readonly("dim_names", [](const Io& io) { return py::tuple(py::cast(io.dim_names)); }, "'batch', '2*h', '3' a dimension")
      .def("__repr__", [](const Io& io) { return "<TensorInfo '" + io.name + "' " + io.type + ">"; });

  py::class_<Engine, std::shared_ptr<Engine>>(module, "Engine", "An engine: immutable, shared by any number of contexts and threads.")
      .def_static("_load", &Engine::load)
      .def_static("_from_memory", &Engine::from_memory)
      .def_property_readonly("inputs", [](const Engine& engine) { return engine.handle()->inputs; })
      .def_property_readonly("outputs", [](const Engine& engine) { return engine.handle()->outputs; })
      .def_property_readonly("device", [](const Engine& engine) { return engine.handle()->device; }, "'cpu', 'cuda:0'")
      .def_property_readonly("closed", &Engine::closed)
      .def("symbol_range", &range_of, py::arg("symbol"), py::arg("profile") = 0, "(min, opt, max) of a symbol of the shapes ('batch'); None: any size goes.")
      .def_property_readonly("optimization_profile_count", [](const Engine& engine) { return sinter_engine_optimization_profile_count(engine.handle()->engine); })
      .def("_find_profile", &find_profile)
      .def("_info_json", [](const Engine& engine) {
        char* text = nullptr;
        check_unlocked([&, handle = engine.handle()] { return sinter_engine_info_json(handle->engine, &text); });
        return take_text(text);
      })
      .def("close", &Engine::close, "Lets go of the engine; its memory is freed when its contexts are closed, too. It can't be used any more.");
}

}  // namespace sinter::python
