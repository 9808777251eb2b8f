// Arena: one aligned block of memory that grows and is never copied.
#pragma once

#include <cstdint>
#include <memory>

#include "base/status.h"

namespace sinter::runtime {

class Arena {
 public:
  // At least `bytes`, aligned to kTensorAlignment; contents may be lost when it grows.
  Status reserve(int64_t bytes);
  // Writes to every page (of the first gigabyte), so that the system has given them.
  void touch();
  uintptr_t address() const { return reinterpret_cast<uintptr_t>(memory_.get()); }
  int64_t bytes() const { return bytes_; }

 private:
  struct Free {
    int64_t mapped_bytes;  // 0: of the heap
    void operator()(uint8_t* memory) const;
  };
  std::unique_ptr<uint8_t, Free> memory_{nullptr, Free{0}};
  int64_t bytes_ = 0;
};

}  // namespace sinter::runtime
