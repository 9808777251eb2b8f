#include "onnx/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace sinter::onnx {
namespace {

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  // Non-blocking, so that a FIFO does not stop us before fstat tells what it is.
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) {
      return make_error(Code::kNotFound, "'{}': no such file; check the path", path);
    }
    return make_error(Code::kIo, "'{}': cannot be opened: {}; check its permissions", path, std::strerror(error));
  }
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) {
    return make_error(Code::kIo, "'{}': cannot be examined: {}", path, std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) {
    return make_error(Code::kInvalidArgument, "'{}': found a {}; expected a regular file", path,
                      S_ISDIR(info.st_mode) ? "folder" : "device or pipe");
  }
  std::shared_ptr<MappedFile> mapped(new MappedFile());
  mapped->path_ = path;
  mapped->size_ = info.st_size;
  if (info.st_size > 0) {
    void* data = ::mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, file.fd, 0);
    if (data == MAP_FAILED) {
      return make_error(Code::kIo, "'{}': {} bytes cannot be mapped: {}", path, info.st_size, std::strerror(errno));
    }
    mapped->data_ = static_cast<const uint8_t*>(data);
  }
  return std::shared_ptr<const MappedFile>(std::move(mapped));
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<uint8_t*>(data_), static_cast<size_t>(size_));
}

Status write_file(const std::string& path, std::string_view bytes) {
  const std::string temporary = fmt::format("{}.tmp{}", path, ::getpid());
  std::FILE* file = std::fopen(temporary.c_str(), "wbe");
  if (!file) return make_error(Code::kIo, "'{}': cannot be written: {}", path, std::strerror(errno));
  bool ok = bytes.empty() || std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  int error = errno;
  if (std::fclose(file) != 0 && ok) {
    ok = false;
    error = errno;
  }
  if (ok && std::rename(temporary.c_str(), path.c_str()) != 0) {
    ok = false;
    error = errno;
  }
  if (!ok) {
    ::unlink(temporary.c_str());
    return make_error(Code::kIo, "'{}': {} bytes cannot be written: {}; nothing was left behind", path, bytes.size(),
                      std::strerror(error));
  }
  return ok_status();
}

}  // namespace sinter::onnx
