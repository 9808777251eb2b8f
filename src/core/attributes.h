// Attributes of a node, by name. Graph-valued attributes (If, Loop, Scan bodies) are no attributes here: ir::Node keeps them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/tensor.h"

namespace sinter {

using AttrValue = std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>,
                               std::vector<std::string>, Tensor, ValueType>;
// In the order of AttrValue's alternatives; kGraph is for schemas only.
enum class AttrKind : uint8_t { kInt, kFloat, kString, kInts, kFloats, kStrings, kTensor, kType, kGraph };
std::string_view attr_kind_name(AttrKind kind);

// After import every attribute with a schema default is present, so a reader states no default of its own. The short
// accessors need the attribute to be there with that kind (the checker made sure); use find() for optional ones.
class Attributes {
 public:
  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  const AttrValue* find(std::string_view name) const;
  template <typename T>
  const T* find_as(std::string_view name) const {
    const AttrValue* value = find(name);
    return value ? std::get_if<T>(value) : nullptr;
  }
  int64_t i(std::string_view name) const { return std::get<int64_t>(*find(name)); }
  float f(std::string_view name) const { return std::get<float>(*find(name)); }
  const std::string& s(std::string_view name) const { return std::get<std::string>(*find(name)); }
  const std::vector<int64_t>& ints(std::string_view name) const { return std::get<std::vector<int64_t>>(*find(name)); }
  const std::vector<float>& floats(std::string_view name) const { return std::get<std::vector<float>>(*find(name)); }
  // With a fallback for attributes that have no schema default.
  int64_t i_or(std::string_view name, int64_t fallback) const;
  float f_or(std::string_view name, float fallback) const;
  std::string s_or(std::string_view name, std::string_view fallback) const;
  std::vector<int64_t> ints_or(std::string_view name, std::vector<int64_t> fallback) const;

  void set(std::string name, AttrValue value) { values_[std::move(name)] = std::move(value); }
  void erase(std::string_view name);
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }
  size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }

 private:
  std::map<std::string, AttrValue, std::less<>> values_;
};
bool operator==(const Attributes& a, const Attributes& b);  // tensors and floats bit by bit

}  // namespace sinter
