// What a library says of an operator → OpDef.
#include <cctype>
#include <cstring>

#include "plugin/adapters.h"
#include "plugin/library.h"

namespace sinter::plugin {
namespace {

constexpr size_t kMostParams = 256;  // of a kind; more is no description
constexpr DTypeSet kAllowedTypes = kAllTensorTypes & ~kStringType;

class Schema {
 public:
  explicit Schema(const Operator& described) : c_(described.c), described_(described), op_(c_.name, std::max(c_.since, 1), normal_domain()) {}

  Result<OpDef> make() {
    if (c_.since < 0 || c_.until < 0 || (c_.until != 0 && c_.until < c_.since)) return bad("opset versions {} to {}", "an order", c_.since, c_.until);
    if (!c_.infer || !c_.run) return bad("no {}", "a shape rule and a kernel for the CPU", c_.infer ? "run" : "infer");
    if ((c_.flags & ~static_cast<uint32_t>(SINTER_PLUGIN_RANDOM)) != 0) return bad("flags {:#x}", "SINTER_PLUGIN_RANDOM or 0", c_.flags);
    if (c_.output_count == 0) return bad("{} outputs", "at least one", 0);
    op_.until = c_.until;
    op_.plugin = &described_;
    SINTER_TRY(add_params(c_.inputs, c_.input_count, true));
    SINTER_TRY(add_params(c_.outputs, c_.output_count, false));
    if (c_.attribute_count > kMostParams || (c_.attribute_count > 0 && !c_.attributes)) return bad("{} attributes", "at most 256, with their description", c_.attribute_count);
    for (size_t i = 0; i < c_.attribute_count; ++i) SINTER_TRY(add_attribute(c_.attributes[i], i));
    if (c_.flags & SINTER_PLUGIN_RANDOM) op_.fact(kNondeterministic);
    op_.infer = [op = &described_](InferContext& context) { return infer(*op, context); };
    op_.evaluate = [op = &described_](EvalContext& context) { return evaluate(*op, context); };
    return std::move(op_);
  }

 private:
  std::string normal_domain() const { return std::strcmp(c_.domain, "ai.onnx") == 0 ? "" : c_.domain; }

  template <typename... Args>
  Status bad(fmt::format_string<Args...> found, std::string_view expected, Args&&... args) const {
    return make_error(Code::kInvalidArgument, "{}: operator '{}' has {}; expected {}; correct the plugin", described_.owner(), described_.name,
                      fmt::format(found, std::forward<Args>(args)...), expected);
  }

  Status add_params(const sinter_plugin_param* params, size_t count, bool inputs) {
    const char* what = inputs ? "input" : "output";
    if (count > kMostParams || (count > 0 && !params)) return bad("{} {}s", "at most 256, with their description", count, what);
    bool optional = false;
    for (size_t i = 0; i < count; ++i) {
      const sinter_plugin_param& param = params[i];
      if (!param.name) return bad("no name for {} {}", "one", what, i);
      if (param.dtypes == 0 || (param.dtypes & ~kAllowedTypes) != 0) return bad("the set {:#x} of types for {} '{}'", "element types of plugin.h, at least one", param.dtypes, what, param.name);
      const bool variadic = param.kind == SINTER_PLUGIN_VARIADIC || param.kind == SINTER_PLUGIN_VARIADIC_MIXED;
      if (param.kind < SINTER_PLUGIN_SINGLE || param.kind > SINTER_PLUGIN_VARIADIC_MIXED) return bad("kind {} for {} '{}'", "SINTER_PLUGIN_SINGLE or another of plugin.h", param.kind, what, param.name);
      if (variadic && i + 1 < count) return bad("{} '{}' variadic before others", "only the last one to be so", what, param.name);
      if (param.kind == SINTER_PLUGIN_SINGLE && optional) return bad("{} '{}' behind an optional one", "optional ones last", what, param.name);
      optional = optional || param.kind == SINTER_PLUGIN_OPTIONAL;
      SINTER_ASSIGN(std::string type, type_of(param, fmt::format("{}{}", what, i)));
      const ParamKind kind = variadic ? ParamKind::kVariadic : static_cast<ParamKind>(param.kind);
      (inputs ? op_.inputs : op_.outputs).push_back({param.name, std::move(type), kind, param.kind == SINTER_PLUGIN_VARIADIC_MIXED});
    }
    return ok_status();
  }

