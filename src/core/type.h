// ValueType: the type of a value is a variant (design decision 1): tensor, sequence of a type, optional of a type.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/dim.h"
#include "core/dtype.h"

namespace sinter {

struct ValueType {
  enum class Kind : uint8_t { kUnknown, kTensor, kSequence, kOptional };
  Kind kind = Kind::kUnknown;
  DType dtype = DType::kUndefined;           // kTensor
  std::optional<Shape> shape;                // kTensor; nullopt: rank unknown
  std::shared_ptr<const ValueType> element;  // kSequence, kOptional; null: unknown

  static ValueType tensor(DType dtype, std::optional<Shape> shape = std::nullopt);
  static ValueType sequence(ValueType element);
  static ValueType optional(ValueType element);

  bool is_tensor() const { return kind == Kind::kTensor; }
  bool is_sequence() const { return kind == Kind::kSequence; }
  bool is_optional() const { return kind == Kind::kOptional; }
  int rank() const { return shape ? static_cast<int>(shape->size()) : -1; }  // -1: unknown
  // "f32[1,3,h,w]", "f32[*]" for unknown rank, "seq(f32[*])", "optional(i64[])", "?".
  std::string to_string() const;
  static Result<ValueType> parse(std::string_view text);
};
bool operator==(const ValueType& a, const ValueType& b);

}  // namespace sinter
