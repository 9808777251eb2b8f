#include "onnx/external_data.h"

#include <charconv>
#include <cstring>
#include <filesystem>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sinter::onnx {
namespace {

namespace fs = std::filesystem;

Result<int64_t> parse_size(const std::string& key, const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    return make_error(Code::kInvalidModel, "external data: {} is '{}'; expected a decimal number of bytes", key, text);
  }
  return value;
}

bool is_inside(const fs::path& folder, const fs::path& file) {
  auto step = file.begin();
  for (const fs::path& part : folder) {
    if (step == file.end() || *step != part) return false;
    ++step;
  }
  return step != file.end();
}

}  // namespace

Result<ExternalReference> parse_external(const TensorProto& tensor) {
  ExternalReference reference;
  for (const StringStringEntryProto& entry : tensor.external_data()) {
    if (entry.key() == "location") {
      reference.location = entry.value();
    } else if (entry.key() == "offset") {
      SINTER_ASSIGN(reference.offset, parse_size("offset", entry.value()));
    } else if (entry.key() == "length") {
      SINTER_ASSIGN(reference.length, parse_size("length", entry.value()));
    }
  }
  if (reference.location.empty()) {
    return make_error(Code::kInvalidModel,
                      "external data: no 'location' given; expected the name of a file in the model's folder");
  }
  if (reference.location.find('\0') != std::string::npos) {
    return make_error(Code::kInvalidModel, "external data: the location holds a zero byte; expected a file name");
  }
  return reference;
}

Result<std::shared_ptr<const MappedFile>> ExternalData::file(const std::string& location) {
  if (const auto known = files_.find(location); known != files_.end()) return known->second;
  const fs::path relative(location);
  if (folder_.empty()) {
    return make_error(Code::kInvalidModel,
                      "external data '{}': the model was read from memory and has no folder; "
                      "read it from its file",
                      location);
  }
  if (relative.is_absolute()) {
    return make_error(Code::kInvalidModel,
                      "external data '{}': found an absolute path; expected a path relative to the model's "
                      "folder; move the file there and save the model again",
                      location);
  }
  for (const fs::path& part : relative) {
    if (part == "..") {
      return make_error(Code::kInvalidModel,
                        "external data '{}': the path leaves the model's folder ('..'), which is refused; "
                        "move the file there and save the model again",
                        location);
    }
  }
  std::error_code error;
  const fs::path folder = fs::canonical(folder_, error);
  if (error) return make_error(Code::kIo, "'{}': the model's folder cannot be read: {}", folder_, error.message());
  const fs::path path = fs::canonical(folder / relative, error);
  if (error) {
    return make_error(Code::kNotFound, "external data '{}': no such file in '{}' ({}); copy it beside the model",
                      location, folder_, error.message());
  }
  if (!is_inside(folder, path)) {
    return make_error(Code::kInvalidModel,
                      "external data '{}': a symbolic link leads out of the model's folder, which is refused; "
                      "copy the file into the folder",
                      location);
  }
  SINTER_ASSIGN(std::shared_ptr<const MappedFile> mapped, MappedFile::open(path.string()));
  files_[location] = mapped;
  return mapped;
}

Result<int64_t> ExternalData::size(const std::string& location) {
  SINTER_ASSIGN(const std::shared_ptr<const MappedFile> mapped, file(location));
  return static_cast<int64_t>(mapped->bytes().size());
}

Result<uint64_t> ExternalData::hash_of(const std::string& location) {
  SINTER_ASSIGN(const std::shared_ptr<const MappedFile> mapped, file(location));
  return XXH3_64bits(mapped->bytes().data(), mapped->bytes().size());
}

Result<Tensor> ExternalData::load(const TensorProto& tensor, DType dtype, Dims dims) {
  SINTER_ASSIGN(const ExternalReference reference, parse_external(tensor));
  if (dtype_bits(dtype) == 0) {
    return make_error(Code::kInvalidModel, "external data '{}': strings cannot be external; store them in the model",
                      reference.location);
  }
  SINTER_ASSIGN(const std::shared_ptr<const MappedFile> mapped, file(reference.location));
  const int64_t bytes = dtype_bytes(dtype, product(dims));
  const auto size = static_cast<int64_t>(mapped->bytes().size());
  if (reference.length >= 0 && reference.length != bytes) {
    return make_error(Code::kInvalidModel,
                      "external data '{}': length is {} but {}{} needs {} bytes; save the model again",
                      reference.location, reference.length, dtype_name(dtype), sinter::to_string(dims), bytes);
  }
  if (reference.offset > size || bytes > size - reference.offset) {
    return make_error(Code::kInvalidModel,
                      "external data '{}': {} bytes at offset {} are needed but the file has {}; "
                      "it was cut short or belongs to another model",
                      reference.location, bytes, reference.offset, size);
  }
  const uint8_t* source = mapped->bytes().data() + reference.offset;
  hash_ = XXH3_64bits_withSeed(source, static_cast<size_t>(bytes), hash_);
  const size_t alignment = std::max<size_t>(1, static_cast<size_t>(dtype_bits(dtype)) / 8);
  if (bytes == 0 || reinterpret_cast<uintptr_t>(source) % alignment != 0) {
    Tensor copy(dtype, std::move(dims));
    if (bytes > 0) std::memcpy(copy.raw(), source, static_cast<size_t>(bytes));
    return copy;
  }
  // The mapping is read-only; constants are never written through.
  return Tensor::view(dtype, std::move(dims), const_cast<uint8_t*>(source), mapped);
}

}  // namespace sinter::onnx