  Result<std::string> type_of(const sinter_plugin_param& param, std::string own) {
    std::string name = param.type ? param.type : std::move(own);
    const TypeVar* known = op_.find_type(name);
    if (!known) op_.type(name, param.dtypes);
    else if (known->tensors != param.dtypes) return bad("type '{}' with the sets {:#x} and {:#x}", "one set of element types a letter", name, known->tensors, param.dtypes);
    return name;
  }

  Status add_attribute(const sinter_plugin_attribute& attribute, size_t index) {
    if (!attribute.name || !*attribute.name) return bad("no name for attribute {}", "one", index);
    if (op_.find_attribute(attribute.name)) return bad("two attributes '{}'", "different names", attribute.name);
    const auto kind = static_cast<unsigned>(attribute.kind);
    if (kind > SINTER_PLUGIN_TENSOR) return bad("kind {} for attribute '{}'", "SINTER_PLUGIN_INT or another of plugin.h", kind, attribute.name);
    if (attribute.presence < SINTER_PLUGIN_REQUIRED || attribute.presence > SINTER_PLUGIN_ABSENT) return bad("presence {} for attribute '{}'", "SINTER_PLUGIN_REQUIRED or another of plugin.h", attribute.presence, attribute.name);
    if (attribute.presence != SINTER_PLUGIN_DEFAULT) {
      op_.attr(attribute.name, static_cast<AttrKind>(kind), attribute.presence == SINTER_PLUGIN_REQUIRED);
      return ok_status();
    }
    const sinter_plugin_value& v = attribute.default_value;
    const bool list = kind >= SINTER_PLUGIN_INTS;
    const void* elements = kind == SINTER_PLUGIN_INTS ? static_cast<const void*>(v.ints) : kind == SINTER_PLUGIN_FLOATS ? static_cast<const void*>(v.floats) : v.strings;
    if (kind == SINTER_PLUGIN_TENSOR || (list && v.count > 0 && !elements)) return bad("a default for attribute '{}' that is {}", "a value, and none for a tensor", attribute.name, kind == SINTER_PLUGIN_TENSOR ? "a tensor" : "NULL");
    op_.attr(attribute.name, default_of(kind, v));
    return ok_status();
  }

  static AttrValue default_of(unsigned kind, const sinter_plugin_value& v) {
    switch (kind) {
      case SINTER_PLUGIN_INT: return v.i;
      case SINTER_PLUGIN_FLOAT: return v.f;
      case SINTER_PLUGIN_STRING: return std::string(v.s ? v.s : "");
      case SINTER_PLUGIN_INTS: return std::vector<int64_t>(v.ints, v.ints + v.count);
      case SINTER_PLUGIN_FLOATS: return std::vector<float>(v.floats, v.floats + v.count);
      default: break;
    }
    std::vector<std::string> texts;
    for (size_t i = 0; i < v.count; ++i) texts.emplace_back(v.strings[i] ? v.strings[i] : "");
    return texts;
  }

  const sinter_plugin_operator& c_;
  const Operator& described_;
  OpDef op_;
};

}  // namespace

bool is_name(const char* text, std::string_view others) {
  constexpr size_t kLongest = 256;
  if (!text) return false;
  size_t length = 0;
  for (; text[length] != 0 && length <= kLongest; ++length) {
    if (!std::isalnum(static_cast<unsigned char>(text[length])) && others.find(text[length]) == others.npos) return false;
  }
  return length <= kLongest;
}

Result<OpDef> make_op(const Operator& described) { return Schema(described).make(); }

}  // namespace sinter::plugin
