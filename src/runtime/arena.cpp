#include "runtime/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

#include "base/system_files.h"
#include "base/system_memory.h"
#include "core/tensor.h"

namespace sinter::runtime {
namespace {

constexpr int64_t kHugePage = 2 << 20;  // x86-64 and most aarch64 kernels; fewer page faults and TLB misses
// Addresses of a large arena go on behind what is asked for, so that a larger shape touches new pages only: the first run of YOLOv8n at 736 x 1280
// after one at 640 x 640 was half as long again as later ones when all pages were new.
constexpr int64_t kRoomToGrow = 4;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// Pages that cost nothing until they are touched, from a multiple of kHugePage on; null where the system gives no such addresses.
void* map_pages(int64_t bytes) {
  const auto size = static_cast<size_t>(bytes);
  void* const mapped = ::mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  const auto address = reinterpret_cast<uintptr_t>(mapped);
  const uintptr_t aligned = (address + kHugePage - 1) / kHugePage * kHugePage;
  if (aligned > address) ::munmap(mapped, aligned - address);
  if (const size_t behind = address + kHugePage - aligned; behind > 0) ::munmap(reinterpret_cast<void*>(aligned + size), behind);
  ::madvise(reinterpret_cast<void*>(aligned), size, MADV_HUGEPAGE);
  return reinterpret_cast<void*>(aligned);
}

}  // namespace

void Arena::Free::operator()(uint8_t* memory) const {
  if (mapped_bytes > 0) ::munmap(memory, static_cast<size_t>(mapped_bytes));
  else std::free(memory);
}

Status Arena::reserve(int64_t bytes) {
  if (bytes <= bytes_) return ok_status();
  // Pages come when they are touched: mapping more than there are would not fail.
  SINTER_TRY(check_memory_budget(bytes - bytes_, "an arena for activations and scratch"));
  if (bytes <= memory_.get_deleter().mapped_bytes) {
    bytes_ = bytes;
    return ok_status();
  }
  memory_.reset();
  bytes_ = 0;
  int64_t size = round_up(bytes, kTensorAlignment);
  void* memory = nullptr;
  int64_t mapped = 0;
  if (size >= kHugePage) {
    for (const int64_t times : {kRoomToGrow, int64_t{1}}) {
      if (memory || size > INT64_MAX / kRoomToGrow) break;
      mapped = round_up(size * times, kHugePage);
      memory = map_pages(mapped);
    }
  } else if (::posix_memalign(&memory, kTensorAlignment, static_cast<size_t>(size)) != 0) {
    memory = nullptr;
  }
  if (!memory) return make_error(Code::kOutOfMemory, "an arena of {} bytes could not be allocated{}", size, memory_advice(system_root()));
  memory_ = std::unique_ptr<uint8_t, Free>(static_cast<uint8_t*>(memory), Free{mapped});
  bytes_ = size;
  return ok_status();
}

void Arena::touch() {
  constexpr int64_t kLeastPage = 4096;
  constexpr int64_t kMost = int64_t{1} << 30;  // an engine file's word alone must not fill the machine
  volatile uint8_t* const memory = memory_.get();
  for (int64_t at = 0; at < std::min(bytes_, kMost); at += kLeastPage) memory[at] = 0;
}

}  // namespace sinter::runtime
