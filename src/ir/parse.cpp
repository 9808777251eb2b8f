// The text form's parser (grammar in print.cpp). Safe on hostile text: memory is bounded by the text and the blobs it names,
// nesting by kMaxNesting; every error names its line.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "ir/graph.h"
#include "ir/text.h"

namespace sinter::ir {
namespace {

constexpr int kMaxNesting = 32;

class Parser {
 public:
  Parser(std::string_view text, const BlobMap* blobs) : text_(text), blobs_(blobs) {}

  Result<std::unique_ptr<Graph>> run() {
    auto graph = std::make_unique<Graph>();
    SINTER_TRY(parse_graph(*graph, 0));
    skip_space();
    if (position_ < text_.size()) return error("more text after the graph", "end of text");
    return graph;
  }

 private:
  // --- characters and words ---
  void skip_space() {
    while (position_ < text_.size()) {
      const char c = text_[position_];
      if (c == '#' && comment_start()) {
        while (position_ < text_.size() && text_[position_] != '\n') ++position_;
      } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        ++position_;
      } else {
        return;
      }
    }
  }
  // "# text" is a comment, "#9f3a" a digest.
  bool comment_start() const { return position_ + 1 >= text_.size() || text_[position_ + 1] == ' ' || text_[position_ + 1] == '#'; }
  char peek() {
    skip_space();
    return position_ < text_.size() ? text_[position_] : '\0';
  }
  bool accept(std::string_view token) {
    skip_space();
    if (text_.substr(position_, token.size()) != token) return false;
    position_ += token.size();
    return true;
  }
  bool accept_word(std::string_view word) {
    skip_space();
    const size_t end = position_ + word.size();
    if (text_.substr(position_, word.size()) != word || (end < text_.size() && is_plain_char(text_[end]))) return false;
    position_ = end;
    return true;
  }
  std::string found() {
    skip_space();
    if (position_ >= text_.size()) return "the end of the text";
    std::string_view rest = text_.substr(position_, 24);
    return quoted(rest.substr(0, rest.find('\n')));
  }
  Status error(std::string_view what, std::string_view expected) {
    const int64_t line = 1 + std::count(text_.begin(), text_.begin() + std::min(position_, text_.size()), '\n');
    return make_error(Code::kInvalidArgument, "ir text line {}: {}; expected {}; correct the text", line, what, expected);
  }
  Status expect(std::string_view token) {
    if (accept(token)) return ok_status();
    return error("found " + found(), fmt::format("'{}'", token));
  }

