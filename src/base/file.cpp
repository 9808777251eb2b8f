#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sinter {
namespace {

Code code_of(int error) { return error == ENOENT || error == ENOTDIR ? Code::kNotFound : Code::kIo; }

std::string remedy(int error) {
  switch (error) {
    case ENOENT: return "; check the path";
    case EACCES:
    case EPERM:
    case EROFS: return "; choose a place this user may use";
    case ENOSPC:
    case EDQUOT: return "; free space or choose another place";
    default: return "";
  }
}

Status system_error(const char* what, const std::string& path, int error) {
  return make_error(code_of(error), "'{}': {}: {}{}", path, what, std::strerror(error), remedy(error));
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error("can't open", path, errno);
  struct stat info;
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return make_error(Code::kInvalidArgument, "'{}': found a folder or device, expected a regular file", path);
  }
  void* data = nullptr;
  if (info.st_size > 0) data = ::mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
  const int error = errno;
  ::close(fd);
  if (data == MAP_FAILED) return system_error("can't map", path, error);
  return std::shared_ptr<const MappedFile>(new MappedFile(static_cast<const uint8_t*>(data), info.st_size));
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<uint8_t*>(data_), static_cast<size_t>(size_));
}

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return make_error(Code::kInvalidArgument, "'{}': found a folder, expected the name of a file to write", path);
  }
  std::string temporary = path + ".part-XXXXXX";
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return system_error("can't write", path, errno);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(fd, 0666 & ~mask);
  return AtomicFile(path, std::move(temporary), fd);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)),
      position_(other.position_) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

Status AtomicFile::write(const void* data, int64_t bytes) {
  const char* place = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(fd_, place, static_cast<size_t>(bytes));
    if (written < 0) {
      if (errno == EINTR) continue;
      return system_error("can't write", path_, errno);
    }
    place += written;
    bytes -= written;
    position_ += written;
  }
  return ok_status();
}

Status AtomicFile::commit() {
  if (::fsync(fd_) != 0 && errno != EINVAL && errno != EROFS) return system_error("can't write", path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return system_error("can't rename into place", path_, errno);
  ::close(std::exchange(fd_, -1));
  return ok_status();
}

Status write_file_atomically(const std::string& path, std::string_view contents) {
  SINTER_ASSIGN(AtomicFile file, AtomicFile::create(path));
  SINTER_TRY(file.write(contents.data(), static_cast<int64_t>(contents.size())));
  return file.commit();
}

Result<std::string> read_file(const std::string& path) {
  SINTER_ASSIGN(auto file, MappedFile::open(path));
  return std::string(reinterpret_cast<const char*>(file->data()), static_cast<size_t>(file->size()));
}

}  // namespace sinter
