#include "core/problem.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sinter {
namespace {

// Float constants up to this many elements are part of the key (scales, bounds); longer ones are data that no timing depends on.
constexpr int64_t kKeyFloatElements = 8;

std::string tensor_text(const Tensor& tensor) {
  std::string text = std::string(dtype_name(tensor.dtype())) + to_string(tensor.dims());
  if (tensor.dtype() == DType::kString) {
    for (int64_t i = 0; i < tensor.count(); ++i) text += ":" + tensor.data<std::string>()[i];
    return text;
  }
  return text + fmt::format("#{:016x}", XXH3_64bits(tensor.raw(), static_cast<size_t>(tensor.bytes())));
}

template <typename T>
std::string list_text(const std::vector<T>& values) {
  return fmt::format("[{}]", fmt::join(values, ","));
}

std::string attribute_text(const AttrValue& value) {
  struct Visitor {
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(float v) const { return fmt::format("{}", v); }
    std::string operator()(const std::string& v) const { return "'" + v + "'"; }
    std::string operator()(const std::vector<int64_t>& v) const { return list_text(v); }
    std::string operator()(const std::vector<float>& v) const { return list_text(v); }
    std::string operator()(const std::vector<std::string>& v) const { return list_text(v); }
    std::string operator()(const Tensor& v) const { return tensor_text(v); }
    std::string operator()(const ValueType& v) const { return v.to_string(); }
  };
  return std::visit(Visitor{}, value);
}

std::string desc_text(const TensorDesc& desc) {
  if (!desc.present) return "-";
  return std::string(dtype_name(desc.dtype)) + to_string(desc.shape);
}

std::string desc_key(const TensorDesc& desc) {
  std::string text = desc_text(desc);
  if (!desc.present) return text;
  if (!desc.is_static()) text += "@" + to_string(desc.opt);
  if (desc.constant) text += "=const";
  const bool floats = is_float(desc.dtype);
  if (desc.value.defined() && (!floats || desc.value.count() <= kKeyFloatElements)) text += ":" + tensor_text(desc.value);
  return text;
}

std::string op_names(const PointwiseProgram& program) {
  std::string text;
  for (const PointwiseInstruction& instruction : program.code) {
    if (instruction.op == PointwiseOp::kConst) continue;
    if (!text.empty()) text += ',';
    text += pointwise_op_name(instruction.op);
  }
  return text;
}

}  // namespace

std::string Problem::key() const {
  std::string text = (domain.empty() ? op : domain + "." + op) + "{";
  for (const auto& [name, value] : attributes) text += name + "=" + attribute_text(value) + ";";
  text += "}";
  for (const TensorDesc& desc : inputs) text += " " + desc_key(desc);
  text += " ->";
  for (const TensorDesc& desc : outputs) text += " " + desc_key(desc);
  if (has_epilogue()) text += fmt::format(" epilogue@{}({})", epilogue_base, epilogue.to_string());
  text += fmt::format(" precision={}{}{}{}{} threads={} isa={}", precision.tf32 ? "t" : "", precision.fp16 ? "h" : "",
                      precision.bf16 ? "b" : "", precision.int8 ? "i" : "", precision.strict_nans ? "n" : "", threads,
                      isa_name(isa));
  if (on_cuda()) text += fmt::format(" cuda=sm{}x{}", device.sm, device.processors);
  // Strings of the model may hold anything; the key stays one line.
  for (char& c : text) {
    if (c == '\n' || c == '\r' || c == '\0') c = ' ';
  }
  return text;
}

std::string Problem::to_string() const {
  std::string text = domain.empty() ? op : domain + "." + op;
  for (const TensorDesc& desc : inputs) text += " " + desc_text(desc);
  text += " →";
  for (const TensorDesc& desc : outputs) text += " " + desc_text(desc);
  if (has_epilogue()) text += " +epilogue(" + op_names(epilogue) + ")";
  return text;
}

}  // namespace sinter
