#include "onnx/type_proto.h"

#include "onnx/tensor_proto.h"

namespace sinter::onnx {
namespace {

constexpr int kMaxTypeDepth = 16;
constexpr int kMaxRank = 64;

Result<ValueType> tensor_type(const TypeProto::Tensor& proto, const std::string& value, const Bindings& dims) {
  DType dtype = DType::kUndefined;
  if (proto.elem_type() != 0) {
    SINTER_ASSIGN(dtype, to_dtype(proto.elem_type()));
  }
  if (!proto.has_shape()) return ValueType::tensor(dtype);
  if (proto.shape().dim_size() > kMaxRank) {
    return make_error(Code::kInvalidModel, "type of '{}': rank {}; expected at most {}", value,
                      proto.shape().dim_size(), kMaxRank);
  }
  Shape shape;
  for (const TensorShapeProto::Dimension& dim : proto.shape().dim()) {
    const auto axis = shape.size();
    // Negative values are how some exporters write "unknown".
    if (dim.value_case() == TensorShapeProto::Dimension::kDimValue && dim.dim_value() >= 0) {
      shape.emplace_back(dim.dim_value());
    } else if (dim.value_case() == TensorShapeProto::Dimension::kDimParam && !dim.dim_param().empty()) {
      const std::string symbol = symbol_name(dim.dim_param());
      const auto bound = dims.find(symbol);
      shape.push_back(bound != dims.end() ? Dim(bound->second) : Dim::symbol(symbol));
    } else {
      const std::string symbol = symbol_name(fmt::format("{}_d{}", value, axis));
      const auto bound = dims.find(symbol);
      shape.push_back(bound != dims.end() ? Dim(bound->second) : Dim::symbol(symbol));
    }
  }
  return ValueType::tensor(dtype, std::move(shape));
}

Result<ValueType> type_at(const TypeProto& proto, const std::string& value, const Bindings& dims, int depth) {
  if (depth > kMaxTypeDepth)
    return make_error(Code::kInvalidModel, "type of '{}': nested deeper than {}", value, kMaxTypeDepth);
  switch (proto.value_case()) {
    case TypeProto::kTensorType: return tensor_type(proto.tensor_type(), value, dims);
    case TypeProto::kSequenceType: {
      if (!proto.sequence_type().has_elem_type()) return ValueType::sequence(ValueType());
      SINTER_ASSIGN(ValueType element, type_at(proto.sequence_type().elem_type(), value, dims, depth + 1));
      return ValueType::sequence(std::move(element));
    }
    case TypeProto::kOptionalType: {
      if (!proto.optional_type().has_elem_type()) return ValueType::optional(ValueType());
      SINTER_ASSIGN(ValueType element, type_at(proto.optional_type().elem_type(), value, dims, depth + 1));
      return ValueType::optional(std::move(element));
    }
    case TypeProto::VALUE_NOT_SET: return ValueType();
    case TypeProto::kMapType:
      return make_error(Code::kUnsupported, "type of '{}' is a map; expected a tensor, a sequence or an optional; make an input of the vector of numbers that a "
                        "DictVectorizer or CastMap makes of the map", value);
    default:
      return make_error(Code::kUnsupported, "type of '{}' is {}; expected a tensor, a sequence or an optional; export the model with dense tensors", value,
                        proto.value_case() == TypeProto::kSparseTensorType ? "a sparse tensor" : "an opaque type");
  }
}

}  // namespace

std::string symbol_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool special = static_cast<unsigned char>(c) <= ' ' || c == 127 ||
                         std::string_view(",()*+-").find(c) != std::string_view::npos;
    name += special ? '_' : c;
  }
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) name.insert(name.begin(), 's');
  return name;
}

Result<ValueType> to_type(const TypeProto& proto, const std::string& value, const Bindings& dims) {
  return type_at(proto, value, dims, 0);
}

TypeProto from_type(const ValueType& type) {
  TypeProto proto;
  if (type.is_tensor()) {
    TypeProto::Tensor* tensor = proto.mutable_tensor_type();
    tensor->set_elem_type(static_cast<int>(type.dtype));
    if (!type.shape) return proto;
    TensorShapeProto* shape = tensor->mutable_shape();
    for (const Dim& dim : *type.shape) {
      if (dim.is_constant()) {
        shape->add_dim()->set_dim_value(dim.value());
      } else {
        shape->add_dim()->set_dim_param(dim.to_string());
      }
    }
  } else if (type.is_sequence()) {
    TypeProto::Sequence* sequence = proto.mutable_sequence_type();
    if (type.element) *sequence->mutable_elem_type() = from_type(*type.element);
  } else if (type.is_optional()) {
    TypeProto::Optional* optional = proto.mutable_optional_type();
    if (type.element) *optional->mutable_elem_type() = from_type(*type.element);
  }
  return proto;
}

}  // namespace sinter::onnx
