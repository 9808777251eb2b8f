// A loaded model with its inputs set: what run and bench share.
#pragma once

#include <map>

#include "common.h"

namespace sinter::tool {

struct InputFlags {
  std::vector<std::string> files;  // NAME=FILE
  uint64_t seed = 0;
  bool random = false;
  void add_to(CLI::App& app);
};

class Session {
 public:
  // Builds an .onnx in memory or loads an engine; keeps how long that took.
  void load(const std::string& path, BuildFlags& flags);
  // On another GPU: what `first` has built, where that runs there; else as load().
  void load_beside(const Session& first, const std::string& path, BuildFlags& flags);
  // Where kernels came from when the engine was loaded, where any had to be compiled; "": none had to.
  std::string compiled_code() const;
  void create_context(int threads, bool profile);
  // Files for the inputs that have one; random values for the others when allowed, else an error that names them.
  void set_inputs(const InputFlags& inputs, const std::string& shapes, bool random_by_default);
  // Inputs and outputs of a GPU engine go to its memory; their shapes must be known.
  void move_to_device();
  // After set_inputs.
  sinter_tensor input(size_t index) const;
  sinter_engine* engine() const { return engine_.get(); }
  sinter_context* context() const { return context_.get(); }
  double load_ms = 0, build_s = 0;
  uint64_t engine_bytes = 0;

 private:
  void choose_profile();
  sinter_status load_built(const std::string& device);
  std::vector<int64_t> dims_of(const sinter_io_info& info,
                               const std::map<std::string, std::vector<int64_t>>& shapes) const;
  Engine engine_;
  Context context_;
  std::shared_ptr<void> memory_;  // an engine that was built here; engine_ reads it
  std::vector<Array> arrays_;
  struct DeviceFree {
    const sinter_engine* engine;
    void operator()(void* memory) const { sinter_device_free(engine, memory); }
  };
  std::vector<std::unique_ptr<void, DeviceFree>> device_memory_;
};

// "NAME:1x3x224x224,…".
std::map<std::string, std::vector<int64_t>> parse_shapes(const std::string& text);

}  // namespace sinter::tool
