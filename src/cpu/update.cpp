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

void copy_unless_same(const LaunchArgs& args, int64_t bytes) {
  const auto* from = static_cast<const char*>(args.inputs[0]);
  auto* to = static_cast<char*>(args.outputs[0]);
  if (from == to) return;
  args.team->split(bytes, kMinPartBytes, [&](int64_t begin, int64_t end) { std::memcpy(to + begin, from + begin, static_cast<size_t>(end - begin)); });
}

}  // namespace sinter::cpu
