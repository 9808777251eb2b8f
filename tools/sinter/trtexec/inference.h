// Runs an engine as trtexec does: contexts side by side, each on a thread of its own, every query's times taken.
#pragma once

#include <map>

#include "common.h"
#include "trtexec/log.h"
#include "trtexec/model.h"
#include "trtexec/options.h"
#include "trtexec/trace.h"

namespace sinter::tool::trtexec {

// One context with its inputs and outputs.
class Lane {
 public:
  Lane(const sinter_engine* engine, const Options& options, const std::string& shapes, int threads);
  // Copies in, computes, copies out, each waited for. The processor reads and writes the caller's memory in place: no copies, nothing enqueued.
  Query run(double (*now)());
  sinter_context* context() const { return context_.get(); }
  sinter_tensor input(size_t index) const;
  // Of the last run, in host memory.
  sinter_tensor output(size_t index);

 private:
  struct Buffer {
    void* device = nullptr;
    std::vector<char> host;
  };
  void set_inputs(const Options& options, const std::string& shapes);
  void place_on_device();
  const sinter_engine* engine_;
  Context context_;
  bool transfers_, on_device_;
  std::vector<Array> arrays_;
  std::vector<Buffer> outputs_;
  std::vector<std::vector<int64_t>> output_dims_;
  struct DeviceFree {
    const sinter_engine* engine;
    void operator()(void* memory) const { sinter_device_free(engine, memory); }
  };
  std::vector<std::unique_ptr<void, DeviceFree>> memory_;
  std::vector<void*> device_inputs_;
};

class Inference {
 public:
  Inference(sinter_engine* engine, const Options& options, const std::string& shapes, const Log& log);
  // Until --iterations and --duration are both reached.
  Trace run();
  // JSON of the profile, from runs of their own.
  std::string profile(long runs);
  Lane& lane() { return *lanes_.front(); }

 private:
  sinter_engine* engine_;
  const Options& options_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace sinter::tool::trtexec
