#include "onnx/tensor_proto.h"

#include <cstring>
#include <limits>

namespace sinter::onnx {
namespace {

// Raw data up to this size is copied into aligned memory; larger is taken over as it lies.
constexpr size_t kCopyBytes = 4096;
// A sparse tensor of a few bytes may name any dense shape: this is as large as it may become.
constexpr int64_t kMaxSparseBytes = int64_t{1} << 30;
constexpr int64_t kMaxBytes = int64_t{1} << 46;
constexpr int kMaxValueDepth = 32;

Status wrong_count(const Tensor& tensor, const char* field, int64_t found, int64_t expected) {
  return make_error(Code::kInvalidModel, "{} has {} entries but {}{} needs {}; save the model again", field, found,
                    dtype_name(tensor.dtype()), to_string(tensor.dims()), expected);
}

template <typename To, typename Field>
Status copy_field(const Field& field, const char* name, Tensor& tensor) {
  if (field.size() != tensor.count()) return wrong_count(tensor, name, field.size(), tensor.count());
  To* out = tensor.data<To>();
  for (int i = 0; i < field.size(); ++i) out[i] = static_cast<To>(field.Get(i));
  return ok_status();
}

// 6-bit and smaller elements in int32_data: one packed byte an entry where elements are packed.
template <typename Field>
Status copy_bytes(const Field& field, const char* name, Tensor& tensor) {
  if (field.size() != tensor.bytes()) return wrong_count(tensor, name, field.size(), tensor.bytes());
  uint8_t* out = tensor.data<uint8_t>();
  for (int i = 0; i < field.size(); ++i) out[i] = static_cast<uint8_t>(field.Get(i));
  return ok_status();
}

template <typename To, typename Field>
Status copy_complex(const Field& field, const char* name, Tensor& tensor) {
  if (field.size() % 2 != 0 || field.size() / 2 != tensor.count()) {
    return wrong_count(tensor, name, field.size(), 2 * tensor.count());
  }
  To* out = static_cast<To*>(tensor.raw());
  for (int i = 0; i < field.size(); ++i) out[i] = static_cast<To>(field.Get(i));
  return ok_status();
}

Status copy_typed(const TensorProto& proto, Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::kF32: return copy_field<float>(proto.float_data(), "float_data", tensor);
    case DType::kC64: return copy_complex<float>(proto.float_data(), "float_data", tensor);
    case DType::kF64: return copy_field<double>(proto.double_data(), "double_data", tensor);
    case DType::kC128: return copy_complex<double>(proto.double_data(), "double_data", tensor);
    case DType::kI64: return copy_field<int64_t>(proto.int64_data(), "int64_data", tensor);
    case DType::kU64: return copy_field<uint64_t>(proto.uint64_data(), "uint64_data", tensor);
    case DType::kU32: return copy_field<uint32_t>(proto.uint64_data(), "uint64_data", tensor);
    case DType::kI32: return copy_field<int32_t>(proto.int32_data(), "int32_data", tensor);
    case DType::kI16: return copy_field<int16_t>(proto.int32_data(), "int32_data", tensor);
    case DType::kU16:
    case DType::kF16:
    case DType::kBF16: return copy_field<uint16_t>(proto.int32_data(), "int32_data", tensor);
    case DType::kBool: {
      if (proto.int32_data_size() != tensor.count()) {
        return wrong_count(tensor, "int32_data", proto.int32_data_size(), tensor.count());
      }
      for (int i = 0; i < proto.int32_data_size(); ++i) tensor.data<uint8_t>()[i] = proto.int32_data(i) != 0;
      return ok_status();
    }
    default: return copy_bytes(proto.int32_data(), "int32_data", tensor);
  }
}

bool has_typed_data(const TensorProto& proto) {
  return proto.float_data_size() || proto.int32_data_size() || proto.int64_data_size() || proto.double_data_size() ||
         proto.uint64_data_size() || proto.string_data_size();
}

// Bytes other than 0 and 1 are no bools in C++: hostile files must not reach kernels with them.
void normalize_bools(Tensor& tensor) {
  auto* bytes = tensor.data<uint8_t>();
  for (int64_t i = 0; i < tensor.count(); ++i) bytes[i] = bytes[i] != 0;
}

Result<Tensor> from_raw(TensorProto& proto, DType dtype, Dims dims, int64_t count) {
  const int64_t bytes = dtype_bytes(dtype, count);
  if (static_cast<int64_t>(proto.raw_data().size()) != bytes) {
    return make_error(Code::kInvalidModel, "raw_data has {} bytes but {}{} needs {}; save the model again",
                      proto.raw_data().size(), dtype_name(dtype), to_string(dims), bytes);
  }
  if (proto.raw_data().size() > kCopyBytes && dtype != DType::kBool) {
    auto held = std::make_shared<std::string>(std::move(*proto.mutable_raw_data()));
    if (reinterpret_cast<uintptr_t>(held->data()) % alignof(std::max_align_t) == 0) {
      void* data = held->data();
      return Tensor::view(dtype, std::move(dims), data, std::move(held));
    }
    Tensor copy(dtype, std::move(dims));
    std::memcpy(copy.raw(), held->data(), held->size());
    return copy;
  }
  Tensor tensor(dtype, std::move(dims));
  if (bytes > 0) std::memcpy(tensor.raw(), proto.raw_data().data(), static_cast<size_t>(bytes));
  if (dtype == DType::kBool) normalize_bools(tensor);
  return tensor;
}

}  // namespace

