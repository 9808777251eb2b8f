#include "cuda/kernel_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sinter::cuda {
namespace {

namespace fs = std::filesystem;

// Empty: no cache.
fs::path cache_folder() {
  if (const char* knob = std::getenv("SINTER_KERNEL_CACHE")) return std::string_view(knob) == "none" ? fs::path() : fs::path(knob);
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache) return fs::path(cache) / "sinter/kernels";
  if (const char* home = std::getenv("HOME"); home && *home) return fs::path(home) / ".cache/sinter/kernels";
  return {};
}

fs::path by_content(const fs::path& folder, const Tensor& cubin) {
  const XXH128_hash_t hash = XXH3_128bits(cubin.raw(), static_cast<size_t>(cubin.bytes()));
  return folder / fmt::format("made-{:016x}{:016x}.cubin", hash.high64, hash.low64);
}

// A file is the XXH3 of the cubin, then the cubin.
Tensor read_kernel(const fs::path& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  const auto bytes = static_cast<int64_t>(in.tellg());
  uint64_t hash = 0;
  if (!in || bytes <= static_cast<int64_t>(sizeof hash)) return {};
  Tensor cubin(DType::kU8, {bytes - static_cast<int64_t>(sizeof hash)});
  in.seekg(0);
  in.read(reinterpret_cast<char*>(&hash), sizeof hash);
  in.read(cubin.data<char>(), cubin.bytes());
  if (!in || hash != XXH3_64bits(cubin.raw(), static_cast<size_t>(cubin.bytes()))) return {};
  return cubin;
}

// Only the user may have put it there.
bool is_private(const fs::path& folder) {
  struct stat info;
  return ::stat(folder.c_str(), &info) == 0 && (info.st_uid == ::geteuid() || info.st_uid == 0) && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

}  // namespace

Tensor load_cached_kernel(const std::string& name, Author author) {
  const fs::path folder = cache_folder();
  if (folder.empty()) return {};
  const fs::path path = folder / (name + ".cubin");
  Tensor cubin = read_kernel(path);
  std::error_code error;
  if (cubin.defined() && author == Author::kSinter)
    fs::create_hard_link(path, by_content(folder, cubin), error);  // caches of earlier versions lack it
  return cubin;
}

bool is_cached_kernel(const Tensor& cubin) {
  const fs::path folder = cache_folder();
  if (folder.empty() || !is_private(folder)) return false;
  const Tensor made = read_kernel(by_content(folder, cubin));
  return made.defined() && made.bytes() == cubin.bytes() && std::memcmp(made.raw(), cubin.raw(), static_cast<size_t>(cubin.bytes())) == 0;
}

void save_cached_kernel(const std::string& name, const Tensor& cubin, Author author) {
  const fs::path folder = cache_folder();
  if (folder.empty()) return;
  std::error_code error;
  if (fs::create_directories(folder, error)) fs::permissions(folder, fs::perms::owner_all, error);
  const fs::path part = folder / fmt::format("{}.{}.{}.part", name, ::getpid(), reinterpret_cast<uintptr_t>(cubin.raw()));
  const uint64_t hash = XXH3_64bits(cubin.raw(), static_cast<size_t>(cubin.bytes()));
  {
    std::ofstream out(part, std::ios::binary);
    out.write(reinterpret_cast<const char*>(&hash), sizeof hash);
    out.write(cubin.data<char>(), cubin.bytes());
    if (!out.flush()) {
      fs::remove(part, error);
      return;
    }
  }
  fs::rename(part, folder / (name + ".cubin"), error);  // whole or not at all
  if (error) {
    fs::remove(part, error);
    return;
  }
  if (author == Author::kSinter) fs::create_hard_link(folder / (name + ".cubin"), by_content(folder, cubin), error);
}

}  // namespace sinter::cuda
