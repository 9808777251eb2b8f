#include "onnx/tensor_io.h"

#include <cstring>

#include "base/files.h"
#include "onnx/model_file.h"
#include "onnx/tensor_proto.h"

namespace sinter::onnx {
namespace {

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

bool ends_with(std::string_view text, std::string_view ending) {
  return text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending;
}

}  // namespace

Result<Value> parse_pb(std::string_view bytes, const ValueType& expected, const std::string& label) {
  const auto trail = [&](Status status) { return std::move(status).with(fmt::format("while reading '{}'", label)); };
  if (expected.is_sequence()) {
    SequenceProto proto;
    SINTER_TRY(parse_message(bytes, proto, label));
    Result<Value> value = to_value(proto);
    return value.ok() ? std::move(value) : Result<Value>(trail(std::move(value).status()));
  }
  if (expected.is_optional()) {
    OptionalProto proto;
    SINTER_TRY(parse_message(bytes, proto, label));
    Result<Value> value = to_value(proto);
    return value.ok() ? std::move(value) : Result<Value>(trail(std::move(value).status()));
  }
  TensorProto proto;
  SINTER_TRY(parse_message(bytes, proto, label));
  Result<Tensor> tensor = to_tensor(proto, nullptr);
  if (!tensor.ok()) return trail(std::move(tensor).status());
  return Value(std::move(tensor).value());
}

Result<Value> read_pb(const std::string& path, const ValueType& expected) {
  SINTER_ASSIGN(const auto file, MappedFile::open(path));
  return parse_pb(text_of(*file), expected, path);
}

Status write_pb(const std::string& path, const Value& value, const ValueType& type, const std::string& name) {
  std::string bytes;
  if (type.is_optional()) {
    bytes = from_optional(value, name).SerializeAsString();
  } else if (value.is_sequence()) {
    bytes = from_sequence(value, name).SerializeAsString();
  } else if (value.is_tensor()) {
    bytes = from_tensor(value.tensor(), name).SerializeAsString();
  } else {
    return make_error(Code::kInvalidArgument, "'{}': the value is absent; expected a tensor or a sequence", path);
  }
  return write_file(path, bytes);
}

Result<Tensor> read_bin(const std::string& path, DType dtype, const Dims& dims) {
  SINTER_ASSIGN(const auto file, MappedFile::open(path));
  SINTER_ASSIGN(const int64_t count, checked_count(dims, dtype));
  if (dtype_bits(dtype) == 0) {
    return make_error(Code::kInvalidArgument, "'{}': strings have no raw form; use a .pb file", path);
  }
  const int64_t bytes = dtype_bytes(dtype, count);
  if (static_cast<int64_t>(file->bytes().size()) != bytes) {
    return make_error(Code::kInvalidArgument, "'{}': found {} bytes; {}{} has {}; check the type and the shape", path,
                      file->bytes().size(), dtype_name(dtype), to_string(dims), bytes);
  }
  Tensor tensor(dtype, dims);
  if (bytes > 0) std::memcpy(tensor.raw(), file->bytes().data(), static_cast<size_t>(bytes));
  if (dtype == DType::kBool) {
    for (int64_t i = 0; i < count; ++i) tensor.data<uint8_t>()[i] = tensor.data<uint8_t>()[i] != 0;
  }
  return tensor;
}

Result<Value> read_value(const std::string& path, const ValueType& expected) {
  if (ends_with(path, ".pb")) return read_pb(path, expected);
  if (ends_with(path, ".npy")) {
    SINTER_ASSIGN(Tensor tensor, read_npy(path));
    return Value(std::move(tensor));
  }
  const std::optional<Dims> dims =
      expected.is_tensor() && expected.shape ? constant_dims(*expected.shape) : std::nullopt;
  if (!dims) {
    return make_error(Code::kInvalidArgument,
                      "'{}': raw elements need a known shape, the input is {}; give its shape, or use .npy", path,
                      expected.to_string());
  }
  SINTER_ASSIGN(Tensor tensor, read_bin(path, expected.dtype, *dims));
  return Value(std::move(tensor));
}

}  // namespace sinter::onnx
