// MappedFile: a regular file as read-only memory. Views into it keep it alive through the shared pointer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace sinter::onnx {

class MappedFile {
 public:
  // Not found, no regular file, no permission: an error that names the path.
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  int64_t size() const { return size_; }
  const uint8_t* data() const { return data_; }  // null when empty
  std::string_view bytes() const { return {reinterpret_cast<const char*>(data_), static_cast<size_t>(size_)}; }

 private:
  MappedFile() = default;
  std::string path_;
  const uint8_t* data_ = nullptr;
  int64_t size_ = 0;
};

// Writes the bytes to a temporary name beside `path` and renames it into place, so that a failure leaves no partial file.
Status write_file(const std::string& path, std::string_view bytes);

}  // namespace sinter::onnx
