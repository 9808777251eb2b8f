// Tensors of other libraries (DLPack) and what Sinter makes of them.
#pragma once

#include <memory>
#include <utility>

#include "base/status.h"
#include "capi_rt/dlpack_abi.h"
#include "core/tensor.h"

namespace sinter::capi {

// Device types.
constexpr int32_t kDlCpu = 1, kDlCuda = 2, kDlCudaHost = 3, kDlCudaManaged = 13;

// Owns an imported tensor: calls its deleter.
class DlpackOwner {
 public:
  DlpackOwner() = default;
  explicit DlpackOwner(DLManagedTensor* tensor) : tensor_(tensor) {}
  DlpackOwner(DlpackOwner&& other) noexcept : tensor_(other.tensor_) { other.tensor_ = nullptr; }
  DlpackOwner& operator=(DlpackOwner&& other) noexcept {
    std::swap(tensor_, other.tensor_);
    return *this;
  }
  ~DlpackOwner() {
    if (tensor_ && tensor_->deleter) tensor_->deleter(tensor_);
  }

 private:
  DLManagedTensor* tensor_ = nullptr;
};

// What a dense tensor of DLPack says; an error for another layout, element type or device. `ordinal`: of the engine's GPU, -1: it runs on the CPU.
struct Imported {
  DType dtype = DType::kUndefined;
  Dims dims;
  void* data = nullptr;
  int64_t bytes = 0;
  bool on_device = false;
};
Result<Imported> import_dlpack(const DLManagedTensor* tensor, int ordinal);

// A tensor for others; `owner` is kept till its deleter is called. ordinal -1: in host memory.
Result<DLManagedTensor*> export_dlpack(DType dtype, const Dims& dims, const void* data, std::shared_ptr<const void> owner, int ordinal);

}  // namespace sinter::capi
