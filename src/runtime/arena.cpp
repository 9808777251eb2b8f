#include "runtime/arena.h"

#include <sys/mman.h>

#include <cstdlib>

#include "core/tensor.h"

namespace sinter::runtime {
namespace {

constexpr int64_t kHugePage = 2 << 20;  // x86-64 and most aarch64 kernels; fewer page faults and TLB misses

}  // namespace

void Arena::Free::operator()(uint8_t* memory) const { std::free(memory); }

Status Arena::reserve(int64_t bytes) {
  if (bytes <= bytes_) return ok_status();
  const int64_t alignment = bytes >= kHugePage ? kHugePage : kTensorAlignment;
  const int64_t size = (bytes + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
  memory_.reset();
  bytes_ = 0;
  void* memory = nullptr;
  if (::posix_memalign(&memory, static_cast<size_t>(alignment), static_cast<size_t>(size)) != 0) {
    return make_error(Code::kOutOfMemory, "an arena of {} bytes could not be allocated; use smaller inputs or free memory", size);
  }
  if (alignment == kHugePage) ::madvise(memory, static_cast<size_t>(size), MADV_HUGEPAGE);
  memory_.reset(static_cast<uint8_t*>(memory));
  bytes_ = size;
  return ok_status();
}

}  // namespace sinter::runtime