  Result<std::string> parse_quoted() {
    if (!accept("\"")) return error("found " + found(), "a text in double quotes");
    std::string out;
    while (position_ < text_.size() && text_[position_] != '"') {
      char c = text_[position_++];
      if (c == '\\' && position_ < text_.size()) {
        c = text_[position_++];
        if (c == 'x') {
          unsigned byte = 0;
          if (position_ + 2 > text_.size()) return error("an escape is cut off", "\\xNN");
          auto [end, problem] = std::from_chars(text_.data() + position_, text_.data() + position_ + 2, byte, 16);
          if (problem != std::errc() || end != text_.data() + position_ + 2) return error("a bad escape", "\\xNN");
          position_ += 2;
          c = static_cast<char>(byte);
        }
      }
      out += c;
    }
    if (position_ >= text_.size()) return error("a text in quotes has no end", "'\"'");
    ++position_;
    return out;
  }
  Result<std::string> parse_name() {
    if (peek() == '"') return parse_quoted();
    const size_t start = position_;
    while (position_ < text_.size() && is_plain_char(text_[position_])) ++position_;
    if (start == position_) return error("found " + found(), "a name");
    return std::string(text_.substr(start, position_ - start));
  }
  // A type or a list of dims: to the first blank, comma, '=' or closing bracket outside brackets.
  Result<std::string> parse_nested() {
    if (peek() == '"') return parse_quoted();
    const size_t start = position_;
    int depth = 0;
    for (; position_ < text_.size(); ++position_) {
      const char c = text_[position_];
      if (c == '[' || c == '(') ++depth;
      if ((c == ']' || c == ')') && --depth < 0) break;
      if (c == '\n' || (depth == 0 && (c == ' ' || c == ',' || c == '=' || c == '\t' || c == '{'))) break;
    }
    if (start == position_) return error("found " + found(), "a type");
    return std::string(text_.substr(start, position_ - start));
  }
  Result<ValueType> parse_type() {
    SINTER_ASSIGN(std::string text, parse_nested());
    auto type = ValueType::parse(text);
    if (!type.ok()) return error(fmt::format("bad type '{}' ({})", text, type.status().message()), "a type such as f32[1,h]");
    return type;
  }
  Result<std::vector<std::string>> parse_strings(std::string_view close) {
    std::vector<std::string> list;
    while (!accept(close)) {
      if (!list.empty()) SINTER_TRY(expect(","));
      SINTER_ASSIGN(std::string entry, parse_quoted());
      list.push_back(std::move(entry));
    }
    return list;
  }
  // The characters of one number.
  std::string_view number_text() {
    skip_space();
    const size_t start = position_;
    while (position_ < text_.size() && (is_plain_char(text_[position_]) || text_[position_] == '-' || text_[position_] == '+' ||
                                        text_[position_] == ':')) {
      ++position_;
    }
    return text_.substr(start, position_ - start);
  }
  template <typename T>
  bool to_number(std::string_view text, T& value) {
    if constexpr (std::is_same_v<T, float>) {
      if (text.substr(0, 4) == "nan:") {
        uint32_t bits = 0;
        auto [end, problem] = std::from_chars(text.data() + 4, text.data() + text.size(), bits, 16);
        std::memcpy(&value, &bits, sizeof(bits));
        return problem == std::errc() && end == text.data() + text.size() && std::isnan(value);
      }
    }
    if (text == "nan") {
      if constexpr (std::is_floating_point_v<T>) value = std::numeric_limits<T>::quiet_NaN();
      return std::is_floating_point_v<T>;
    }
    auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    return problem == std::errc() && end == text.data() + text.size();
  }

