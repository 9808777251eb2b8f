// Walks the lines of a tensor along one axis: every set of elements that differ in that axis only.
#pragma once

#include "core/tensor.h"

namespace sinter::ops {

struct Lines {
  int64_t outer = 1, length = 1, inner = 1;
  Lines(const Dims& dims, int axis)
      : outer(product(dims, 0, static_cast<size_t>(axis))),
        length(dims[static_cast<size_t>(axis)]),
        inner(product(dims, static_cast<size_t>(axis) + 1)) {}
  // Elements of a line lie `inner` apart. fn(offset of the line's first element).
  template <typename Fn>
  void for_each(Fn&& fn) const {
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < inner; ++i) fn(o * length * inner + i);
  }
};

}  // namespace sinter::ops
