// Part 2 of sinter.h: the cache of engines.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/version.h"
#include "capi/cache.h"
#include "capi/request.h"
#include "onnx/import.h"
#include "plugin/library.h"
#include "session/engine_cache.h"
#include "session/run.h"

namespace sinter::capi {
namespace {

namespace fs = std::filesystem;
using session::EngineCache;

constexpr int64_t kReadWhole = 64 << 20;  // larger files are told apart by size and time of change

std::string state_of(const fs::path& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return path.string() + " is not there";
  return fmt::format("{} {} {}.{}", path.string(), info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

// What a file or folder that a build reads holds; "" for none.
std::string identity_of(const char* name) {
  if (name == nullptr || *name == 0) return "";
  const fs::path path(name);
  std::error_code error;
  if (fs::is_directory(path, error)) {
    std::vector<std::string> files;
    for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) files.push_back(state_of(entry.path()));
    std::sort(files.begin(), files.end());
    std::string text;
    for (const std::string& file : files) text += file + "\n";
    return EngineCache::key_of(text);
  }
  const auto bytes = fs::file_size(path, error);
  if (error || static_cast<int64_t>(bytes) > kReadWhole) return state_of(path);
  const auto content = read_file(path.string());
  if (!content.ok()) return state_of(path);
  std::string text = *content;
  if (path.extension() == ".txt") {  // a list of files
    for (size_t begin = 0; begin < content->size();) {
      const size_t end = std::min(content->find('\n', begin), content->size());
      const fs::path listed(content->substr(begin, end - begin));
      text += state_of(listed.is_absolute() ? listed : path.parent_path() / listed) + "\n";
      begin = end + 1;
    }
  }
  return EngineCache::key_of(text);
}

std::string machine_of(const session::BuildRequest& request) {
  if (request.build.device) {
    const DeviceSpec& spec = request.build.device->spec();
    return fmt::format("{} sm {} processors {}", request.build.device->name(), spec.sm, spec.processors);
  }
  const CpuInfo& cpu = cpu_info();
  return fmt::format("{} {} {}", cpu.model_name, isa_name(cpu.isa), cpu.avx_vnni);
}

// Whose operators models may hold; to_request has loaded those of the options.
std::string plugins_of_process() {
  std::string text;
  for (const plugin::Library* library : plugin::loaded()) text += fmt::format("plugin {} {} {}\n", library->name, library->version, library->hash);
  return text;
}

// All that the engine depends on.
Result<std::string> key_of(const char* model_path, const session::BuildRequest& request, const sinter_build_options& options) {
  std::string model;
  if (session::is_engine_file(model_path)) {
    model = identity_of(model_path);
  } else {
    SINTER_ASSIGN(model, onnx::whole_content_hash(model_path));
  }
  const std::string calibration = options.calib_data || options.calib_cache
                                      ? fmt::format("data {} preprocess {} cache {} percentile {} batch {} samples {} labels {}", identity_of(options.calib_data),
                                                    identity_of(options.preprocess), identity_of(options.calib_cache), options.calib_percentile, options.calib_batch,
                                                    options.calib_max_samples, identity_of(options.calib_labels))
                                      : "";
  return EngineCache::key_of(fmt::format("sinter {}\nmodel {}\n{}\nbest {} placeholders {}\n{}\n{}\n{}", version(), model, command_of(request, options), options.best,
                                         options.int8_placeholders, calibration, machine_of(request), plugins_of_process()));
}

Result<std::string> folder_of(const char* folder) {
  if (folder != nullptr && *folder != 0) return std::string(folder);
  std::string own = EngineCache::default_folder();
  if (own.empty()) return make_error(Code::kInvalidArgument, "engine cache: neither XDG_CACHE_HOME nor HOME says where it is; name a folder");
  return own;
}

int64_t bytes_of(uint64_t bytes) { return bytes == 0 ? EngineCache::kDefaultBytes : static_cast<int64_t>(std::min<uint64_t>(bytes, INT64_MAX)); }

}  // namespace

Result<std::shared_ptr<const runtime::Engine>> load_cached(const char* model_path, const sinter_build_options& options) {
  if (options.calib_samples || options.accuracy_check) {
    return make_error(Code::kInvalidArgument, "engine cache: found a function that gives samples or checks engines, whose answers no key can hold; give the samples as "
                                              "calib_data, or ranges as calib_cache, or leave cache_dir out");
  }
  SINTER_ASSIGN(const session::BuildRequest request, to_request(model_path, &options));
  runtime::LoadOptions how(engine::Verify::kTarget, request.build.device ? request.build.device->ordinal() : 0);
  how.trusted_keys = request.trusted_keys;
  how.trust_any = request.trust_any;
  const EngineCache cache(options.cache_dir, bytes_of(options.cache_bytes));
  return cache.load_or_build([&] { return key_of(model_path, request, options); },
                             [&]() -> Result<engine::EngineContents> {
                               SINTER_ASSIGN(session::BuildOutcome outcome, build(model_path, &options));
                               SINTER_TRY(std::move(outcome.timing_cache_saved));
                               return std::move(outcome.contents);
                             },
                             how);
}

}  // namespace sinter::capi

using namespace sinter;
using capi::guarded;

extern "C" {

sinter_status sinter_cache_list_json(const char* folder, char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(out != nullptr, "the place for the text"));
    SINTER_ASSIGN(const std::string path, capi::folder_of(folder));
    SINTER_ASSIGN(const auto entries, session::EngineCache(path).list());
    nlohmann::ordered_json json{{"folder", path}, {"engines", nlohmann::ordered_json::array()}};
    int64_t total = 0;
    for (const auto& entry : entries) {
      json["engines"].push_back({{"key", entry.key}, {"path", entry.path}, {"bytes", entry.bytes}, {"used", entry.used}, {"model", entry.model},
                                 {"command", entry.command}, {"device", entry.device}, {"problem", entry.problem}});
      total += entry.bytes;
    }
    json["bytes"] = total;
    *out = capi::copy_text(json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
    return ok_status();
  });
}

sinter_status sinter_cache_prune(const char* folder, uint64_t most_bytes, int64_t oldest_seconds, uint64_t* files, uint64_t* bytes) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(oldest_seconds >= 0, "the greatest age in seconds, not below 0,"));
    SINTER_ASSIGN(const std::string path, capi::folder_of(folder));
    SINTER_ASSIGN(const auto pruned, session::EngineCache(path).prune(static_cast<int64_t>(std::min<uint64_t>(most_bytes, INT64_MAX)), oldest_seconds));
    if (files) *files = static_cast<uint64_t>(pruned.files);
    if (bytes) *bytes = static_cast<uint64_t>(pruned.bytes);
    return ok_status();
  });
}

}  // extern "C"
