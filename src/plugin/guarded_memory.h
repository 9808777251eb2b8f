// Memory between pages that can't be touched, shared with child processes.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace sinter::plugin {

enum class Placement : uint8_t { kEnd, kBegin };  // next to which page the data lie

// Mapped so that a child process sees it and can change it. Plain data: a child may make one too.
struct GuardedMemory {
  static constexpr size_t kGuard = 1 << 20;
  static constexpr uint8_t kFiller = 0xC3;  // around the data

  // Aligned to 16 at least. False: no memory.
  bool map(size_t bytes, Placement placement);
  void unmap();
  bool set_writable(bool writable) const;
  // Fills what of the pages the data leave free.
  void fill_rest(uint8_t value) const;
  // The first byte of the rest that is not `value`, as an offset from the data; false: all are.
  bool find_change(uint8_t value, int64_t& offset) const;
  bool holds(uintptr_t address) const;  // with its guards

  uint8_t* base = nullptr;   // of the first guard
  uint8_t* pages = nullptr;  // what can be touched
  size_t page_bytes = 0;
  uint8_t* data = nullptr;
  size_t bytes = 0;
};

}  // namespace sinter::plugin
