// Memory of devices by name, for packages that speak in addresses. What is allocated is remembered, so that a copy beyond a block's end or to memory that
// was freed is refused; addresses of others (numpy's, another library's) are taken at their word.
#include <map>
#include <mutex>

#include <pybind11/stl.h>

#include "build.h"

namespace sinter::python {
namespace {

struct Block {
  size_t bytes;
  bool host;
  std::string device;
};

class Blocks {
 public:
  void add(uintptr_t address, Block block) {
    const std::lock_guard lock(mutex_);
    blocks_.insert_or_assign(address, std::move(block));
  }
  std::optional<Block> take(uintptr_t address) {
    const std::lock_guard lock(mutex_);
    const auto found = blocks_.find(address);
    if (found == blocks_.end()) return std::nullopt;
    Block block = std::move(found->second);
    blocks_.erase(found);
    return block;
  }
  // Bytes from the address to its block's end; nullopt: the address is of no block.
  std::optional<size_t> room(uintptr_t address) {
    const std::lock_guard lock(mutex_);
    auto after = blocks_.upper_bound(address);
    if (after == blocks_.begin()) return std::nullopt;
    --after;
    const size_t offset = address - after->first;
    return offset < after->second.bytes || offset == 0 ? std::optional<size_t>(after->second.bytes - offset) : std::nullopt;
  }

 private:
  std::mutex mutex_;
  std::map<uintptr_t, Block> blocks_;
};

Blocks& blocks() {
  static auto* const all = new Blocks();
  return *all;
}

void check_room(uintptr_t address, size_t bytes, const char* what) {
  if (address == 0 && bytes > 0) raise(SINTER_INVALID_ARGUMENT, std::string(what) + ": the address is 0, expected that of allocated memory");
  const std::optional<size_t> room = blocks().room(address);
  if (room && *room < bytes) raise(SINTER_INVALID_ARGUMENT, std::string(what) + ": " + std::to_string(bytes) + " bytes, but the memory at that address has " + std::to_string(*room));
}

uintptr_t allocate(const std::string& device, size_t bytes, bool host) {
  void* memory = nullptr;
  check_unlocked([&] { return host ? sinter_memory_allocate_host(device.c_str(), bytes, &memory) : sinter_memory_allocate(device.c_str(), bytes, &memory); });
  const auto address = reinterpret_cast<uintptr_t>(memory);
  blocks().add(address, {bytes, host, device});
  return address;
}

void release(uintptr_t address) {
  const std::optional<Block> block = blocks().take(address);
  if (!block) raise(SINTER_INVALID_ARGUMENT, "free: no memory is allocated at that address; it may have been freed before");
  const py::gil_scoped_release unlocked;
  void* memory = reinterpret_cast<void*>(address);
  if (block->host) sinter_memory_free_host(block->device.c_str(), memory);
  else sinter_memory_free(block->device.c_str(), memory);
}

// A dense buffer of the caller, held for one call.
class Buffer {
 public:
  Buffer(py::handle object, bool writable) {
    if (PyObject_GetBuffer(object.ptr(), &view_, writable ? PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE : PyBUF_C_CONTIGUOUS) != 0) throw py::error_already_set();
  }
  ~Buffer() { PyBuffer_Release(&view_); }
  Buffer(const Buffer&) = delete;
  void* data() const { return view_.buf; }
  size_t bytes() const { return static_cast<size_t>(view_.len); }

 private:
  Py_buffer view_;
};

void write(const std::string& device, uintptr_t to, const py::object& from) {
  const Buffer buffer(from, false);
  check_room(to, buffer.bytes(), "copy to the device");
  check_unlocked([&] { return sinter_memory_copy(device.c_str(), reinterpret_cast<void*>(to), buffer.data(), buffer.bytes(), SINTER_COPY_TO_DEVICE); });
}

void read(const std::string& device, const py::object& to, uintptr_t from) {
  const Buffer buffer(to, true);
  check_room(from, buffer.bytes(), "copy from the device");
  check_unlocked([&] { return sinter_memory_copy(device.c_str(), buffer.data(), reinterpret_cast<const void*>(from), buffer.bytes(), SINTER_COPY_TO_HOST); });
}

void copy(const std::string& device, uintptr_t to, uintptr_t from, size_t bytes) {
  check_room(to, bytes, "copy on the device");
  check_room(from, bytes, "copy on the device");
  check_unlocked([&] { return sinter_memory_copy(device.c_str(), reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes, SINTER_COPY_ON_DEVICE); });
}

void fill(const std::string& device, uintptr_t to, uint8_t value, size_t bytes) {
  check_room(to, bytes, "fill");
  check_unlocked([&] { return sinter_memory_fill(device.c_str(), reinterpret_cast<void*>(to), value, bytes); });
}

}  // namespace

void define_device(py::module_& module) {
  module.def("memory_allocate", &allocate, py::arg("device"), py::arg("nbytes"), py::arg("host") = false, "Address of memory of a device, aligned to 256 bytes.");
  module.def("memory_free", &release, py::arg("address"));
  module.def("memory_room", [](uintptr_t address) { return blocks().room(address); }, py::arg("address"),
             "Bytes from the address to the end of its block of memory_allocate(); None: it is of none.");
  module.def("memory_write", &write, py::arg("device"), py::arg("address"), py::arg("data"));
  module.def("memory_read", &read, py::arg("device"), py::arg("out"), py::arg("address"));
  module.def("memory_copy", &copy, py::arg("device"), py::arg("to"), py::arg("source"), py::arg("nbytes"));
  module.def("memory_fill", &fill, py::arg("device"), py::arg("address"), py::arg("value"), py::arg("nbytes"));
  module.def("_device_json", [](const std::string& device) {
    char* text = nullptr;
    check_unlocked([&] { return sinter_device_json(device.c_str(), &text); });
    return take_text(text);
  });
}

}  // namespace sinter::python
