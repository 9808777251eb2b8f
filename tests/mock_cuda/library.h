// What the mocks of cuBLASLt and cuDNN share: elements, failures on demand, work on the mock driver's streams.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#define MOCK_API extern "C" __attribute__((visibility("default")))

extern "C" int mock_cuda_submit(void* stream, void (*work)(void*), void* data, void (*drop)(void*));

namespace mock {

inline float half_to_float(uint16_t bits) {
  _Float16 value;
  std::memcpy(&value, &bits, 2);
  return static_cast<float>(value);
}
inline uint16_t float_to_half(float value) {
  const _Float16 narrow = static_cast<_Float16>(value);
  uint16_t bits;
  std::memcpy(&bits, &narrow, 2);
  return bits;
}
inline float bfloat_to_float(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}
inline uint16_t float_to_bfloat(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if (value != value) return 0x7fc0;
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

enum class Element { kF32, kF16, kBF16 };
inline double load(const void* data, Element type, int64_t at) {
  if (type == Element::kF32) return static_cast<const float*>(data)[at];
  const uint16_t bits = static_cast<const uint16_t*>(data)[at];
  return type == Element::kF16 ? half_to_float(bits) : bfloat_to_float(bits);
}
inline void store(void* data, Element type, int64_t at, double value) {
  const auto narrow = static_cast<float>(value);
  if (type == Element::kF32) static_cast<float*>(data)[at] = narrow;
  else static_cast<uint16_t*>(data)[at] = type == Element::kF16 ? float_to_half(narrow) : float_to_bfloat(narrow);
}

struct Failures {
  std::mutex mutex;
  std::map<std::string, int> next;
  // The result that was ordered for this call, 0: none.
  int take(const char* call) {
    const std::lock_guard lock(mutex);
    const auto found = next.find(call);
    if (found == next.end()) return 0;
    const int result = found->second;
    next.erase(found);
    return result;
  }
};
inline Failures& failures() {
  static Failures instance;
  return instance;
}

inline int submit(void* stream, std::function<void()> work) {
  return mock_cuda_submit(
      stream, [](void* data) { (*static_cast<std::function<void()>*>(data))(); }, new std::function<void()>(std::move(work)),
      [](void* data) { delete static_cast<std::function<void()>*>(data); });
}

}  // namespace mock

#define MOCK_MAY_FAIL(call) \
  if (const int ordered_ = mock::failures().take(call)) return ordered_
MOCK_API void mock_library_fail(const char* call, int result) {
  const std::lock_guard lock(mock::failures().mutex);
  mock::failures().next[call] = result;
}
