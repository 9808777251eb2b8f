#include "core/type.h"

namespace sinter {
namespace {

constexpr int kMaxTypeDepth = 16;         // nesting of seq() and optional(); no real model passes three
constexpr size_t kMaxTypeText = 1 << 16;  // characters

Status parse_error(std::string_view text, std::string_view why) {
  return make_error(Code::kInvalidArgument, "type '{}': {}; expected a text like 'f32[1,3,h,w]', 'seq(f32[*])' or '?'",
                    text.substr(0, 200), why);
}

Result<Shape> parse_shape(std::string_view inside) {
  Shape shape;
  if (inside.empty()) return shape;
  size_t begin = 0;
  int depth = 0;
  for (size_t i = 0; i <= inside.size(); ++i) {
    const char c = i < inside.size() ? inside[i] : ',';
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (c != ',' || (depth > 0 && i < inside.size())) continue;
    SINTER_ASSIGN(Dim dim, Dim::parse(inside.substr(begin, i - begin)));
    shape.push_back(std::move(dim));
    begin = i + 1;
  }
  return shape;
}

Result<ValueType> parse_type(std::string_view text, int depth) {
  if (depth > kMaxTypeDepth || text.size() > kMaxTypeText) return parse_error(text, "nested too deeply or too long");
  if (text == "?") return ValueType{};
  for (const bool sequence : {true, false}) {
    const std::string_view head = sequence ? "seq(" : "optional(";
    if (text.substr(0, head.size()) != head) continue;
    if (text.back() != ')') return parse_error(text, "')' is missing");
    SINTER_ASSIGN(ValueType element, parse_type(text.substr(head.size(), text.size() - head.size() - 1), depth + 1));
    return sequence ? ValueType::sequence(std::move(element)) : ValueType::optional(std::move(element));
  }
  const size_t open = text.find('[');
  if (open == std::string_view::npos || text.back() != ']') return parse_error(text, "the shape in brackets is missing");
  const auto dtype = parse_dtype(text.substr(0, open));
  if (!dtype) return parse_error(text, "unknown element type");
  const std::string_view inside = text.substr(open + 1, text.size() - open - 2);
  if (inside == "*") return ValueType::tensor(*dtype);
  SINTER_ASSIGN(Shape shape, parse_shape(inside));
  return ValueType::tensor(*dtype, std::move(shape));
}

}  // namespace

ValueType ValueType::tensor(DType dtype, std::optional<Shape> shape) {
  ValueType type;
  type.kind = Kind::kTensor;
  type.dtype = dtype;
  type.shape = std::move(shape);
  return type;
}

ValueType ValueType::sequence(ValueType element) {
  ValueType type;
  type.kind = Kind::kSequence;
  type.element = std::make_shared<const ValueType>(std::move(element));
  return type;
}

ValueType ValueType::optional(ValueType element) {
  ValueType type;
  type.kind = Kind::kOptional;
  type.element = std::make_shared<const ValueType>(std::move(element));
  return type;
}

std::string ValueType::to_string() const {
  switch (kind) {
    case Kind::kUnknown: return "?";
    case Kind::kTensor: return std::string(dtype_name(dtype)) + (shape ? sinter::to_string(*shape) : "[*]");
    case Kind::kSequence: return "seq(" + (element ? element->to_string() : "?") + ")";
    case Kind::kOptional: return "optional(" + (element ? element->to_string() : "?") + ")";
  }
  return "?";
}

Result<ValueType> ValueType::parse(std::string_view text) { return parse_type(text, 0); }

bool operator==(const ValueType& a, const ValueType& b) {
  if (a.kind != b.kind) return false;
  if (a.kind == ValueType::Kind::kTensor) return a.dtype == b.dtype && a.shape == b.shape;
  const ValueType unknown;
  if (a.kind == ValueType::Kind::kUnknown) return true;
  return (a.element ? *a.element : unknown) == (b.element ? *b.element : unknown);
}

}  // namespace sinter
