// What the gathering and scattering tactics share: reading i32 and i64 indices, and moving elements by their size.
#pragma once

#include <atomic>

#include "cpu/cpu_tactic.h"

namespace sinter::cpu {

class Indices {
 public:
  Indices(const void* values, bool wide) : values_(values), wide_(wide) {}
  int64_t raw(int64_t i) const { return wide_ ? static_cast<const int64_t*>(values_)[i] : static_cast<const int32_t*>(values_)[i]; }
  // Negative ones count from the end; -1 where index i is out of range.
  int64_t at(int64_t i, int64_t size) const {
    const int64_t index = raw(i);
    const int64_t counted = index < 0 ? index + size : index;
    return counted >= 0 && counted < size ? counted : -1;
  }

 private:
  const void* values_;
  bool wide_;
};

inline Status bad_index(std::string_view node, std::string_view op, const Indices& indices, int64_t position, int64_t size) {
  return make_error(Code::kInvalidArgument, "node '{}' ({}): index {} at position {}; expected one in [{},{}]; correct the input", node, op,
                    indices.raw(position), position, -size, size - 1);
}

// Calls fn with a value of an unsigned type of `bytes` bytes: 1, 2, 4 or 8.
template <typename Fn>
void with_element_type(int bytes, Fn fn) {
  switch (bytes) {
    case 1: return fn(uint8_t{});
    case 2: return fn(uint16_t{});
    case 4: return fn(uint32_t{});
    default: return fn(uint64_t{});
  }
}
inline bool has_element_type(DType dtype) {
  const int bytes = element_bytes(dtype);
  return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
}
inline bool is_index_type(DType dtype) { return dtype == DType::kI32 || dtype == DType::kI64; }

}  // namespace sinter::cpu
