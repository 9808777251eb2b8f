// Arrays of Python as tensors and the reverse.
//
// numpy has no type for some elements; they are arrays of:
//   bf16            uint16: the bits (ml_dtypes.bfloat16 is taken, too)
//   8-bit floats    uint8: the bits (ml_dtypes' are taken, too)
//   i4, i2          int8, one element a byte
//   u4, u2, floats of 4 and 6 bits   uint8, one element a byte
//   strings         object: str
#pragma once

#include <pybind11/numpy.h>

#include <string>
#include <vector>

#include "errors.h"

namespace sinter::python {

// The array type that stands for an element type.
py::dtype array_type(sinter_dtype dtype);
// The element type of an array type, SINTER_UNDEFINED when there is none.
sinter_dtype element_type(const py::dtype& type);
bool is_packed(sinter_dtype dtype);  // less than a byte an element

// A value of the caller as a dense tensor. It is used in place where it can be; else `keep` holds a copy.
struct Given {
  py::object keep;
  std::vector<int64_t> dims;
  const void* data = nullptr;
  std::vector<const char*> strings;  // what `data` points to when the elements are strings
};
// dtype SINTER_UNDEFINED: the array's own (of `found`). `what`: "input 'x'", for messages.
Given to_tensor(py::handle value, sinter_dtype dtype, const std::string& what, sinter_dtype* found = nullptr);

// A copy.
py::object from_tensor(const sinter_tensor& tensor);

py::tuple to_tuple(const int64_t* dims, size_t rank);
std::vector<int64_t> to_dims(py::handle shape, const std::string& what);
std::string dims_text(const std::vector<int64_t>& dims);  // [1,3,224,224]

}  // namespace sinter::python
