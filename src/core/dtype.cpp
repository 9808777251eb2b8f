#include "core/dtype.h"

#include <array>

namespace sinter {
namespace {

struct Row {
  std::string_view name;
  int bits;
};

constexpr std::array<Row, kDTypeCount> kRows{{
    {"undefined", 0}, {"f32", 32},     {"u8", 8},      {"i8", 8},        {"u16", 16},       {"i16", 16},
    {"i32", 32},      {"i64", 64},     {"string", 0},  {"bool", 8},      {"f16", 16},       {"f64", 64},
    {"u32", 32},      {"u64", 64},     {"c64", 64},    {"c128", 128},    {"bf16", 16},      {"f8e4m3fn", 8},
    {"f8e4m3fnuz", 8}, {"f8e5m2", 8},  {"f8e5m2fnuz", 8}, {"u4", 4},     {"i4", 4},         {"f4e2m1", 4},
    {"f8e8m0", 8},    {"u2", 2},       {"i2", 2},      {"f6e2m3", 6},    {"f6e3m2", 6},
}};

}  // namespace

std::string_view dtype_name(DType type) {
  const auto index = static_cast<size_t>(type);
  return index < kRows.size() ? kRows[index].name : "undefined";
}

std::optional<DType> parse_dtype(std::string_view name) {
  for (size_t i = 1; i < kRows.size(); ++i) {
    if (kRows[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

int dtype_bits(DType type) {
  const auto index = static_cast<size_t>(type);
  return index < kRows.size() ? kRows[index].bits : 0;
}

// In place of sizes that are no number: more than any memory.
constexpr int64_t kMostBytes = int64_t{1} << 62;

int64_t dtype_bytes(DType type, int64_t count) {
  const int64_t bits = dtype_bits(type);
  // Groups of eight elements are whole bytes, so that count * bits need not fit.
  int64_t groups = 0;
  if (__builtin_mul_overflow(count / 8, bits, &groups)) return kMostBytes;
  return groups + (count % 8 * bits + 7) / 8;
}

bool is_float(DType type) {
  constexpr DTypeSet kAll = kFloatTypes | kFloat8Types | dtype_set(DType::kF4E2M1, DType::kF6E2M3, DType::kF6E3M2);
  return contains(kAll, type);
}

bool is_integer(DType type) {
  return contains(kIntegerTypes | dtype_set(DType::kU4, DType::kI4, DType::kU2, DType::kI2), type);
}

bool is_signed(DType type) { return contains(kSignedTypes | dtype_set(DType::kI4, DType::kI2), type); }

}  // namespace sinter
