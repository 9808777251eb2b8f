// Files: whole reads, memory maps, and writes that leave either the old file or the complete new one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace sinter {

// A read-only private memory map of a file. Bytes stay valid as long as the object; an empty file has data() == nullptr.
class MappedFile {
 public:
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  const uint8_t* data() const { return data_; }
  int64_t size() const { return size_; }
  std::span<const uint8_t> bytes() const { return {data_, static_cast<size_t>(size_)}; }

 private:
  MappedFile(const uint8_t* data, int64_t size) : data_(data), size_(size) {}
  const uint8_t* data_;
  int64_t size_;
};

// Writes a file piece by piece under a temporary name in the same folder; commit() flushes it to disk and renames it into place. A
// writer destroyed without commit leaves nothing behind.
class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();
  Status write(const void* data, int64_t bytes);
  Status commit();
  int64_t position() const { return position_; }

 private:
  AtomicFile(std::string path, std::string temporary, int fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}
  std::string path_, temporary_;
  int fd_;
  int64_t position_ = 0;
};

Status write_file_atomically(const std::string& path, std::string_view contents);
Result<std::string> read_file(const std::string& path);

}  // namespace sinter
