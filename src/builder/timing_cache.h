// Timing cache: what was measured once is not measured again. A text file of one line a timing; safe between processes: save()
// merges under an exclusive lock on FILE.lock and renames a complete new file into place.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace sinter::builder {

struct Timing {
  double us = 0;
  double spread = 0;
};

class TimingCache {
 public:
  // A missing file is an empty cache; a file of another kind is an error, a damaged line is dropped (it will be measured again).
  static Result<TimingCache> load(const std::string& path);
  // Hex digest of everything a timing depends on.
  static std::string key(std::string_view text);

  std::optional<Timing> find(const std::string& key) const;
  void insert(const std::string& key, Timing timing, std::string label);
  // Entries that other processes added meanwhile are kept; for a key that both have, the file's (the first measured) wins.
  Status save(const std::string& path);
  size_t size() const { return entries_.size(); }
  bool changed() const { return changed_; }

 private:
  struct Entry {
    Timing timing;
    std::string label;  // for people: tactic and problem
  };
  static Result<std::map<std::string, Entry>> read(const std::string& path);
  std::map<std::string, Entry> entries_;
  bool changed_ = false;
};

}  // namespace sinter::builder