  // --- tensors and attributes ---
  Status check_dims(const ValueType& type, Dims& dims) {
    auto constant = type.is_tensor() && type.shape ? constant_dims(*type.shape) : std::nullopt;
    if (!constant) return error(fmt::format("a constant of type {}", type.to_string()), "a tensor type of known dims");
    int64_t size = 16;  // bytes of the largest element, so that no byte count overflows later
    for (int64_t dim : *constant) {
      if (dim < 0 || (dim > 0 && __builtin_mul_overflow(size, dim, &size))) {
        return error(fmt::format("dims {}", to_string(*constant)), "dims that are not negative and fit the memory");
      }
    }
    dims = *constant;
    return ok_status();
  }
  template <typename T>
  Status parse_elements(Tensor& tensor) {
    std::vector<T> values;
    while (!accept("}")) {
      if (!values.empty()) SINTER_TRY(expect(","));
      if constexpr (std::is_same_v<T, std::string>) {
        SINTER_ASSIGN(std::string entry, parse_quoted());
        values.push_back(std::move(entry));
      } else if constexpr (std::is_same_v<T, bool>) {
        const std::string_view text = number_text();
        if (text != "0" && text != "1") return error(fmt::format("bool element '{}'", text), "0 or 1");
        values.push_back(text == "1");
      } else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
        float value;
        const std::string_view text = number_text();
        if (!to_number(text, value)) return error(fmt::format("element '{}'", text), "a number");
        values.push_back(T(value));
      } else {
        T value{};
        const std::string_view text = number_text();
        if (!to_number(text, value)) return error(fmt::format("element '{}'", text), "a number of the tensor's type");
        values.push_back(value);
      }
    }
    int64_t count = 1;
    for (int64_t dim : dims_) count *= dim;
    if (static_cast<int64_t>(values.size()) != count) {
      return error(fmt::format("{} elements for dims {}", values.size(), to_string(dims_)), fmt::format("{}", count));
    }
    tensor = Tensor(dtype_, dims_);
    for (size_t i = 0; i < values.size(); ++i) tensor.data<T>()[i] = values[i];
    return ok_status();
  }
  Status parse_hex(Tensor& tensor) {
    if (dtype_bits(dtype_) == 0) return error("hex bytes for strings", "elements in quotes");
    skip_space();
    int64_t count = 1;
    for (int64_t dim : dims_) count *= dim;
    const int64_t bytes = dtype_bytes(dtype_, count);
    if (static_cast<int64_t>((text_.size() - position_) / 2) < bytes) return error("hex bytes are cut off", fmt::format("{} bytes", bytes));
    tensor = Tensor(dtype_, dims_);
    auto* out = static_cast<uint8_t*>(tensor.raw());
    for (int64_t i = 0; i < bytes; ++i, position_ += 2) {
      auto [end, problem] = std::from_chars(text_.data() + position_, text_.data() + position_ + 2, out[i], 16);
      if (problem != std::errc() || end != text_.data() + position_ + 2) return error("found " + found(), "two hex digits");
    }
    return ok_status();
  }
  Result<Tensor> parse_tensor() {
    if (accept_word("undefined")) return Tensor();
    SINTER_ASSIGN(ValueType type, parse_type());
    SINTER_TRY(check_dims(type, dims_));
    dtype_ = type.dtype;
    Tensor tensor;
    if (accept("#")) {
      SINTER_ASSIGN(std::string name, parse_name());
      auto blob = blobs_ ? blobs_->find(name) : BlobMap::const_iterator{};
      if (!blobs_ || blob == blobs_->end()) return error(fmt::format("constant '#{}' is not at hand", name), "a digest among the blobs");
      if (blob->second.dtype() != dtype_ || blob->second.dims() != dims_) {
        return error(fmt::format("blob '#{}' is {}", name, blob->second.type().to_string()), type.to_string());
      }
      return blob->second;
    }
    if (accept_word("hex")) {
      SINTER_TRY(parse_hex(tensor));
      return tensor;
    }
    SINTER_TRY(expect("{"));
    Status status;
    if (dtype_ == DType::kString) {
      status = parse_elements<std::string>(tensor);
    } else if (dtype_ == DType::kBool) {
      status = parse_elements<bool>(tensor);
    } else if (!visit_numeric(dtype_, [&](auto tag) { status = parse_elements<typename decltype(tag)::type>(tensor); })) {
      return error(fmt::format("elements of {}", dtype_name(dtype_)), "'hex' for this type");
    }
    if (!status.ok()) return status;
    return tensor;
  }
  Result<AttrValue> parse_number() {
    const std::string_view text = number_text();
    int64_t integer;
    float number;
    if (to_number(text, integer)) return AttrValue(integer);
    if (to_number(text, number)) return AttrValue(number);
    return error(fmt::format("attribute value '{}'", text), "a number, a text, a list, a tensor or a type");
  }
  Result<AttrValue> parse_list() {
    if (accept("]")) {
      if (accept_word("f")) return AttrValue(std::vector<float>{});
      if (accept_word("s")) return AttrValue(std::vector<std::string>{});
      return AttrValue(std::vector<int64_t>{});
    }
    if (peek() == '"') {
      SINTER_ASSIGN(std::vector<std::string> strings, parse_strings("]"));
      return AttrValue(std::move(strings));
    }
    std::vector<int64_t> ints;
    std::vector<float> floats;
    do {
      SINTER_ASSIGN(AttrValue entry, parse_number());
      if (auto* integer = std::get_if<int64_t>(&entry)) ints.push_back(*integer);
      if (auto* number = std::get_if<float>(&entry)) floats.push_back(*number);
    } while (accept(","));
    SINTER_TRY(expect("]"));
    if (!ints.empty() && !floats.empty()) return error("a list of integers and floats", "one kind");
    return ints.empty() ? AttrValue(std::move(floats)) : AttrValue(std::move(ints));
  }
  Result<AttrValue> parse_attribute() {
    if (peek() == '"') {
      SINTER_ASSIGN(std::string text, parse_quoted());
      return AttrValue(std::move(text));
    }
    if (accept("[")) return parse_list();
    if (accept_word("type")) {
      SINTER_ASSIGN(ValueType type, parse_type());
      return AttrValue(std::move(type));
    }
    const size_t start = position_;
    const std::string_view word = number_text();
    const bool tensor = position_ < text_.size() && text_[position_] == '[';
    position_ = start;
    if (!tensor && word != "undefined") return parse_number();
    SINTER_ASSIGN(Tensor value, parse_tensor());
    return AttrValue(std::move(value));
  }

