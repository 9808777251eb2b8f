#include "errors.h"

#include <array>

namespace sinter::python {
namespace {

struct Kind {
  sinter_status status;
  const char* name;
  PyObject** also;  // a second base: what Python code catches for the like
  const char* doc;
};

PyObject* g_base = nullptr;
std::array<PyObject*, 11> g_classes{};

PyObject* make(py::module_& module, const char* name, PyObject* bases, const char* doc) {
  PyObject* made = PyErr_NewExceptionWithDoc((std::string("sinter.") + name).c_str(), doc, bases, nullptr);
  if (!made) throw py::error_already_set();
  module.attr(name) = py::handle(made);
  return made;
}

}  // namespace

void define_errors(py::module_& module) {
  g_base = make(module, "Error", PyExc_RuntimeError, "A failure of Sinter. str() says where, what was found, what was expected and what to do; `code` is the status' number.");
  const Kind kinds[] = {
      {SINTER_INVALID_ARGUMENT, "InvalidArgumentError", &PyExc_ValueError, "The caller's value is wrong."},
      {SINTER_INVALID_MODEL, "InvalidModelError", nullptr, "The file is no valid ONNX model."},
      {SINTER_INVALID_ENGINE, "InvalidEngineError", nullptr, "The engine is damaged, truncated or of another format version."},
      {SINTER_UNSUPPORTED, "UnsupportedError", nullptr, "Valid, but Sinter can't do it."},
      {SINTER_NOT_FOUND, "NotFoundError", &PyExc_LookupError, "A file or a name does not exist."},
      {SINTER_IO, "IoError", nullptr, "The operating system refused: disk full, permissions."},
      {SINTER_OUT_OF_MEMORY, "OutOfMemoryError", &PyExc_MemoryError, "Memory or a stated budget is spent."},
      {SINTER_TARGET_MISMATCH, "TargetMismatchError", nullptr, "The engine was built for another machine."},
      {SINTER_CANCELLED, "CancelledError", nullptr, "A progress callback asked to stop."},
      {SINTER_INTERNAL, "InternalError", nullptr, "A bug in Sinter."},
  };
  for (const Kind& kind : kinds) {
    const py::tuple bases = kind.also ? py::make_tuple(py::handle(g_base), py::handle(*kind.also)) : py::make_tuple(py::handle(g_base));
    g_classes[kind.status] = make(module, kind.name, bases.ptr(), kind.doc);
  }
}

void raise(sinter_status status, const std::string& text) {
  PyObject* type = status < g_classes.size() && g_classes[status] ? g_classes[status] : g_base;
  const py::object message = py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
  if (!message) throw py::error_already_set();
  const py::object error = py::handle(type)(message);
  error.attr("code") = static_cast<int>(status);
  PyErr_SetObject(type, error.ptr());
  throw py::error_already_set();
}

}  // namespace sinter::python
