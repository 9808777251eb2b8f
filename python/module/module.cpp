// The extension module `_sinter`: Sinter's C interface as Python's objects. The package python/sinter makes the public names of it.
#include <memory>

#include <pybind11/stl.h>

#include "build.h"
#include "context.h"

namespace sinter::python {
namespace {

// The callable that takes the log; never freed while the library may call it.
py::object* g_sink = nullptr;

void on_log(void*, sinter_severity severity, const char* message) {
  if (!Py_IsInitialized()) return;
  const py::gil_scoped_acquire locked;
  if (!g_sink) return;
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);  // a message must not disturb an exception under way
  try {
    const py::object sink = *g_sink;
    const auto text = py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(message, static_cast<Py_ssize_t>(__builtin_strlen(message)), "replace"));
    sink(severity == SINTER_LOG_WARNING ? "warning" : severity == SINTER_LOG_INFO ? "info" : "trace", text);
  } catch (py::error_already_set& error) {
    error.discard_as_unraisable("sinter's log callback");
  }
  PyErr_Restore(type, value, trace);
}

void set_log_callback(const py::object& sink) {
  {
    const py::gil_scoped_release unlocked;  // a message under way may wait for the lock
    sinter_set_log_sink(nullptr, nullptr);
  }
  delete g_sink;
  g_sink = nullptr;
  if (sink.is_none()) return;
  if (!PyCallable_Check(sink.ptr())) raise(SINTER_INVALID_ARGUMENT, "set_log_callback: found " + std::string(py::str(py::type::of(sink).attr("__name__"))) + ", expected a callable or None");
  g_sink = new py::object(sink);
  const py::gil_scoped_release unlocked;
  sinter_set_log_sink(on_log, nullptr);
}

}  // namespace

void define_context(py::module_& module) {
  py::class_<Stream, std::shared_ptr<Stream>>(module, "Stream", "An in-order queue of runs, off the caller's thread.")
      .def(py::init<>())
      .def("wait", &Stream::wait, "Returns when everything queued is done; raises the first failure.")
      .def("close", &Stream::close, "Waits for what is queued, then ends the stream.");

  py::class_<Context, std::shared_ptr<Context>>(module, "Context", "One caller's memory, threads and state for runs of an engine.")
      .def(py::init([](const std::shared_ptr<Engine>& engine, int threads, int max_shapes, bool profile, int optimization_profile) {
             if (!engine) raise(SINTER_INVALID_ARGUMENT, "Context: found None, expected an Engine");
             return std::make_shared<Context>(engine, ContextSettings{threads, max_shapes, profile, optimization_profile});
           }),
           py::arg("engine"), py::kw_only(), py::arg("threads") = 0, py::arg("max_shapes") = 8, py::arg("profile") = false,
           py::arg("optimization_profile") = 0)
      .def("infer", &Context::infer, py::arg("inputs"), py::arg("outputs") = py::none(),
           "Runs once: a dict of arrays by input (or the array of the only one) -> a dict of arrays by output, which are the caller's. Optional inputs may be left\n"
           "out; sequences are lists. outputs: arrays that results are written to. What set_output() gave is forgotten.\n"
           "Raises InvalidArgumentError (element type, shape, missing input), NotFoundError (a name that does not exist).")
      .def("set_input", &Context::set_input, py::arg("name"), py::arg("array"),
           "What the next runs read: by the name or number of the input. A dense, aligned array is used in place, and kept till it is replaced.")
      .def("set_input_address", &Context::set_input_address, py::arg("name"), py::arg("shape"), py::arg("address"), py::arg("on_device") = false,
           "The same by an address, which is taken at its word: dense memory of the input's element type that outlives the runs. on_device: GPU memory.")
      .def("set_output", &Context::set_output, py::arg("name"), py::arg("array"),
           "A writable dense array (or a tensor with __dlpack__) of at least the output's size that the next runs write to; None: memory of the context.")
      .def("set_output_address", &Context::set_output_address, py::arg("name"), py::arg("address"), py::arg("nbytes"), py::arg("on_device") = false,
           "The same by an address and the bytes there are; address 0: memory of the context.")
      .def("keep_output_on_device", &Context::keep_output_on_device, py::arg("name"), py::arg("keep") = true)
      .def("prepare", &Context::prepare, py::arg("shapes") = py::none(),
           "Makes the context ready for inputs of these shapes (a dict by input; None: those that are set) ahead of the first run. Inputs that are named lose their data.")
      .def("output_shape", &Context::output_shape, py::arg("name"), "After prepare() or a run: the shape in elements; None: it depends on data and nothing was run.")
      .def("execute", &Context::execute, "Runs with what is set. Raises InvalidArgumentError when an input has no data, or a shape the engine was not built for.")
      .def("enqueue", &Context::enqueue, py::arg("stream"), "Puts a run on a Stream and returns; its failure shows at Stream.wait().")
      .def("enqueue_cuda", &Context::enqueue_cuda, py::arg("stream") = 0,
           "Engines for CUDA with all inputs and outputs in GPU memory: puts the run on a CUDA stream of the caller (its number; 0: the context's own) and returns.")
      .def("output", &Context::output, py::arg("name"), "A copy of an output of the last run; a list for a sequence, None for an absent optional.")
      .def("_output_dlpack", &Context::output_dlpack)
      .def("set_profile", &Context::set_profile, py::arg("enabled"), "Starts or stops taking times of layers; both clear them.")
      .def("_profile_json", &Context::profile_json)
      .def("set_optimization_profile", &Context::set_optimization_profile, py::arg("index"),
           "Changes to another optimization profile of the engine. What is set stays set; what was made ready for shapes is made again.")
      .def_property_readonly("optimization_profile", &Context::optimization_profile, "the number of the one in use, at first 0")
      .def_property_readonly("threads", &Context::threads, "of the CPU that runs use")
      .def_property_readonly("arena_bytes", &Context::arena_bytes, "memory for activations")
      .def_property_readonly("device_bytes", &Context::device_bytes, "GPU memory; 0 on the CPU")
      .def_property_readonly("closed", &Context::closed)
      .def("close", &Context::close, "Frees its memory, after the run that is queued. It can't be used any more.");
}

}  // namespace sinter::python

PYBIND11_MODULE(_sinter, module) {
  using namespace sinter::python;
  define_errors(module);
  define_engine(module);
  define_context(module);
  define_build(module);
  define_device(module);
  define_network(module);
  module.attr("version") = sinter_version();
  module.def("load_plugin", [](const std::string& path) { check_unlocked([&] { return sinter_plugin_load(path.c_str()); }); }, py::arg("path"),
             "Adds the operators of a shared library that was written with sinter/plugin.h, for this process.");
  module.def("set_log_callback", &set_log_callback, py::arg("callback"),
             "callback(severity, message) gets the library's messages, from any thread: severity is 'warning', 'info' or 'trace'. None: they are dropped.");
  module.def("_numpy_dtype", [](const std::string& name) -> py::object {
    const sinter_dtype dtype = sinter_dtype_parse(name.c_str());
    if (dtype == SINTER_UNDEFINED) raise(SINTER_INVALID_ARGUMENT, "element type '" + name + "' does not exist");
    return array_type(dtype);
  });
}
