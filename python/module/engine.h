// Engines of Python: an immutable engine, shared by contexts.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "arrays.h"

namespace sinter::python {

struct Io {
  std::string name, type;
  py::object key;       // the name, interned
  sinter_kind kind = SINTER_TENSOR;
  sinter_dtype dtype = SINTER_UNDEFINED;
  bool ranked = false;
  std::vector<int64_t> dims;  // -1: dynamic
  std::vector<std::string> dim_names;
  py::object array_type;  // of tensors
};

// The handle, with what must outlive it.
struct EngineHandle {
  explicit EngineHandle(sinter_engine* made);
  EngineHandle(const EngineHandle&) = delete;
  ~EngineHandle();
  sinter_engine* engine = nullptr;
  py::object memory;  // bytes that it is read from
  std::vector<Io> inputs, outputs;
  bool on_cpu = true;
  std::string device;
};

class Engine {
 public:
  explicit Engine(sinter_engine* made) : handle_(std::make_shared<EngineHandle>(made)) {}
  static std::shared_ptr<Engine> load(const std::string& path, const std::string& verify, int device, const std::optional<std::string>& trust);
  static std::shared_ptr<Engine> from_memory(const py::buffer& data, const std::string& verify, int device, const std::optional<std::string>& trust);

  const std::shared_ptr<EngineHandle>& handle() const;  // raises when closed
  void close() { handle_ = nullptr; }
  bool closed() const { return !handle_; }

 private:
  std::shared_ptr<EngineHandle> handle_;
};

size_t index_of(const std::vector<Io>& ios, py::handle key, const char* kind);

void define_engine(py::module_& module);

}  // namespace sinter::python