  // --- values, nodes, graphs ---
  struct Definition {
    std::string name;  // "": `_`
    ValueType type;
    std::optional<ShapeTensor> elements;
    std::optional<std::vector<std::string>> onnx_names;
  };
  Result<Definition> parse_definition() {
    Definition definition;
    if (accept_word("_")) return definition;
    SINTER_TRY(expect("%"));
    SINTER_ASSIGN(definition.name, parse_name());
    if (definition.name.empty()) return error("an empty value name", "a name");
    if (accept(":")) {
      SINTER_ASSIGN(definition.type, parse_type());
    }
    if (accept("~")) SINTER_TRY(parse_tracked(definition));
    if (accept_word("names")) {
      SINTER_TRY(expect("("));
      SINTER_ASSIGN(definition.onnx_names, parse_strings(")"));
    }
    return definition;
  }
  Status parse_tracked(Definition& definition) {
    SINTER_ASSIGN(std::string list, parse_nested());
    if (list.size() < 2) return error("tracked elements '" + list + "'", "[…] or (…)");
    ShapeTensor elements;
    const std::string inner = list.substr(1, list.size() - 2);
    size_t begin = 0;
    int depth = 0;
    for (size_t i = 0; i <= inner.size() && !inner.empty(); ++i) {
      if (i < inner.size() && inner[i] == '(') ++depth;
      if (i < inner.size() && inner[i] == ')') --depth;
      if (i < inner.size() && (inner[i] != ',' || depth != 0)) continue;
      auto dim = Dim::parse(std::string_view(inner).substr(begin, i - begin));
      if (!dim.ok()) return error("tracked elements '" + list + "'", "dims");
      elements.elements.push_back(dim.value());
      begin = i + 1;
    }
    if (list[0] == '[') elements.dims = {static_cast<int64_t>(elements.elements.size())};
    if (list[0] != '[' && elements.elements.size() != 1) return error("tracked elements '" + list + "'", "one dim in (…)");
    definition.elements = std::move(elements);
    return ok_status();
  }
  // The name must be free here and outside, else it would be changed silently.
  Status check_free(Graph& graph, const std::string& name) {
    if (graph.unique_name(name) == name) return ok_status();
    return error(fmt::format("value '{}' is defined again", name), "another name");
  }
  void finish(Value* value, Definition& definition) {
    value->type = std::move(definition.type);
    value->elements = std::move(definition.elements);
    value->onnx_names = definition.onnx_names ? std::move(*definition.onnx_names) : std::vector<std::string>{value->name};
  }
  Result<Value*> resolve(Graph& graph, const std::string& name) {
    for (Graph* scope = &graph; scope; scope = scope->parent()) {
      if (Value* value = scope->find_value(name)) return graph.capture(value);
    }
    return error(fmt::format("value '{}' is not defined", name), "a value of an earlier line");
  }
  Result<std::vector<Value*>> parse_references(Graph& graph) {
    std::vector<Value*> values;
    bool first = true;
    while (!accept(")")) {
      if (!first) SINTER_TRY(expect(","));
      first = false;
      if (accept_word("_")) {
        values.push_back(nullptr);
        continue;
      }
      SINTER_TRY(expect("%"));
      SINTER_ASSIGN(std::string name, parse_name());
      SINTER_ASSIGN(Value * value, resolve(graph, name));
      values.push_back(value);
    }
    return values;
  }

  Status parse_statement(Graph& graph, int depth) {
    std::vector<Definition> outputs;
    do {
      SINTER_ASSIGN(Definition output, parse_definition());
      if (!output.name.empty()) SINTER_TRY(check_free(graph, output.name));
      for (const Definition& other : outputs) {
        if (!output.name.empty() && other.name == output.name) return error(fmt::format("value '{}' is defined twice", output.name), "two names");
      }
      outputs.push_back(std::move(output));
    } while (accept(","));
    SINTER_TRY(expect("="));
    if (accept_word("const")) {
      if (outputs.size() != 1 || outputs[0].name.empty()) return error("a constant of several values", "one named value");
      SINTER_ASSIGN(Tensor tensor, parse_tensor());
      if (!tensor.defined()) return error("an undefined constant", "a tensor");
      Value* value = graph.add_constant(outputs[0].name, tensor);
      finish(value, outputs[0]);
      value->type = tensor.type();
      return ok_status();
    }
    return parse_node(graph, outputs, depth);
  }

