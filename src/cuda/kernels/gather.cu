// Gather of elements of BYTES bytes along one axis by indices of INDEX: a thread an output element. Indices below 0 count from the end; others
// outside the axis read the nearest element that is there.
#include "device.h"

template <int bytes> struct Unit;
template <> struct Unit<1> { typedef u8 type; };
template <> struct Unit<2> { typedef u16 type; };
template <> struct Unit<4> { typedef u32 type; };
template <> struct Unit<8> { typedef u64 type; };

SINTER_KERNEL(gather, 256, (const void* from, const INDEX* indices, void* to, i64 count, i64 inner, i64 index_count, i64 axis)) {
  after_previous();
  typedef Unit<BYTES>::type T;
  const i64 i = grid_thread();
  if (i >= count) return;
  const i64 line = i / inner, outer = line / index_count;
  i64 at = (i64)indices[line - outer * index_count];
  if (at < 0) at += axis;
  at = max_i64(0, min_i64(at, axis - 1));
  ((T*)to)[i] = ((const T*)from)[(outer * axis + at) * inner + (i - line * inner)];
}
