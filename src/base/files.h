// Files: mapped for reading; written under a temporary name and renamed when whole, so that a failure leaves no partial file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"

namespace sinter {

// A whole regular file, mapped read-only and privately; unmapped by the destructor. An empty file has no bytes.
class MappedFile {
 public:
  static Result<std::shared_ptr<MappedFile>> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const uint8_t> bytes() const { return {data_, size_}; }
  // Lets the kernel drop the pages of [offset, offset + size) from this process; they are read again when touched.
  void release(size_t offset, size_t size) const;

 private:
  MappedFile(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  const uint8_t* data_;
  size_t size_;
};

// Writes PATH by way of a temporary file beside it. Until commit() returns ok PATH is untouched; without a commit the destructor
// removes the temporary file. A symbolic link PATH is replaced, not followed.
class AtomicFile {
 public:
  static Result<std::unique_ptr<AtomicFile>> create(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  Status write(const void* data, size_t size);
  Status write_at(uint64_t offset, const void* data, size_t size);  // within what has been written already
  uint64_t size() const { return size_; }
  // fsync, then rename over PATH.
  Status commit();

 private:
  AtomicFile(std::string path, std::string temporary, int fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}
  Status write_all(const void* data, size_t size, uint64_t offset);
  std::string path_, temporary_;
  int fd_;
  uint64_t size_ = 0;
};

// An exclusive lock on a file, which is made when it is not there; held until destruction, and let go by the system when the process ends.
class FileLock {
 public:
  // Waits for its turn.
  static Result<FileLock> take(const std::string& path);
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

// The whole file in one AtomicFile.
Status write_file(const std::string& path, std::string_view bytes);
// The whole file as a string; kNotFound, kIo.
Result<std::string> read_file(const std::string& path);

}  // namespace sinter