  Status parse_node(Graph& graph, std::vector<Definition>& outputs, int depth) {
    SINTER_ASSIGN(std::string op_name, parse_name());
    const size_t dot = op_name.rfind('.');
    const std::string domain = dot == std::string::npos ? "" : op_name.substr(0, dot);
    const OpDef* op = find_op(domain, dot == std::string::npos ? op_name : op_name.substr(dot + 1));
    if (!op) return error(fmt::format("operator '{}' is unknown", op_name), "an operator of Sinter");
    SINTER_TRY(expect("("));
    SINTER_ASSIGN(std::vector<Value*> inputs, parse_references(graph));
    std::vector<std::string> names;
    for (const Definition& output : outputs) names.push_back(output.name);
    std::string node_name;
    if (peek() == '"') {
      SINTER_ASSIGN(node_name, parse_quoted());
      if (graph.find_node(node_name)) return error(fmt::format("node '{}' is defined again", node_name), "another name");
    }
    Attributes attributes;
    if (accept("[")) {
      while (!accept("]")) {
        if (!attributes.empty()) SINTER_TRY(expect(","));
        SINTER_ASSIGN(std::string name, parse_name());
        if (attributes.has(name)) return error(fmt::format("attribute '{}' twice", name), "each once");
        SINTER_TRY(expect("="));
        SINTER_ASSIGN(AttrValue value, parse_attribute());
        attributes.set(name, std::move(value));
      }
    }
    Node* node = graph.add_node(op, node_name, std::move(inputs), names, std::move(attributes));
    if (!node_name.empty() && node->name != node_name) return error(fmt::format("node name '{}'", node_name), "another name");
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (node->outputs[i]) finish(node->outputs[i], outputs[i]);
    }
    if (accept_word("from")) {
      SINTER_TRY(expect("("));
      SINTER_ASSIGN(node->source_nodes, parse_strings(")"));
    }
    while (accept_word("body")) {
      SINTER_ASSIGN(std::string attribute, parse_name());
      if (node->subgraphs.count(attribute)) return error(fmt::format("body '{}' twice", attribute), "each once");
      SINTER_TRY(parse_graph(*graph.add_subgraph(node, attribute), depth + 1));
    }
    return ok_status();
  }

  Status parse_graph(Graph& graph, int depth) {
    if (depth > kMaxNesting) return error("bodies nested too deep", fmt::format("at most {}", kMaxNesting));
    if (!accept_word("graph")) return error("found " + found(), "'graph'");
    if (peek() != '(') {
      SINTER_ASSIGN(graph.name, parse_name());
    }
    SINTER_TRY(expect("("));
    while (!accept(")")) {
      if (!graph.inputs.empty()) SINTER_TRY(expect(","));
      SINTER_ASSIGN(Definition input, parse_definition());
      if (input.name.empty()) return error("a graph input without name", "a name");
      SINTER_TRY(check_free(graph, input.name));
      finish(graph.add_input(input.name, {}), input);
    }
    if (accept_word("captures")) {
      SINTER_TRY(expect("("));
      if (!graph.parent()) return error("captures of the outermost graph", "none");
      SINTER_ASSIGN(std::vector<Value*> captured, parse_references(graph));
    }
    SINTER_TRY(expect("->"));
    SINTER_TRY(expect("("));
    std::vector<std::string> outputs;
    while (!accept(")")) {
      if (!outputs.empty()) SINTER_TRY(expect(","));
      SINTER_TRY(expect("%"));
      SINTER_ASSIGN(std::string name, parse_name());
      outputs.push_back(std::move(name));
    }
    SINTER_TRY(expect("{"));
    while (!accept("}")) SINTER_TRY(parse_statement(graph, depth));
    for (const std::string& name : outputs) {
      SINTER_ASSIGN(Value * value, resolve(graph, name));
      graph.outputs.push_back(value);
    }
    graph.changed();
    return ok_status();
  }

  std::string_view text_;
  const BlobMap* blobs_;
  size_t position_ = 0;
  DType dtype_ = DType::kUndefined;  // of the tensor being read
  Dims dims_;
};

}  // namespace

Result<std::unique_ptr<Graph>> parse(std::string_view text, const BlobMap* blobs) { return Parser(text, blobs).run(); }

}  // namespace sinter::ir