Result<DType> to_dtype(int64_t number) {
  if (number <= 0 || number >= kDTypeCount) {
    return make_error(Code::kInvalidModel, "element type is number {}; expected 1 to {}", number, kDTypeCount - 1);
  }
  return static_cast<DType>(number);
}

Result<int64_t> checked_count(const Dims& dims, DType dtype) {
  // A zero dim makes the count zero, but the others must not overflow strides either.
  int64_t count = 1;
  bool empty = false;
  const int64_t limit = kMaxBytes / std::max(1, (dtype_bits(dtype) + 7) / 8);
  for (const int64_t dim : dims) {
    if (dim < 0) return make_error(Code::kInvalidModel, "shape {} has a negative dimension", to_string(dims));
    if (dim == 0) {
      empty = true;
      continue;
    }
    if (count > limit / dim) {
      return make_error(Code::kInvalidModel, "shape {} of {} is larger than any machine's memory", to_string(dims),
                        dtype_name(dtype));
    }
    count *= dim;
  }
  return empty ? 0 : count;
}

Result<Tensor> to_tensor(TensorProto& proto, ExternalData* external) {
  SINTER_ASSIGN(const DType dtype, to_dtype(proto.data_type()));
  Dims dims(proto.dims().begin(), proto.dims().end());
  SINTER_ASSIGN(const int64_t count, checked_count(dims, dtype));
  if (proto.has_segment()) {
    return make_error(Code::kUnsupported,
                      "the tensor is a segment of a larger one; expected whole tensors; export again");
  }
  if (proto.data_location() == kLocationExternal) {
    if (!external)
      return make_error(Code::kInvalidModel, "external data is not allowed here; store the bytes in the message");
    SINTER_ASSIGN(Tensor tensor, external->load(proto, dtype, std::move(dims)));
    if (dtype == DType::kBool) {
      tensor = tensor.clone();
      normalize_bools(tensor);
    }
    return tensor;
  }
  if (proto.data_location() != kLocationDefault) {
    return make_error(Code::kInvalidModel, "data_location is {}; expected 0 (in the file) or 1 (external)",
                      proto.data_location());
  }
  if (dtype == DType::kString) {
    if (proto.string_data_size() != count) {
      return make_error(Code::kInvalidModel, "string_data has {} entries but string{} needs {}; save the model again",
                        proto.string_data_size(), to_string(dims), count);
    }
    Tensor tensor(dtype, std::move(dims));
    for (int i = 0; i < proto.string_data_size(); ++i) tensor.data<std::string>()[i] = proto.string_data(i);
    return tensor;
  }
  if (proto.has_raw_data() && (!proto.raw_data().empty() || !has_typed_data(proto))) {
    return from_raw(proto, dtype, std::move(dims), count);
  }
  // Only as many bytes are allocated as the message holds values for: a typed entry is at least one element or byte.
  const int64_t entries = std::max({proto.float_data_size(), proto.int32_data_size(), proto.int64_data_size(),
                                    proto.double_data_size(), proto.uint64_data_size()});
  if (dtype_bytes(dtype, count) > 16 * entries) {
    return make_error(Code::kInvalidModel, "the tensor holds {} values but {}{} needs {}; save the model again",
                      entries, dtype_name(dtype), to_string(dims), count);
  }
  Tensor tensor(dtype, std::move(dims));
  SINTER_TRY(copy_typed(proto, tensor));
  return tensor;
}

