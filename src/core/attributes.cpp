#include "core/attributes.h"

#include <cstring>

namespace sinter {
namespace {

bool same_bits(float a, float b) { return std::memcmp(&a, &b, sizeof(float)) == 0; }

bool same(const AttrValue& a, const AttrValue& b) {
  if (a.index() != b.index()) return false;
  if (const auto* x = std::get_if<float>(&a)) return same_bits(*x, std::get<float>(b));
  if (const auto* x = std::get_if<std::vector<float>>(&a)) {
    const auto& y = std::get<std::vector<float>>(b);
    return x->size() == y.size() && (x->empty() || std::memcmp(x->data(), y.data(), x->size() * sizeof(float)) == 0);
  }
  if (const auto* x = std::get_if<Tensor>(&a)) return x->identical(std::get<Tensor>(b));
  if (const auto* x = std::get_if<int64_t>(&a)) return *x == std::get<int64_t>(b);
  if (const auto* x = std::get_if<std::string>(&a)) return *x == std::get<std::string>(b);
  if (const auto* x = std::get_if<std::vector<int64_t>>(&a)) return *x == std::get<std::vector<int64_t>>(b);
  if (const auto* x = std::get_if<std::vector<std::string>>(&a)) return *x == std::get<std::vector<std::string>>(b);
  return std::get<ValueType>(a) == std::get<ValueType>(b);
}

}  // namespace

std::string_view attr_kind_name(AttrKind kind) {
  switch (kind) {
    case AttrKind::kInt: return "int";
    case AttrKind::kFloat: return "float";
    case AttrKind::kString: return "string";
    case AttrKind::kInts: return "ints";
    case AttrKind::kFloats: return "floats";
    case AttrKind::kStrings: return "strings";
    case AttrKind::kTensor: return "tensor";
    case AttrKind::kType: return "type";
    case AttrKind::kGraph: return "graph";
  }
  return "unknown";
}

const AttrValue* Attributes::find(std::string_view name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? nullptr : &it->second;
}

int64_t Attributes::i_or(std::string_view name, int64_t fallback) const {
  const auto* value = find_as<int64_t>(name);
  return value ? *value : fallback;
}

float Attributes::f_or(std::string_view name, float fallback) const {
  const auto* value = find_as<float>(name);
  return value ? *value : fallback;
}

std::string Attributes::s_or(std::string_view name, std::string_view fallback) const {
  const auto* value = find_as<std::string>(name);
  return value ? *value : std::string(fallback);
}

std::vector<int64_t> Attributes::ints_or(std::string_view name, std::vector<int64_t> fallback) const {
  const auto* value = find_as<std::vector<int64_t>>(name);
  return value ? *value : std::move(fallback);
}

void Attributes::erase(std::string_view name) {
  const auto it = values_.find(name);
  if (it != values_.end()) values_.erase(it);
}

bool operator==(const Attributes& a, const Attributes& b) {
  if (a.size() != b.size()) return false;
  for (auto x = a.begin(), y = b.begin(); x != a.end(); ++x, ++y) {
    if (x->first != y->first || !same(x->second, y->second)) return false;
  }
  return true;
}

}  // namespace sinter
