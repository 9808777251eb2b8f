#include "base/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace sinter {
namespace {

Status file_error(std::string_view what, const std::string& path, int error) {
  const char* remedy = "check the path and the permissions";
  if (error == ENOSPC || error == EDQUOT) remedy = "free some space or write to another disk";
  if (error == EFBIG) remedy = "raise the limit on the size of files (ulimit -f), or write to another file system";
  if (error == EROFS) remedy = "write to a folder that is not read-only";
  const Code code = error == ENOENT ? Code::kNotFound : error == ENOMEM ? Code::kOutOfMemory : Code::kIo;
  return make_error(code, "file '{}': {} failed: {}; {}", path, what, std::strerror(error), remedy);
}

}  // namespace

Result<std::shared_ptr<MappedFile>> MappedFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // non-blocking: a pipe must not stop us
  if (fd < 0) return file_error("opening", path, errno);
  struct stat info {};
  if (::fstat(fd, &info) != 0) {
    const int error = errno;
    ::close(fd);
    return file_error("reading", path, error);
  }
  if (!S_ISREG(info.st_mode)) {
    ::close(fd);
    return make_error(Code::kIo, "file '{}': it is no regular file; name a file", path);
  }
  const size_t size = static_cast<size_t>(info.st_size);
  const uint8_t* data = nullptr;
  if (size > 0) {
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (address == MAP_FAILED) {
      const int error = errno;
      ::close(fd);
      return file_error("mapping", path, error);
    }
    data = static_cast<const uint8_t*>(address);
  }
  ::close(fd);
  return std::shared_ptr<MappedFile>(new MappedFile(data, size));
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<uint8_t*>(data_), size_);
}

void MappedFile::release(size_t offset, size_t size) const {
  const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t begin = (offset + page - 1) / page * page;
  const size_t end = (offset + size) / page * page;
  if (begin < end && end <= size_) ::madvise(const_cast<uint8_t*>(data_) + begin, end - begin, MADV_DONTNEED);
}

Result<std::unique_ptr<AtomicFile>> AtomicFile::create(const std::string& path) {
  if (path.empty()) return make_error(Code::kInvalidArgument, "output file: the path is empty; name a file");
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return make_error(Code::kIo, "file '{}': it exists and is no regular file; name another output file", path);
  }
  static std::atomic<uint32_t> counter{0};
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string temporary = fmt::format("{}.{}.{}.tmp", path, ::getpid(), counter.fetch_add(1));
    const int fd = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) return std::unique_ptr<AtomicFile>(new AtomicFile(path, temporary, fd));
    if (errno != EEXIST) return file_error("creating", path, errno);
  }
  return file_error("creating", path, EEXIST);
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

Status AtomicFile::write_all(const void* data, size_t size, uint64_t offset) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t count = ::pwrite(fd_, bytes, size, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return file_error("writing", path_, count < 0 ? errno : EIO);
    bytes += count;
    offset += static_cast<uint64_t>(count);
    size -= static_cast<size_t>(count);
  }
  return ok_status();
}

Status AtomicFile::write(const void* data, size_t size) {
  SINTER_TRY(write_all(data, size, size_));
  size_ += size;
  return ok_status();
}

Status AtomicFile::write_at(uint64_t offset, const void* data, size_t size) {
  if (offset > size_ || size > size_ - offset) {
    return make_error(Code::kInternal, "file '{}': write_at past what was written; report this", path_);
  }
  return write_all(data, size, offset);
}

Status AtomicFile::commit() {
  if (::fsync(fd_) != 0 && errno != EINVAL && errno != EROFS) return file_error("flushing", path_, errno);
  const int closed = ::close(fd_);
  fd_ = -1;
  if (closed != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    return file_error("renaming the finished file", path_, error);
  }
  return ok_status();
}

Result<FileLock> FileLock::take(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) {
    return make_error(Code::kIo, "can't open the lock file '{}': {}; choose a folder that can be written", path, std::strerror(errno));
  }
  while (::flock(fd, LOCK_EX) != 0 && errno == EINTR) {}
  return FileLock(fd);
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

Status write_file(const std::string& path, std::string_view bytes) {
  SINTER_ASSIGN(std::unique_ptr<AtomicFile> file, AtomicFile::create(path));
  SINTER_TRY(file->write(bytes.data(), bytes.size()));
  return file->commit();
}

Result<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return file_error("opening", path, errno);
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      ::close(fd);
      return file_error("reading", path, error);
    }
    if (count == 0) break;
    text.append(buffer, static_cast<size_t>(count));
  }
  ::close(fd);
  return text;
}

}  // namespace sinter
