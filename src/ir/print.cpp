// The text form's printer. Grammar (parse.cpp reads it; what is in [] is printed only when it differs from its default):
//
//   graph NAME(VALUE, …) [captures(%NAME, …)] -> (%NAME, …) {
//     VALUE = const TENSOR
//     VALUE, _, … = Op(%NAME, _, …) ["node name"] [[attr=ATTR, …]] [from("source node", …)]
//       body ATTRIBUTE graph …
//   }
//   VALUE  := %NAME [: TYPE] [~[DIM,…] | ~(DIM)] [names("onnx name", …)]      ~ gives the tracked elements
//   TENSOR := TYPE {1, 2, …} | TYPE #DIGEST | TYPE hex 00ff…
//   ATTR   := 1 | 1.5 | "text" | [1,2] | [1.0,2.0] | ["a"] | []f | []s | TENSOR | type TYPE
//
// Defaults: node name = name of its first output; sources = the node name; onnx names = the value's name. `_` is an absent input
// or an output nobody wants. Names, types and dims of unusual characters stand in double quotes.
#include <algorithm>
#include <cmath>

#include "ir/graph.h"
#include "ir/text.h"

namespace sinter::ir {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

bool printed_as_digest(const Tensor& tensor, int64_t max_elements) {
  return tensor.defined() && max_elements >= 0 && tensor.count() > max_elements;
}

namespace {

std::string name_text(std::string_view name) {
  const bool plain = !name.empty() && name != "_" && std::all_of(name.begin(), name.end(), is_plain_char);
  return plain ? std::string(name) : quoted(name);
}

// Types and lists of dims: unquoted when a scan that balances brackets finds their end.
std::string nested_text(const std::string& text) {
  int depth = 0;
  for (char c : text) {
    if (c == '[' || c == '(') ++depth;
    if (c == ']' || c == ')') --depth;
    const bool inner = depth > 0 && (c == ',' || c == '+' || c == '-' || c == '*');
    if (depth < 0 || !(is_plain_char(c) || inner || c == '[' || c == ']' || c == '(' || c == ')' || c == '?')) return quoted(text);
  }
  return depth == 0 ? text : quoted(text);
}

std::string float_text(float value) {
  if (std::isnan(value)) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return bits == 0x7fc00000u ? "nan" : fmt::format("nan:{:08x}", bits);
  }
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".ein") == std::string::npos) text += ".0";
  return text;
}

std::string string_list(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& entry : list) text += (text.empty() ? "" : ", ") + quoted(entry);
  return text;
}

std::string hex_text(const Tensor& tensor) {
  std::string text = " hex ";
  const auto* bytes = static_cast<const uint8_t*>(tensor.raw());
  for (int64_t i = 0; i < tensor.bytes(); ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

bool printed_as_numbers(const Tensor& tensor) {
  const DType type = tensor.dtype();
  if (type == DType::kBool || (is_integer(type) && dtype_bits(type) >= 8)) return true;
  if (!contains(kFloatTypes, type)) return false;
  const std::vector<double> values = tensor.to_f64();
  return std::none_of(values.begin(), values.end(), [](double v) { return std::isnan(v); });
}

template <typename T>
std::string element_text(const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "1" : "0";
  } else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return fmt::format("{}", static_cast<float>(value));
  } else {
    return fmt::format("{}", +value);
  }
}

std::string tensor_text(const Tensor& tensor, int64_t max_elements) {
  if (!tensor.defined()) return "undefined";
  std::string text = nested_text(tensor.type().to_string());
  if (printed_as_digest(tensor, max_elements)) return text + " #" + digest(tensor);
  if (tensor.dtype() != DType::kString && !printed_as_numbers(tensor)) return text + hex_text(tensor);
  text += " {";
  if (tensor.dtype() == DType::kString) {
    for (int64_t i = 0; i < tensor.count(); ++i) text += (i ? ", " : "") + quoted(tensor.data<std::string>()[i]);
    return text + "}";
  }
  auto append = [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < tensor.count(); ++i) text += (i ? ", " : "") + element_text(tensor.data<T>()[i]);
  };
  if (tensor.dtype() == DType::kBool) {
    append(TypeTag<bool>{});
  } else {
    visit_numeric(tensor.dtype(), append);
  }
  return text + "}";
}

class Printer {
 public:
  explicit Printer(int64_t max_elements) : max_elements_(max_elements) {}

