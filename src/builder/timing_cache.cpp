#include "builder/timing_cache.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>

#include "base/files.h"

namespace sinter::builder {
namespace {

constexpr std::string_view kHeader = "sinter timing cache 1";
constexpr size_t kKeyDigits = 32;

bool parse_double(std::string_view text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(value) && value >= 0;
}

}  // namespace

std::string TimingCache::key(std::string_view text) {
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

Result<std::map<std::string, TimingCache::Entry>> TimingCache::read(const std::string& path) {
  std::map<std::string, Entry> entries;
  std::ifstream in(path);
  if (!in) {
    if (::access(path.c_str(), F_OK) != 0) return entries;
    return make_error(Code::kIo, "timing cache '{}': can't be read: {}", path, std::strerror(errno));
  }
  std::string line;
  if (!std::getline(in, line)) return entries;  // empty: made by mktemp or the like
  if (line != kHeader) {
    return make_error(Code::kInvalidArgument,
                      "timing cache '{}': begins with '{}', expected '{}'; it is no timing cache of this version: remove it or "
                      "name another file",
                      path, line.substr(0, 40), kHeader);
  }
  while (std::getline(in, line)) {
    const std::string_view text = line;
    const size_t a = text.find('\t'), b = text.find('\t', a + 1), c = text.find('\t', b + 1);
    if (a != kKeyDigits || b == text.npos || c == text.npos) continue;
    Entry entry;
    if (!parse_double(text.substr(a + 1, b - a - 1), entry.timing.us)) continue;
    if (!parse_double(text.substr(b + 1, c - b - 1), entry.timing.spread)) continue;
    entry.label = text.substr(c + 1);
    entries.emplace(text.substr(0, a), std::move(entry));
  }
  return entries;
}

Result<TimingCache> TimingCache::load(const std::string& path) {
  TimingCache cache;
  SINTER_ASSIGN(cache.entries_, read(path));
  return cache;
}

std::optional<Timing> TimingCache::find(const std::string& key) const {
  const auto it = entries_.find(key);
  if (it == entries_.end()) return std::nullopt;
  return it->second.timing;
}

void TimingCache::insert(const std::string& key, Timing timing, std::string label) {
  for (char& c : label) {
    if (c == '\t' || c == '\n' || c == '\r') c = ' ';
  }
  entries_[key] = {timing, std::move(label)};
  changed_ = true;
}

Status TimingCache::save(const std::string& path) {
  SINTER_ASSIGN(const FileLock lock, FileLock::take(path + ".lock"));
  SINTER_ASSIGN(auto merged, read(path));
  for (const auto& [key, entry] : entries_) merged.emplace(key, entry);
  std::string text(kHeader);
  text += '\n';
  for (const auto& [key, entry] : merged) {
    text += fmt::format("{}\t{}\t{}\t{}\n", key, entry.timing.us, entry.timing.spread, entry.label);
  }
  SINTER_TRY(write_file(path, text));
  entries_ = std::move(merged);
  changed_ = false;
  return ok_status();
}

}  // namespace sinter::builder
