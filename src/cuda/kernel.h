// From kernel text to launches: compile (NVRTC, while building), load (driver alone), launch.
//
// Kernel texts are the files of src/cuda/kernels, embedded in the library. They include no CUDA header, only "device.h" and each other, and
// "generated.h": text of the caller (a printed program, an epilogue). Only tile, type, filter and epilogue are compile-time
// (Source::defines); sizes and strides are arguments.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "cuda/driver_api.h"
#include "tactic/code.h"

namespace sinter::cuda {

struct Source {
  std::string file;                  // "pointwise.cu"
  std::vector<std::string> defines;  // "TYPE=f16"
  std::string generated;             // of "generated.h"
};

// Text of an embedded file; "" when there is none of that name.
std::string_view kernel_text(std::string_view file);
std::vector<std::string_view> kernel_files();

// A cubin (u8), or PTX that ends in a zero byte. Equal sources are compiled once a process. Thread-safe.
Result<Tensor> compile(const Source& source, const CodeTarget& target);

// A loaded cubin. Equal cubins are loaded once a context, and stay as long as a Module of them lives.
class Module;
// An error that is_refusal() knows: the driver does not take such code.
Result<std::shared_ptr<const Module>> load_module(const Tensor& cubin);
bool is_refusal(const Status& status);

// A __global__ function of a module, which it keeps loaded. Cheap to copy.
class Function {
 public:
  Function() = default;
  // The function `name` of the cubin; loads it into the current context.
  static Result<Function> load(const Tensor& cubin, const std::string& name);
  explicit operator bool() const { return handle_ != nullptr; }
  CUfunction handle() const { return handle_; }

  // Its launches let it begin while the kernel before it in the stream ends: every kernel text calls after_previous() (device.h).
  bool begins_early() const;
  // Permits this much dynamic shared memory (above 48 KiB it must be asked for).
  Status allow_shared(int bytes) const;
  // Blocks of so many threads and dynamic shared bytes that the current context's device holds at once; at least 1.
  Result<int> resident_blocks(int threads, int shared_bytes) const;

 private:
  CUfunction handle_ = nullptr;
  std::shared_ptr<const Module> module_;
};

struct Grid {
  int64_t x = 1, y = 1, z = 1;
};
struct Launch {
  Grid grid;
  int threads = 1;  // of a block, along x
  int shared_bytes = 0;
  void* stream = nullptr;
  int cluster_x = 1;               // blocks of a cluster along x (Hopper and later)
};

Status launch_raw(const Function& function, const Launch& launch, void** arguments);

// Arguments must have exactly the types of the kernel's parameters: int for int, int64_t for long long, pointers, plain structs by value.
template <typename... Args>
Status launch(const Function& function, const Launch& how, const Args&... args) {
  std::array<void*, sizeof...(Args) + 1> pointers{const_cast<void*>(static_cast<const void*>(&args))..., nullptr};
  return launch_raw(function, how, pointers.data());
}

}  // namespace sinter::cuda
