// Element types. Values are ONNX's TensorProto.DataType numbers, so that files, engines and code agree.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sinter {

enum class DType : uint8_t {
  kUndefined = 0, kF32 = 1, kU8 = 2, kI8 = 3, kU16 = 4, kI16 = 5, kI32 = 6, kI64 = 7, kString = 8, kBool = 9,
  kF16 = 10, kF64 = 11, kU32 = 12, kU64 = 13, kC64 = 14, kC128 = 15, kBF16 = 16, kF8E4M3FN = 17, kF8E4M3FNUZ = 18,
  kF8E5M2 = 19, kF8E5M2FNUZ = 20, kU4 = 21, kI4 = 22, kF4E2M1 = 23, kF8E8M0 = 24, kU2 = 25, kI2 = 26,
  kF6E2M3 = 27, kF6E3M2 = 28,
};
constexpr int kDTypeCount = 29;

// "f32", "i64", "bf16", "f8e4m3fn", "u4", "string", …; parse is the inverse.
std::string_view dtype_name(DType type);
std::optional<DType> parse_dtype(std::string_view name);

// Bits of one stored element (bool: 8). 0 for kString and kUndefined, which have no fixed size.
int dtype_bits(DType type);
// Bytes of `count` elements packed without gaps, rounded up to a whole byte; 2^62 where that is no int64.
int64_t dtype_bytes(DType type, int64_t count);

bool is_float(DType type);    // every floating type, also 8-, 6- and 4-bit ones; not complex
bool is_integer(DType type);  // signed and unsigned, also 4- and 2-bit ones; not bool
bool is_signed(DType type);   // integers with sign

// Sets of types for operator schemas: bit n stands for the DType of value n.
using DTypeSet = uint64_t;
constexpr DTypeSet dtype_bit(DType type) { return DTypeSet{1} << static_cast<int>(type); }
template <typename... T>
constexpr DTypeSet dtype_set(T... types) { return (dtype_bit(types) | ...); }
constexpr bool contains(DTypeSet set, DType type) { return set & dtype_bit(type); }

constexpr DTypeSet kFloatTypes = dtype_set(DType::kF32, DType::kF16, DType::kF64, DType::kBF16);
constexpr DTypeSet kFloat8Types =
    dtype_set(DType::kF8E4M3FN, DType::kF8E4M3FNUZ, DType::kF8E5M2, DType::kF8E5M2FNUZ, DType::kF8E8M0);
constexpr DTypeSet kSignedTypes = dtype_set(DType::kI8, DType::kI16, DType::kI32, DType::kI64);
constexpr DTypeSet kUnsignedTypes = dtype_set(DType::kU8, DType::kU16, DType::kU32, DType::kU64);
constexpr DTypeSet kIntegerTypes = kSignedTypes | kUnsignedTypes;
constexpr DTypeSet kNumericTypes = kFloatTypes | kIntegerTypes;
constexpr DTypeSet kSubByteTypes = dtype_set(DType::kU4, DType::kI4, DType::kF4E2M1, DType::kU2, DType::kI2);
constexpr DTypeSet kBoolType = dtype_bit(DType::kBool);
constexpr DTypeSet kStringType = dtype_bit(DType::kString);
constexpr DTypeSet kComplexTypes = dtype_set(DType::kC64, DType::kC128);
constexpr DTypeSet kAllTensorTypes = (DTypeSet{1} << kDTypeCount) - 2;  // everything but kUndefined

}  // namespace sinter
