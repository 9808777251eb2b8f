// A folder of engines that were built once: the same model, options and machine get the engine from there, others build it and put it there.
//
// Files are KEY.engine; they are replaced whole, so that processes that read and write side by side see whole engines only, and KEY.lock makes one
// of many builders of the same engine work while the others wait for its result. What was not used for longest goes when there is no room.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine_file.h"
#include "runtime/engine.h"

namespace sinter::session {

class EngineCache {
 public:
  struct Entry {
    std::string key, path;
    int64_t bytes = 0;
    int64_t used = 0;  // seconds since 1970: when it was built or loaded last
    std::string model, command, device, problem;  // of its manifest; `problem`: why it can't be read, "" when it can
  };
  struct Pruned {
    int64_t files = 0, bytes = 0;
  };

  static constexpr int64_t kDefaultBytes = int64_t{8} << 30;
  // sinter/engines in the user's cache folder; "" where the user has none.
  static std::string default_folder();

  explicit EngineCache(std::string folder, int64_t most_bytes = kDefaultBytes) : folder_(std::move(folder)), most_bytes_(most_bytes) {}

  // Hex digest of a text that says all that an engine depends on.
  static std::string key_of(std::string_view text);

  // The engine of `key`, or what `build` makes. A file that does not load (damaged, of another version) is built anew. `key` is asked again after the build,
  // which may have written what it depends on. A cache that can't be written costs a warning, not the engine.
  using KeyOf = std::function<Result<std::string>()>;
  using Build = std::function<Result<engine::EngineContents>()>;
  Result<std::shared_ptr<const runtime::Engine>> load_or_build(const KeyOf& key, const Build& build, const runtime::LoadOptions& how) const;

  // Least recently used first.
  Result<std::vector<Entry>> list() const;
  // Removes engines until `most_bytes` are left, and those not used for `oldest_seconds`; what unfinished builds left behind goes too.
  Result<Pruned> prune(int64_t most_bytes, int64_t oldest_seconds = INT64_MAX) const;

 private:
  std::string path_of(const std::string& key) const;
  std::shared_ptr<const runtime::Engine> find(const std::string& key, const runtime::LoadOptions& how) const;
  Result<std::shared_ptr<const runtime::Engine>> keep(const std::string& key, engine::EngineContents contents, const runtime::LoadOptions& how) const;

  std::string folder_;
  int64_t most_bytes_;
};

}  // namespace sinter::session