Result<Tensor> to_tensor(SparseTensorProto& proto, ExternalData* external) {
  SINTER_ASSIGN(Tensor values, to_tensor(*proto.mutable_values(), external));
  SINTER_ASSIGN(Tensor indices, to_tensor(*proto.mutable_indices(), external));
  Dims dims(proto.dims().begin(), proto.dims().end());
  SINTER_ASSIGN(const int64_t count, checked_count(dims, values.dtype()));
  const int64_t bytes = dtype_bytes(values.dtype(), count);
  if (bytes > kMaxSparseBytes) {
    return make_error(Code::kUnsupported, "the sparse tensor {}{} is {} bytes dense; at most {} are supported",
                      dtype_name(values.dtype()), to_string(dims), bytes, kMaxSparseBytes);
  }
  const bool linear = indices.rank() == 1;
  if (dtype_bits(values.dtype()) % 8 != 0 || values.dtype() == DType::kString || values.rank() != 1 ||
      indices.dtype() != DType::kI64 || (!linear && indices.rank() != 2) || indices.dim(0) != values.count() ||
      (!linear && indices.dim(1) != static_cast<int64_t>(dims.size()))) {
    return make_error(Code::kInvalidModel,
                      "the sparse tensor {} has values {} and indices {}; expected values [n] and i64 "
                      "indices [n] or [n,{}]",
                      to_string(dims), values.type().to_string(), indices.type().to_string(), dims.size());
  }
  Tensor dense(values.dtype(), dims);
  const size_t width = static_cast<size_t>(dtype_bits(values.dtype())) / 8;
  auto* out = static_cast<uint8_t*>(dense.raw());
  if (bytes > 0) std::memset(out, 0, static_cast<size_t>(bytes));
  for (int64_t i = 0; i < values.count(); ++i) {
    int64_t position = linear ? indices.data<int64_t>()[i] : 0;
    bool inside = position >= 0 && position < count;
    for (size_t axis = 0; !linear && axis < dims.size(); ++axis) {
      const int64_t index = indices.data<int64_t>()[i * static_cast<int64_t>(dims.size()) + static_cast<int64_t>(axis)];
      inside = inside && index >= 0 && index < dims[axis];
      if (inside) position = position * dims[axis] + index;
    }
    if (!inside || count == 0) {
      return make_error(Code::kInvalidModel, "the sparse tensor {} has an index outside it (entry {})", to_string(dims),
                        i);
    }
    std::memcpy(out + static_cast<size_t>(position) * width,
                static_cast<const uint8_t*>(values.raw()) + static_cast<size_t>(i) * width, width);
  }
  return dense;
}

