// sinter cache: the engines that --cache-dir keeps.
#include <cstdio>
#include <cstdint>
#include <ctime>
#include <nlohmann/json.hpp>

#include "common.h"

namespace sinter::tool {
namespace {

constexpr int64_t kDay = 24 * 3600;

std::string size_text(int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / (1 << 20));
  return text;
}

std::string date_text(int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  localtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts);
  return text;
}

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

void list(const std::string& folder, bool as_json) {
  char* text = nullptr;
  require(sinter_cache_list_json(or_null(folder), &text));
  const Text owner(text);
  if (as_json) {
    std::fputs(text, stdout);
    return;
  }
  const auto json = nlohmann::json::parse(text);
  std::printf("%s: %zu engines, %s\n", json["folder"].get<std::string>().c_str(), json["engines"].size(), size_text(json["bytes"].get<int64_t>()).c_str());
  if (!json["engines"].empty()) std::printf("%-16s %10s  %-24s %s\n", "used", "size", "model", "built by");
  for (const auto& engine : json["engines"]) {
    const std::string problem = engine["problem"];
    std::printf("%-16s %10s  %-24s %s\n", date_text(engine["used"].get<int64_t>()).c_str(), size_text(engine["bytes"].get<int64_t>()).c_str(),
                engine["model"].get<std::string>().c_str(), problem.empty() ? engine["command"].get<std::string>().c_str() : problem.c_str());
  }
}

}  // namespace

void add_cache(CLI::App& app) {
  struct State {
    std::string folder, size;
    double days = -1;
    bool json = false, all = false;
  };
  auto state = std::make_shared<State>();
  CLI::App* group = add_command(app, "cache", "Lists and prunes the engines that --cache-dir keeps.",
                                "  sinter cache list engines\n"
                                "  sinter cache prune engines --size 2GiB --older-than 30\n"
                                "Without a folder: sinter/engines in the user's cache folder.");
  group->require_subcommand(1);
  CLI::App* lists = add_command(*group, "list", "Lists engines, least recently used first.", "  sinter cache list\n  sinter cache list engines --json");
  lists->add_option("FOLDER", state->folder, "the folder of --cache-dir");
  lists->add_flag("--json", state->json, "print JSON");
  lists->callback([state] { list(state->folder, state->json); });
  CLI::App* prunes = add_command(*group, "prune", "Removes the least recently used engines.", "  sinter cache prune --size 2GiB\n  sinter cache prune engines --all");
  prunes->add_option("FOLDER", state->folder, "the folder of --cache-dir");
  CLI::Option* size = prunes->add_option("--size", state->size, "remove until so many bytes are left (2GiB)");
  CLI::Option* days = prunes->add_option("--older-than", state->days, "remove what was not used for so many days")->check(CLI::NonNegativeNumber);
  CLI::Option* all = prunes->add_flag("--all", state->all, "remove all engines")->excludes(size)->excludes(days);
  prunes->callback([state, size, days, all] {
    if (size->count() + days->count() + all->count() == 0) throw CLI::ValidationError("what to remove is missing: give --size, --older-than or --all");
    const uint64_t most = state->all ? 0 : size->count() ? parse_size(state->size) : UINT64_MAX;
    const int64_t oldest = days->count() ? static_cast<int64_t>(state->days * kDay) : INT64_MAX;
    uint64_t files = 0, bytes = 0;
    require(sinter_cache_prune(or_null(state->folder), most, oldest, &files, &bytes));
    std::printf("removed %llu engines, %s\n", static_cast<unsigned long long>(files), size_text(static_cast<int64_t>(bytes)).c_str());
  });
}

}  // namespace sinter::tool
