// Failures of the C interface as Python exceptions, and calls without the interpreter's lock.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <utility>

#include <sinter/sinter.h>

namespace sinter::python {

namespace py = pybind11;

// The class of an exception for each status, all below sinter.Error; made at import.
void define_errors(py::module_& module);

[[noreturn]] void raise(sinter_status status, const std::string& text);
inline void check(sinter_status status) {
  if (status != SINTER_OK) raise(status, sinter_last_error());
}

// fn() → sinter_status without the interpreter's lock: for whatever waits, works long or may log (a log sink in Python takes the lock).
template <typename Fn>
void check_unlocked(Fn&& fn) {
  sinter_status status = SINTER_OK;
  std::string text;
  {
    const py::gil_scoped_release unlocked;
    status = fn();
    if (status != SINTER_OK) text = sinter_last_error();
  }
  if (status != SINTER_OK) raise(status, text);
}

// Takes over a char* of the C interface.
inline py::str take_text(char* text) {
  const py::object result = py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(text, static_cast<Py_ssize_t>(__builtin_strlen(text)), "replace"));
  sinter_free(text);
  if (!result) throw py::error_already_set();
  return result;
}

}  // namespace sinter::python