namespace {

Status no_such_element(int type) {
  return make_error(Code::kUnsupported,
                    "element kind {} of a sequence or optional; expected tensors, sequences or optionals", type);
}

Result<Value> to_value_at(OptionalProto& proto, int depth);

Result<Value> to_value_at(SequenceProto& proto, int depth) {
  if (depth > kMaxValueDepth)
    return make_error(Code::kInvalidModel, "sequences are nested deeper than {}", kMaxValueDepth);
  Sequence sequence;
  switch (proto.elem_type()) {
    case kElementUndefined:
    case kElementTensor:
      for (TensorProto& element : *proto.mutable_tensor_values()) {
        SINTER_ASSIGN(Tensor tensor, to_tensor(element, nullptr));
        sequence.push_back(std::move(tensor));
      }
      break;
    case kElementSequence:
      for (SequenceProto& element : *proto.mutable_sequence_values()) {
        SINTER_ASSIGN(Value value, to_value_at(element, depth + 1));
        sequence.push_back(std::move(value));
      }
      break;
    case kElementOptional:
      for (OptionalProto& element : *proto.mutable_optional_values()) {
        SINTER_ASSIGN(Value value, to_value_at(element, depth + 1));
        sequence.push_back(std::move(value));
      }
      break;
    default: return no_such_element(proto.elem_type());
  }
  return Value(std::move(sequence));
}

Result<Value> to_value_at(OptionalProto& proto, int depth) {
  if (depth > kMaxValueDepth)
    return make_error(Code::kInvalidModel, "optionals are nested deeper than {}", kMaxValueDepth);
  if (proto.has_tensor_value()) {
    SINTER_ASSIGN(Tensor tensor, to_tensor(*proto.mutable_tensor_value(), nullptr));
    return Value(std::move(tensor));
  }
  if (proto.has_sequence_value()) return to_value_at(*proto.mutable_sequence_value(), depth + 1);
  if (proto.has_optional_value()) return to_value_at(*proto.mutable_optional_value(), depth + 1);
  if (proto.has_sparse_tensor_value() || proto.has_map_value()) return no_such_element(proto.elem_type());
  return Value();
}

}  // namespace

Result<Value> to_value(SequenceProto& proto) { return to_value_at(proto, 0); }
Result<Value> to_value(OptionalProto& proto) { return to_value_at(proto, 0); }

TensorProto from_tensor(const Tensor& tensor, const std::string& name) {
  TensorProto proto;
  if (!name.empty()) proto.set_name(name);
  proto.set_data_type(static_cast<int>(tensor.dtype()));
  for (const int64_t dim : tensor.dims()) proto.add_dims(dim);
  if (tensor.dtype() == DType::kString) {
    for (int64_t i = 0; i < tensor.count(); ++i) proto.add_string_data(tensor.data<std::string>()[i]);
  } else if (tensor.bytes() > 0) {
    proto.set_raw_data(tensor.raw(), static_cast<size_t>(tensor.bytes()));
  } else {
    proto.set_raw_data("");
  }
  return proto;
}

SequenceProto from_sequence(const Value& value, const std::string& name) {
  SequenceProto proto;
  if (!name.empty()) proto.set_name(name);
  proto.set_elem_type(kElementTensor);
  for (const Value& element : value.sequence()) {
    if (element.is_tensor()) {
      *proto.add_tensor_values() = from_tensor(element.tensor());
    } else if (element.is_sequence()) {
      proto.set_elem_type(kElementSequence);
      *proto.add_sequence_values() = from_sequence(element);
    } else {
      proto.set_elem_type(kElementOptional);
      *proto.add_optional_values() = from_optional(element);
    }
  }
  return proto;
}

OptionalProto from_optional(const Value& value, const std::string& name) {
  OptionalProto proto;
  if (!name.empty()) proto.set_name(name);
  if (value.is_tensor()) {
    proto.set_elem_type(kElementTensor);
    *proto.mutable_tensor_value() = from_tensor(value.tensor());
  } else if (value.is_sequence()) {
    proto.set_elem_type(kElementSequence);
    *proto.mutable_sequence_value() = from_sequence(value);
  } else {
    proto.set_elem_type(kElementUndefined);
  }
  return proto;
}

}  // namespace sinter::onnx
