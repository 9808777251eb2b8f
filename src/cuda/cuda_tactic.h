// What every tactic of src/cuda begins with. One file of src/cuda named in tactics.def is one tactic: a class derived from
// CudaTactic and the line SINTER_CUDA_TACTIC(file_name, ClassName) at its end.
#pragma once

#include <memory>
#include <string>

#include "cuda/kernel.h"
#include "cuda/tactics.h"
#include "tactic/offer_helpers.h"

namespace sinter::cuda {

class CudaTactic : public Tactic, public CodeMaker {
 public:
  CudaTactic(const char* id, int version) : id_(id), version_(version) {}
  std::string_view id() const final { return id_; }
  int version() const final { return version_; }
  DeviceKind device() const final { return DeviceKind::kCuda; }
  Result<Tensor> compile(const Problem& problem, const Offer& offer) const final {
    return compile_for(problem, offer, {problem.device.sm});
  }
  Result<Tensor> compile_for(const Problem& problem, const Offer& offer, const CodeTarget& target) const final {
    SINTER_ASSIGN(const Source text, source(problem, offer));
    return cuda::compile(text, target);
  }

 protected:
  // The kernel `name` of the code that bind got (the last blob).
  static Result<Function> load_code(std::span<const Tensor> blobs, const std::string& name) {
    return Function::load(blobs.empty() ? Tensor() : blobs.back(), name);
  }
  // What to compile for this offer (the problem has the offer's layouts).
  virtual Result<Source> source(const Problem& problem, const Offer& offer) const = 0;

 private:
  const char* id_;
  int version_;
};

// Versions, as tactics.def states them.
namespace tactic_version {
#define TACTIC(name, version) inline constexpr int name = version;
#include "cuda/tactics.def"
#undef TACTIC
}  // namespace tactic_version

#define SINTER_CUDA_TACTIC(name, Class)                                 \
  const Tactic& name() {                                                \
    static const Class tactic("cuda." #name, tactic_version::name);     \
    return tactic;                                                      \
  }

// A launch of a thread for each of `count` elements.
inline Launch a_thread_each(int64_t count, void* stream) {
  Launch launch;
  launch.threads = 256;
  launch.grid.x = ceil_quotient(count, launch.threads);
  launch.stream = stream;
  return launch;
}

// f32, f16, bf16: what kernels widen to float.
inline bool is_compute_float(DType dtype) { return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16; }
// What quantized tensors are stored as.
inline bool is_byte(DType dtype) { return dtype == DType::kI8 || dtype == DType::kU8; }
// The name in kernel text: "f32", "f16", "bf16", "i8", "u8", "i32", "i64", "boolean", …; "" where kernels have no such type.
std::string_view device_type(DType dtype);

}  // namespace sinter::cuda
