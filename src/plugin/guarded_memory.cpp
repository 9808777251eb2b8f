#include "plugin/guarded_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace sinter::plugin {

bool GuardedMemory::map(size_t wanted, Placement placement) {
  constexpr size_t kAlignment = 16;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  bytes = wanted;
  page_bytes = (wanted + page - 1) / page * page;
  void* mapped = mmap(nullptr, page_bytes + 2 * kGuard, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return false;
  base = static_cast<uint8_t*>(mapped);
  pages = base + kGuard;
  if (page_bytes > 0 && mprotect(pages, page_bytes, PROT_READ | PROT_WRITE) != 0) return false;
  data = placement == Placement::kBegin ? pages : pages + (page_bytes - bytes) / kAlignment * kAlignment;
  fill_rest(kFiller);
  return true;
}

void GuardedMemory::unmap() {
  if (base) munmap(base, page_bytes + 2 * kGuard);
  base = nullptr;
}

bool GuardedMemory::set_writable(bool writable) const {
  return page_bytes == 0 || mprotect(pages, page_bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ) == 0;
}

void GuardedMemory::fill_rest(uint8_t value) const {
  if (page_bytes == 0) return;
  std::memset(pages, value, static_cast<size_t>(data - pages));
  std::memset(data + bytes, value, static_cast<size_t>(pages + page_bytes - (data + bytes)));
}

bool GuardedMemory::find_change(uint8_t value, int64_t& offset) const {
  for (const uint8_t* at = data + bytes; at < pages + page_bytes; ++at) {
    if (*at != value) return offset = at - data, true;
  }
  for (const uint8_t* at = data; at-- > pages;) {
    if (*at != value) return offset = at - data, true;
  }
  return false;
}

bool GuardedMemory::holds(uintptr_t address) const {
  const auto from = reinterpret_cast<uintptr_t>(base);
  return base && address >= from && address < from + page_bytes + 2 * kGuard;
}

}  // namespace sinter::plugin
