#include "cpu/update.h"

#include <cstring>

namespace sinter::cpu {
namespace {

constexpr int64_t kMinPartBytes = 256 << 10;

void replace(void* target, const void* updates, int64_t count, int bytes) {
  if (count == 1 && bytes == 4) std::memcpy(target, updates, 4);
  else std::memcpy(target, updates, static_cast<size_t>(count * bytes));
}

template <typename T>
T wrapped(uint64_t value) {
  return static_cast<T>(value);
}

template <typename T>
T add(T a, T b) {
  if constexpr (std::is_integral_v<T>) return wrapped<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else return a + b;
}

template <typename T>
T mul(T a, T b) {
  if constexpr (std::is_integral_v<T>) return wrapped<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else return a * b;
}

// NaN wins, whichever comes first.
template <typename T>
T max(T a, T b) {
  return a != a || a > b ? a : b;
}

template <typename T>
T min(T a, T b) {
  return a != a || a < b ? a : b;
}

template <typename T, T (*kCombine)(T, T)>
void reduce(void* target, const void* updates, int64_t count, int) {
  auto* to = static_cast<T*>(target);
  const auto* from = static_cast<const T*>(updates);
  for (int64_t i = 0; i < count; ++i) to[i] = kCombine(to[i], from[i]);
}

template <typename T>
T newer(T, T b) {
  return b;
}

template <typename T, T (*kCombine)(T, T)>
void scatter(void* target, const void* updates, const Indices& indices, int64_t first, int64_t size, int64_t step, int64_t stride, int64_t count) {
  auto* to = static_cast<T*>(target);
  const auto* from = static_cast<const T*>(updates);
  for (int64_t i = 0; i < count; ++i) {
    T& place = to[i * step + indices.at(first + i, size) * stride];
    place = kCombine(place, from[i]);
  }
}

template <typename T>
ScatterFn scatter_of_type(std::string_view reduction) {
  if (reduction == "add") return &scatter<T, &add<T>>;
  if (reduction == "mul") return &scatter<T, &mul<T>>;
  if (reduction == "max") return &scatter<T, &max<T>>;
  if (reduction == "min") return &scatter<T, &min<T>>;
  return nullptr;
}

template <typename T>
UpdateFn of_type(std::string_view reduction) {
  if (reduction == "add") return &reduce<T, &add<T>>;
  if (reduction == "mul") return &reduce<T, &mul<T>>;
  if (reduction == "max") return &reduce<T, &max<T>>;
  if (reduction == "min") return &reduce<T, &min<T>>;
  return nullptr;
}

}  // namespace

UpdateFn find_update(std::string_view reduction, DType dtype) {
  if (reduction == "none") return &replace;
  switch (dtype) {
    case DType::kF32: return of_type<float>(reduction);
    case DType::kI32: return of_type<int32_t>(reduction);
    case DType::kI64: return of_type<int64_t>(reduction);
    default: return nullptr;
  }
}

ScatterFn find_scatter(std::string_view reduction, DType dtype) {
  if (reduction == "none") {
    switch (element_bytes(dtype)) {
      case 1: return &scatter<uint8_t, &newer<uint8_t>>;
      case 2: return &scatter<uint16_t, &newer<uint16_t>>;
      case 4: return &scatter<uint32_t, &newer<uint32_t>>;
      case 8: return &scatter<uint64_t, &newer<uint64_t>>;
      default: return nullptr;
    }
  }
  switch (dtype) {
    case DType::kF32: return scatter_of_type<float>(reduction);
    case DType::kI32: return scatter_of_type<int32_t>(reduction);
    case DType::kI64: return scatter_of_type<int64_t>(reduction);
    default: return nullptr;
  }
}

void copy_unless_same(const LaunchArgs& args, int64_t bytes) {
  const auto* from = static_cast<const char*>(args.inputs[0]);
  auto* to = static_cast<char*>(args.outputs[0]);
  if (from == to) return;
  args.team->split(bytes, kMinPartBytes, [&](int64_t begin, int64_t end) { std::memcpy(to + begin, from + begin, static_cast<size_t>(end - begin)); });
}

}  // namespace sinter::cpu
