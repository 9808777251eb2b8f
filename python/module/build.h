// Builds from Python: options from a dict, callbacks, interruption.
#pragma once

#include "errors.h"

namespace sinter::python {

void define_build(py::module_& module);
void define_device(py::module_& module);   // device.cpp
void define_network(py::module_& module);  // network.cpp

}  // namespace sinter::python
