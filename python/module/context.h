// Contexts and streams of Python. A context that several threads call takes one call after the other; one whose run is queued on a stream waits for
// it before anything of it changes. Arrays that a run reads or writes are kept till they are replaced.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine.h"

namespace sinter::python {

// An in-order queue of runs. A failure that shows while somebody else waits is kept for wait().
class Stream {
 public:
  Stream();
  ~Stream() { close(); }
  Stream(const Stream&) = delete;
  std::shared_ptr<sinter_stream> handle();  // raises when closed
  void wait();       // raises the first failure
  void settle() noexcept;  // keeps it; without the interpreter's lock
  void close();            // waits for what is queued

 private:
  std::mutex mutex_;
  std::shared_ptr<sinter_stream> stream_;
  sinter_status failed_ = SINTER_OK;
  std::string failure_;
};

struct ContextSettings {
  int threads = 0, max_shapes = 8;
  bool profile = false;
  int optimization_profile = 0;
};

class Context {
 public:
  Context(const std::shared_ptr<Engine>& engine, const ContextSettings& settings);
  ~Context();
  Context(const Context&) = delete;

  py::dict infer(py::handle inputs, py::handle outputs);
  void set_input(py::handle key, py::handle value);
  void set_input_address(py::handle key, py::handle shape, uintptr_t address, bool on_device);
  void set_output(py::handle key, py::handle array);
  void set_output_address(py::handle key, uintptr_t address, size_t bytes, bool on_device);
  void keep_output_on_device(py::handle key, bool keep);
  void prepare(py::handle shapes);
  py::object output_shape(py::handle key);
  void execute();
  void enqueue(const std::shared_ptr<Stream>& stream);
  void enqueue_cuda(uintptr_t stream);
  py::object output(py::handle key);
  py::capsule output_dlpack(py::handle key);
  void set_profile(bool enabled);
  py::str profile_json();
  void set_optimization_profile(size_t profile);
  size_t optimization_profile();
  int threads();
  size_t arena_bytes();
  size_t device_bytes();
  void close();
  bool closed() const { return !context_; }

 private:
  class Use;
  struct Release;
  struct Input {
    py::object keep;
    std::vector<int64_t> dims;
    const void* data = nullptr;
    bool set = false;
    std::vector<const char*> strings;
  };
  struct Output {
    py::object keep;         // memory of the caller
    bool fixed = true;       // the shape follows from the inputs' shapes
    bool given = false;      // memory was set: the caller's, or that of infer()
    std::vector<py::ssize_t> dims;
  };
  void give(size_t index, Given given);
  void give_value(size_t index, py::handle value);
  bool give_quickly(size_t index, PyObject* value);
  void learn_shapes();
  void find_output_dims();
  py::object read(size_t index);
  void settle();

  std::shared_ptr<EngineHandle> engine_;
  sinter_context* context_ = nullptr;
  std::shared_ptr<Stream> stream_;  // where a run of it is queued
  std::mutex mutex_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  bool shapes_known_ = false;   // outputs_[].dims are of the inputs' shapes
  bool fixed_known_ = false;    // outputs_[].fixed was found out
};

void define_context(py::module_& module);

}  // namespace sinter::python