  std::string graph(const Graph& graph, const std::string& indent) {
    std::string text = "graph" + (graph.name.empty() ? "" : " " + name_text(graph.name)) + "(";
    for (size_t i = 0; i < graph.inputs.size(); ++i) text += (i ? ", " : "") + definition(*graph.inputs[i]);
    text += ")";
    std::string captures;
    for (const auto& [id, value] : graph.values()) {
      if (value->captured) captures += (captures.empty() ? "" : ", ") + reference(value.get());
    }
    if (!captures.empty()) text += " captures(" + captures + ")";
    text += " -> (";
    for (size_t i = 0; i < graph.outputs.size(); ++i) text += (i ? ", " : "") + reference(graph.outputs[i]);
    text += ") {\n";
    for (const auto& [id, value] : graph.values()) {
      if (!value->is_constant()) continue;
      text += fmt::format("{}  %{}{} = const {}\n", indent, name_text(value->name), names(*value),
                          tensor_text(value->constant, max_elements_));
    }
    for (const auto& node : graph.nodes()) text += indent + "  " + this->node(*node, indent + "  ") + "\n";
    return text + indent + "}";
  }

  std::string node(const Node& node, const std::string& indent) {
    std::string text;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      text += (i ? ", " : "") + (node.outputs[i] ? definition(*node.outputs[i]) : std::string("_"));
    }
    text += fmt::format(" = {}(", node.op ? node.op->full_name() : "?");
    for (size_t i = 0; i < node.inputs.size(); ++i) text += (i ? ", " : "") + reference(node.inputs[i]);
    text += ")";
    auto first = std::find_if(node.outputs.begin(), node.outputs.end(), [](const Value* v) { return v != nullptr; });
    if (first == node.outputs.end() || (*first)->name != node.name) text += " " + quoted(node.name);
    if (!node.attributes.empty()) {
      text += " [";
      bool next = false;
      for (const auto& [name, value] : node.attributes) {
        text += (next ? ", " : "") + name_text(name) + "=" + attribute(value);
        next = true;
      }
      text += "]";
    }
    if (node.source_nodes != std::vector<std::string>{node.name}) text += " from(" + string_list(node.source_nodes) + ")";
    for (const auto& [name, body] : node.subgraphs) {
      text += "\n" + indent + "  body " + name_text(name) + " " + graph(*body, indent + "  ");
    }
    return text;
  }

 private:
  static std::string reference(const Value* value) { return value ? "%" + name_text(value->name) : "_"; }

  static std::string names(const Value& value) {
    if (value.onnx_names.size() == 1 && value.onnx_names[0] == value.name) return "";
    return " names(" + string_list(value.onnx_names) + ")";
  }

  static std::string definition(const Value& value) {
    std::string text = reference(&value);
    if (value.type.kind != ValueType::Kind::kUnknown) text += ": " + nested_text(value.type.to_string());
    if (value.elements) {
      std::string list;
      for (const Dim& dim : value.elements->elements) list += (list.empty() ? "" : ",") + dim.to_string();
      text += " ~" + nested_text(value.elements->dims.empty() ? "(" + list + ")" : "[" + list + "]");
    }
    return text + names(value);
  }

  std::string attribute(const AttrValue& value) const {
    auto list = [](const auto& entries, auto&& to_text, const char* empty) -> std::string {
      if (entries.empty()) return empty;
      std::string text;
      for (const auto& entry : entries) text += (text.empty() ? "" : ",") + to_text(entry);
      return "[" + text + "]";
    };
    switch (static_cast<AttrKind>(value.index())) {
      case AttrKind::kInt: return fmt::format("{}", std::get<int64_t>(value));
      case AttrKind::kFloat: return float_text(std::get<float>(value));
      case AttrKind::kString: return quoted(std::get<std::string>(value));
      case AttrKind::kInts:
        return list(std::get<std::vector<int64_t>>(value), [](int64_t v) { return std::to_string(v); }, "[]");
      case AttrKind::kFloats: return list(std::get<std::vector<float>>(value), float_text, "[]f");
      case AttrKind::kStrings:
        return list(std::get<std::vector<std::string>>(value), [](const std::string& v) { return quoted(v); }, "[]s");
      case AttrKind::kTensor: return tensor_text(std::get<Tensor>(value), max_elements_);
      case AttrKind::kType: return "type " + nested_text(std::get<ValueType>(value).to_string());
      case AttrKind::kGraph: break;
    }
    return "?";
  }

  int64_t max_elements_;
};

}  // namespace

std::string print(const Graph& graph, int64_t max_elements) { return Printer(max_elements).graph(graph, "") + "\n"; }
std::string print(const Node& node) { return Printer(16).node(node, ""); }

}  // namespace sinter::ir
