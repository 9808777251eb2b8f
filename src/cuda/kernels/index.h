// Elements moved by their size, and indices that are checked: what is out of range is reported, never read or written.
#pragma once

#include "device.h"

template <int bytes> struct Unit;
template <> struct Unit<1> { typedef u8 type; };
template <> struct Unit<2> { typedef u16 type; };
template <> struct Unit<4> { typedef u32 type; };
template <> struct Unit<8> { typedef u64 type; };

// As DeviceFault of tactic/tactic.h.
struct Fault {
  u32 seen, padding;
  i64 value, position, size;
};

// Element `position` of the indices into `size` elements; those below 0 count from the end. -1: out of range, and reported.
template <typename T>
SINTER_DEVICE i64 checked_index(const T* indices, i64 position, i64 size, Fault* fault) {
  const i64 value = (i64)indices[position], index = value < 0 ? value + size : value;
  if (index >= 0 && index < size) return index;
  if (fault && atomic_add(&fault->seen, 1u) == 0) {
    fault->value = value;
    fault->position = position;
    fault->size = size;
  }
  return -1;
}
