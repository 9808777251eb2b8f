// OneHot: a thread an element of the result. INDEX is the indices' type, BYTES an element's size; values are [off, on]. Indices below 0 count from the
// end; those outside give `off` everywhere.
#include "index.h"

SINTER_KERNEL(one_hot, 256, (const INDEX* indices, const void* values, void* to, i64 count, i64 depth, i64 inner)) {
  after_previous();
  typedef Unit<BYTES>::type T;
  const i64 i = grid_thread();
  if (i >= count) return;
  const i64 line = i / inner, outer = line / depth;
  const i64 value = (i64)indices[outer * inner + (i - line * inner)], at = value < 0 ? value + depth : value;
  ((T*)to)[i] = ((const T*)values)[at == line - outer * depth];
}
