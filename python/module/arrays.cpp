#include "arrays.h"

#include <cstring>
#include <map>
#include <memory>

namespace sinter::python {
namespace {

struct Pairing {
  sinter_dtype dtype;
  const char* array;  // numpy's name
};
constexpr Pairing kPairings[] = {
    {SINTER_F32, "float32"}, {SINTER_U8, "uint8"}, {SINTER_I8, "int8"}, {SINTER_U16, "uint16"}, {SINTER_I16, "int16"}, {SINTER_I32, "int32"},
    {SINTER_I64, "int64"}, {SINTER_STRING, "object"}, {SINTER_BOOL, "bool"}, {SINTER_F16, "float16"}, {SINTER_F64, "float64"}, {SINTER_U32, "uint32"},
    {SINTER_U64, "uint64"}, {SINTER_C64, "complex64"}, {SINTER_C128, "complex128"}, {SINTER_BF16, "uint16"}, {SINTER_F8E4M3FN, "uint8"},
    {SINTER_F8E4M3FNUZ, "uint8"}, {SINTER_F8E5M2, "uint8"}, {SINTER_F8E5M2FNUZ, "uint8"}, {SINTER_U4, "uint8"}, {SINTER_I4, "int8"},
    {SINTER_F4E2M1, "uint8"}, {SINTER_F8E8M0, "uint8"}, {SINTER_U2, "uint8"}, {SINTER_I2, "int8"}, {SINTER_F6E2M3, "uint8"}, {SINTER_F6E3M2, "uint8"}};

// Types that ml_dtypes adds to numpy, by their names.
constexpr Pairing kExtensions[] = {{SINTER_BF16, "bfloat16"}, {SINTER_F8E4M3FN, "float8_e4m3fn"}, {SINTER_F8E4M3FNUZ, "float8_e4m3fnuz"},
                                   {SINTER_F8E5M2, "float8_e5m2"}, {SINTER_F8E5M2FNUZ, "float8_e5m2fnuz"}, {SINTER_F8E8M0, "float8_e8m0fnu"},
                                   {SINTER_I4, "int4"}, {SINTER_U4, "uint4"}, {SINTER_I2, "int2"}, {SINTER_U2, "uint2"}};

int bits_of(sinter_dtype dtype) { return static_cast<int>(sinter_dtype_bytes(dtype, 8)); }

// Kept for the life of the process: objects of Python must not be freed after the interpreter.
const std::map<int, py::dtype>& array_types() {
  static const auto* types = [] {
    auto* made = new std::map<int, py::dtype>();
    for (const Pairing& pairing : kPairings) made->emplace(pairing.dtype, py::dtype(pairing.array));
    return made;
  }();
  return *types;
}

bool same_type(const py::dtype& a, const py::dtype& b) {
  if (a.is(b)) return true;
  const auto native = [](const py::dtype& type) { return type.byteorder() == '=' || type.byteorder() == '|'; };
  return a.kind() == b.kind() && a.itemsize() == b.itemsize() && native(a) && native(b) && a.kind() != 'V';
}

std::string type_text(const py::dtype& type) { return py::str(static_cast<const py::object&>(type)); }

std::string needed_text(sinter_dtype dtype) {
  std::string text = type_text(array_type(dtype));
  if (is_packed(dtype)) return text + " (one " + sinter_dtype_name(dtype) + " an element)";
  if (dtype == SINTER_BF16 || (array_type(dtype).kind() == 'u' && dtype >= SINTER_F8E4M3FN)) return text + " (the bits of " + sinter_dtype_name(dtype) + ")";
  return text;
}

bool is_extension_of(const py::dtype& type, sinter_dtype dtype) {
  if (type.itemsize() != array_type(dtype).itemsize()) return false;
  for (const Pairing& pairing : kExtensions) {
    if (pairing.dtype == dtype && py::str(type.attr("name")).equal(py::str(pairing.array))) return true;
  }
  return false;
}

// Anything that is no array: buffers and tensors of other libraries are viewed, numbers and lists converted.
py::array to_array(py::handle value, sinter_dtype dtype, const std::string& what) {
  if (value.is_none()) raise(SINTER_INVALID_ARGUMENT, what + ": found None, expected an array");
  const py::module_ numpy = py::module_::import("numpy");
  const bool plain = PyLong_Check(value.ptr()) || PyFloat_Check(value.ptr()) || PyList_Check(value.ptr()) || PyTuple_Check(value.ptr()) ||
                     PyComplex_Check(value.ptr()) || PyUnicode_Check(value.ptr());
  if (plain && dtype != SINTER_UNDEFINED) {
    try {
      return numpy.attr("asarray")(value, array_type(dtype));
    } catch (const py::error_already_set& error) {
      if (!error.matches(PyExc_ValueError) && !error.matches(PyExc_TypeError) && !error.matches(PyExc_OverflowError)) throw;
      raise(SINTER_INVALID_ARGUMENT, what + ": found " + std::string(py::repr(value)).substr(0, 60) + ", expected numbers that make an array of " + needed_text(dtype));
    }
  }
  if (!plain && !PyObject_CheckBuffer(value.ptr()) && py::hasattr(value, "__dlpack__")) return numpy.attr("from_dlpack")(value);
  const py::array made = numpy.attr("asarray")(value);
  const bool text = dtype == SINTER_STRING && (made.dtype().kind() == 'U' || made.dtype().kind() == 'S');
  if (made.dtype().kind() == 'O' || (!text && element_type(made.dtype()) == SINTER_UNDEFINED)) {
    raise(SINTER_INVALID_ARGUMENT, what + ": found " + std::string(py::str(py::type::of(value).attr("__name__"))) + ", expected an array");
  }
  return made;
}

std::shared_ptr<std::vector<uint8_t>> pack(const py::array& array, sinter_dtype dtype, const std::string& what) {
  const int bits = bits_of(dtype);
  const bool is_signed = array_type(dtype).kind() == 'i';
  const int least = is_signed ? -(1 << (bits - 1)) : 0, most = is_signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
  auto packed = std::make_shared<std::vector<uint8_t>>(sinter_dtype_bytes(dtype, array.size()) + 1);
  const auto* values = static_cast<const uint8_t*>(array.data());
  for (py::ssize_t i = 0; i < array.size(); ++i) {
    const int number = is_signed ? static_cast<int8_t>(values[i]) : values[i];
    if (number < least || number > most) {
      raise(SINTER_INVALID_ARGUMENT, what + ": found " + std::to_string(number) + ", expected " + sinter_dtype_name(dtype) + " from " + std::to_string(least) + " to " +
                                         std::to_string(most));
    }
    const auto value = static_cast<unsigned>(values[i] & ((1 << bits) - 1));
    const size_t bit = static_cast<size_t>(i) * static_cast<size_t>(bits);
    (*packed)[bit / 8] = static_cast<uint8_t>((*packed)[bit / 8] | (value << (bit % 8)));
    if (bit % 8 + static_cast<size_t>(bits) > 8) (*packed)[bit / 8 + 1] = static_cast<uint8_t>(value >> (8 - bit % 8));
  }
  return packed;
}

py::object unpack(const sinter_tensor& tensor) {
  const int bits = bits_of(tensor.dtype);
  py::array made(array_type(tensor.dtype), std::vector<py::ssize_t>(tensor.dims, tensor.dims + tensor.rank));
  const bool is_signed = made.dtype().kind() == 'i';
  auto* values = static_cast<uint8_t*>(made.mutable_data());
  const auto* packed = static_cast<const uint8_t*>(tensor.data);
  for (int64_t i = 0; i < tensor.count; ++i) {
    const size_t bit = static_cast<size_t>(i) * static_cast<size_t>(bits);
    unsigned value = packed[bit / 8] >> (bit % 8);
    if (bit % 8 + static_cast<size_t>(bits) > 8) value |= static_cast<unsigned>(packed[bit / 8 + 1]) << (8 - bit % 8);
    value &= (1u << bits) - 1;
    if (is_signed && value >> (bits - 1)) value |= ~0u << bits;
    values[i] = static_cast<uint8_t>(value);
  }
  return made;
}

// An array of objects: str (or bytes) each; the texts live as long as `keep`.
void take_strings(const py::array& array, const std::string& what, Given& given) {
  const py::list items = py::module_::import("numpy").attr("asarray")(array, py::dtype("object")).attr("ravel")().attr("tolist")();
  for (const py::handle item : items) {
    const char* text = PyUnicode_Check(item.ptr()) ? PyUnicode_AsUTF8(item.ptr()) : PyBytes_Check(item.ptr()) ? PyBytes_AsString(item.ptr()) : nullptr;
    if (PyErr_Occurred()) throw py::error_already_set();
    if (!text) raise(SINTER_INVALID_ARGUMENT, what + ": found an element of type " + std::string(py::str(py::type::of(item).attr("__name__"))) + ", expected str");
    given.strings.push_back(text);
  }
  given.keep = items;
  given.data = given.strings.data();
}

}  // namespace

bool is_packed(sinter_dtype dtype) { return dtype != SINTER_STRING && bits_of(dtype) < 8 && bits_of(dtype) > 0; }

py::dtype array_type(sinter_dtype dtype) {
  const auto found = array_types().find(static_cast<int>(dtype));
  if (found != array_types().end()) return found->second;
  raise(SINTER_UNSUPPORTED, std::string("elements of type ") + sinter_dtype_name(dtype) + " have no array type");
}

sinter_dtype element_type(const py::dtype& type) {
  for (const Pairing& pairing : kPairings) {
    if (pairing.dtype < SINTER_BF16 && same_type(type, array_type(pairing.dtype))) return pairing.dtype;
  }
  if (type.kind() == 'U' || type.kind() == 'S') return SINTER_STRING;
  for (const Pairing& pairing : kExtensions) {
    if (is_extension_of(type, pairing.dtype)) return pairing.dtype;
  }
  return SINTER_UNDEFINED;
}

Given to_tensor(py::handle value, sinter_dtype dtype, const std::string& what, sinter_dtype* found) {
  py::array array = py::isinstance<py::array>(value) ? py::reinterpret_borrow<py::array>(value) : to_array(value, dtype, what);
  if (dtype == SINTER_UNDEFINED) {
    dtype = element_type(array.dtype());
    if (dtype == SINTER_UNDEFINED) raise(SINTER_INVALID_ARGUMENT, what + ": found elements of " + type_text(array.dtype()) + ", which no element type of ONNX is; convert them first");
  }
  if (found) *found = dtype;
  Given given;
  given.dims.assign(array.shape(), array.shape() + array.ndim());
  if (dtype == SINTER_STRING) {
    const char kind = array.dtype().kind();
    if (kind != 'O' && kind != 'U' && kind != 'S') raise(SINTER_INVALID_ARGUMENT, what + ": found elements of " + type_text(array.dtype()) + ", expected str");
    take_strings(array, what, given);
    return given;
  }
  const py::dtype wanted = array_type(dtype);
  if (!same_type(array.dtype(), wanted)) {
    if (!is_extension_of(array.dtype(), dtype)) {
      raise(SINTER_INVALID_ARGUMENT, what + ": found elements of " + type_text(array.dtype()) + ", expected " + needed_text(dtype) + "; convert them with astype()");
    }
    array = py::module_::import("numpy").attr("ascontiguousarray")(array).attr("reshape")(array.attr("shape")).attr("view")(wanted);
  }
  if (!(array.flags() & py::array::c_style) || !(array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_)) {
    // order "C" copies what is strided; reshape keeps arrays without dims as they are.
    array = py::module_::import("numpy").attr("array")(array, py::arg("order") = "C", py::arg("copy") = true);
  }
  given.keep = array;
  given.data = array.data();
  if (is_packed(dtype)) {
    const auto packed = pack(array, dtype, what);
    given.data = packed->data();
    given.keep = py::capsule(new std::shared_ptr<std::vector<uint8_t>>(packed), [](void* owner) { delete static_cast<std::shared_ptr<std::vector<uint8_t>>*>(owner); });
  }
  return given;
}

py::object from_tensor(const sinter_tensor& tensor) {
  const std::vector<py::ssize_t> shape(tensor.dims, tensor.dims + tensor.rank);
  if (tensor.dtype == SINTER_STRING) {
    py::list items;
    for (int64_t i = 0; i < tensor.count; ++i) {
      const char* text = static_cast<const char* const*>(tensor.data)[i];
      const auto item = py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(text, static_cast<Py_ssize_t>(std::strlen(text)), "replace"));
      if (!item) throw py::error_already_set();
      items.append(item);
    }
    const py::module_ numpy = py::module_::import("numpy");
    py::object made = numpy.attr("empty")(tensor.count, py::dtype("object"));
    if (tensor.count > 0) made[py::slice(0, tensor.count, 1)] = items;
    return made.attr("reshape")(to_tuple(tensor.dims, static_cast<size_t>(tensor.rank)));
  }
  if (is_packed(tensor.dtype)) return unpack(tensor);
  py::array made(array_type(tensor.dtype), shape);
  if (tensor.bytes > 0) std::memcpy(made.mutable_data(), tensor.data, tensor.bytes);
  return made;
}

py::tuple to_tuple(const int64_t* dims, size_t rank) {
  py::tuple made(rank);
  for (size_t i = 0; i < rank; ++i) made[i] = py::int_(dims[i]);
  return made;
}

std::vector<int64_t> to_dims(py::handle shape, const std::string& what) {
  if (!PySequence_Check(shape.ptr()) || PyUnicode_Check(shape.ptr()) || PyBytes_Check(shape.ptr())) {
    raise(SINTER_INVALID_ARGUMENT, what + ": found " + std::string(py::str(py::type::of(shape).attr("__name__"))) + " for a shape, expected a sequence of ints");
  }
  std::vector<int64_t> dims;
  for (const py::object dim : py::reinterpret_borrow<py::sequence>(shape)) {
    const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(dim.ptr()));
    if (!number) throw py::error_already_set();
    const int64_t value = PyLong_AsLongLong(number.ptr());
    if (value == -1 && PyErr_Occurred()) throw py::error_already_set();
    dims.push_back(value);
  }
  return dims;
}

std::string dims_text(const std::vector<int64_t>& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) text += (i ? "," : "") + std::to_string(dims[i]);
  return text + "]";
}

}  // namespace sinter::python
