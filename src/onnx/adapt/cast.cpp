// Cast until opset 5: the target type was given by name.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_cast(AdaptContext& context) {
  static const std::map<std::string, DType> kNames = {
      {"FLOAT", DType::kF32},  {"UINT8", DType::kU8},      {"INT8", DType::kI8},        {"UINT16", DType::kU16},
      {"INT16", DType::kI16},  {"INT32", DType::kI32},     {"INT64", DType::kI64},      {"STRING", DType::kString},
      {"BOOL", DType::kBool},  {"FLOAT16", DType::kF16},   {"DOUBLE", DType::kF64},     {"UINT32", DType::kU32},
      {"UINT64", DType::kU64}, {"COMPLEX64", DType::kC64}, {"COMPLEX128", DType::kC128}};
  if (!context.node.attributes.find_as<std::string>("to")) return ok_status();
  const std::string name = context.take_string("to", "");
  const auto found = kNames.find(name);
  if (found == kNames.end()) {
    return context.error(fmt::format("attribute 'to' is '{}'", name), "the name of an element type such as 'FLOAT'",
                         "export the model again");
  }
  context.node.attributes.set("to", static_cast<int64_t>(found->second));
  return ok_status();
}

}  // namespace sinter::onnx
