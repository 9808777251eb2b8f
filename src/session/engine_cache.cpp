#include "session/engine_cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "base/files.h"
#include "base/log.h"
#include "builder/timing_cache.h"

namespace sinter::session {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".engine", kLockSuffix = ".lock", kTemporarySuffix = ".tmp";
constexpr int64_t kStaleSeconds = 24 * 3600;  // locks and temporary files older than this belong to nobody

int64_t seconds_now() { return static_cast<int64_t>(std::time(nullptr)); }

// An advisory mark: a failure only makes the engine look older than it is.
void touch(const std::string& path) { ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0); }

struct Found {
  std::string path, stem;
  int64_t bytes = 0, changed = 0;
  bool engine = false;
};

Result<std::vector<Found>> files_of(const std::string& folder) {
  std::vector<Found> found;
  std::error_code error;
  if (!fs::exists(folder, error)) return found;
  fs::directory_iterator entries(folder, error);
  if (error) return make_error(Code::kIo, "engine cache '{}': can't be read: {}; choose another folder", folder, error.message());
  for (const fs::directory_entry& entry : entries) {
    struct stat info;
    const std::string path = entry.path().string();
    if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;  // gone meanwhile, or not ours
    const std::string suffix = entry.path().extension().string();
    if (suffix != kSuffix && suffix != kLockSuffix && suffix != kTemporarySuffix) continue;
    found.push_back({path, entry.path().stem().string(), static_cast<int64_t>(info.st_size), static_cast<int64_t>(info.st_mtime), suffix == kSuffix});
  }
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return std::pair(a.changed, a.path) < std::pair(b.changed, b.path); });
  return found;
}

}  // namespace

std::string EngineCache::default_folder() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache) return fs::path(cache) / "sinter/engines";
  if (const char* home = std::getenv("HOME"); home && *home) return fs::path(home) / ".cache/sinter/engines";
  return "";
}

std::string EngineCache::key_of(std::string_view text) { return builder::TimingCache::key(text); }

std::string EngineCache::path_of(const std::string& key) const { return (fs::path(folder_) / (key + std::string(kSuffix))).string(); }

std::shared_ptr<const runtime::Engine> EngineCache::find(const std::string& key, const runtime::LoadOptions& how) const {
  const std::string path = path_of(key);
  std::error_code error;
  if (!fs::exists(path, error)) return nullptr;
  auto engine = runtime::Engine::load(path, how);
  if (!engine.ok()) {
    log(Severity::kInfo, "engine cache: {}; it is built anew", engine.status().message());
    return nullptr;
  }
  touch(path);
  return std::move(engine).value();
}

Result<std::shared_ptr<const runtime::Engine>> EngineCache::keep(const std::string& key, engine::EngineContents contents, const runtime::LoadOptions& how) const {
  const Status written = engine::write_engine(contents, path_of(key));
  if (!written.ok()) {
    log(Severity::kWarning, "engine cache '{}': {}; the engine is used from memory and will be built again", folder_, written.message());
    return runtime::Engine::from_contents(std::move(contents), how);
  }
  if (auto engine = find(key, how)) {
    const auto pruned = prune(most_bytes_);
    if (!pruned.ok()) log(Severity::kWarning, "{}", pruned.status().message());
    return engine;
  }
  return runtime::Engine::from_contents(std::move(contents), how);
}

Result<std::shared_ptr<const runtime::Engine>> EngineCache::load_or_build(const KeyOf& key, const Build& build, const runtime::LoadOptions& how) const {
  SINTER_ASSIGN(const std::string before, key());
  if (auto engine = find(before, how)) return engine;
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return make_error(Code::kIo, "engine cache '{}': can't be made: {}; choose another folder", folder_, error.message());
  SINTER_ASSIGN(const FileLock lock, FileLock::take((fs::path(folder_) / (before + std::string(kLockSuffix))).string()));
  if (auto engine = find(before, how)) return engine;  // made by who held the lock
  SINTER_ASSIGN(engine::EngineContents contents, build());
  SINTER_ASSIGN(const std::string after, key());
  return keep(after, std::move(contents), how);
}

Result<std::vector<EngineCache::Entry>> EngineCache::list() const {
  SINTER_ASSIGN(const std::vector<Found> files, files_of(folder_));
  std::vector<Entry> entries;
  for (const Found& file : files) {
    if (!file.engine) continue;
    Entry entry{file.stem, file.path, file.bytes, file.changed, "", "", "", ""};
    const auto opened = engine::EngineFile::open(file.path, engine::Verify::kMetadata);
    if (opened.ok()) {
      const engine::Manifest& manifest = (*opened)->manifest();
      entry.model = manifest.model_name;
      entry.command = manifest.build_command;
      entry.device = manifest.device;
    } else {
      entry.problem = opened.status().message();
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<EngineCache::Pruned> EngineCache::prune(int64_t most_bytes, int64_t oldest_seconds) const {
  SINTER_ASSIGN(const std::vector<Found> files, files_of(folder_));
  int64_t left = 0;
  for (const Found& file : files) left += file.engine ? file.bytes : 0;
  const int64_t now = seconds_now();
  Pruned pruned;
  for (const Found& file : files) {
    const int64_t age = now - file.changed;
    if (!(file.engine ? left > most_bytes || age > oldest_seconds : age > kStaleSeconds)) continue;
    std::error_code error;
    if (!fs::remove(file.path, error)) continue;  // another process was first
    if (!file.engine) continue;
    left -= file.bytes;
    ++pruned.files;
    pruned.bytes += file.bytes;
  }
  return pruned;
}

}  // namespace sinter::session
