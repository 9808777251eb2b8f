// sinter inspect and sinter check: what is in a model or an engine, and what is wrong with a model.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common.h"

namespace sinter::tool {
namespace {

using Json = nlohmann::ordered_json;

void print_io(const Json& json, const char* key) {
  std::printf("%s:\n", key);
  for (const Json& item : json.at(key)) std::printf("  %s: %s\n", item.at("name").get<std::string>().c_str(), item.at("type").get<std::string>().c_str());
}

std::string as_text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

void print_model(const Json& json) {
  std::printf("IR version: %s\nproducer: %s %s\n", json.at("ir_version").dump().c_str(), json.at("producer").get<std::string>().c_str(),
              json.at("producer_version").get<std::string>().c_str());
  for (const auto& [domain, version] : json.at("opsets").items()) std::printf("opset %s: %s\n", domain.empty() ? "ai.onnx" : domain.c_str(), version.dump().c_str());
  print_io(json, "inputs");
  print_io(json, "outputs");
  std::printf("operators:\n");
  std::vector<std::pair<int64_t, std::string>> rows;
  for (const auto& [name, count] : json.at("operators").items()) rows.emplace_back(-count.get<int64_t>(), name);
  std::sort(rows.begin(), rows.end());
  for (const auto& [count, name] : rows) std::printf("  %s: %lld\n", name.c_str(), static_cast<long long>(-count));
  for (const char* key : {"nodes", "initializer_bytes"}) std::printf("%s: %s\n", key, json.at(key).dump().c_str());
}

void print_engine(const Json& json) {
  for (const auto& [key, value] : json.at("manifest").items()) {
    if (!value.is_array() && !value.is_object()) std::printf("%s: %s\n", key.c_str(), as_text(value).c_str());
    else if (key != "inputs" && key != "outputs") std::printf("%s: %s\n", key.c_str(), value.dump().c_str());
  }
  print_io(json.at("manifest"), "inputs");
  print_io(json.at("manifest"), "outputs");
  std::printf("layers:\n");
  const Json report = json.value("report", Json::object());
  if (!report.contains("layers")) return;
  for (const Json& layer : report.at("layers")) {
    std::printf("  %-40.40s %-24s %-12s %10.1f us  %s\n", layer.at("name").get<std::string>().c_str(), layer.at("tactic").get<std::string>().c_str(),
                layer.at("precision").get<std::string>().c_str(), layer.at("us").get<double>(), layer.at("problem").get<std::string>().c_str());
  }
}

}  // namespace

void add_inspect(CLI::App& app) {
  struct State {
    std::string path;
    bool json = false;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "inspect", "Shows what is in a model or an engine.", "  sinter inspect model.onnx\n  sinter inspect model.engine --json");
  command->add_option("FILE", state->path, "an .onnx file or an engine")->required();
  command->add_flag("--json", state->json, "print JSON");
  command->callback([state] {
    char* text = nullptr;
    require(sinter_inspect_json(state->path.c_str(), &text));
    const Text owned(text);
    if (state->json) return static_cast<void>(std::printf("%s\n", text));
    const Json json = Json::parse(text);
    if (json.at("kind") == "model") print_model(json);
    else print_engine(json);
  });
}

namespace {

void print_coverage(const Json& coverage) {
  const std::pair<const char*, const char*> kinds[] = {{"fast", "fast kernels"}, {"reference", "reference kernels (slow)"}, {"views", "no work"}, {"control", "control flow"}};
  for (const auto& [key, label] : kinds) {
    std::string list;
    for (const auto& [op, count] : coverage.at(key).items()) list += (list.empty() ? "" : ", ") + op + " " + count.dump();
    if (!list.empty()) std::printf("%s: %s\n", label, list.c_str());
  }
  for (const auto& [op, why] : coverage.at("reasons").items()) std::printf("  %s, %s\n", op.c_str(), why.get<std::string>().c_str());
}

// What runs of the plugins' kernels in a child process found, behind the problems of the model.
void add_plugin_problems(const std::string& path, Json& json) {
  char* text = nullptr;
  require(sinter_check_plugins_json(path.c_str(), nullptr, &text));
  const Json found = Json::parse(Text(text).get());
  for (const Json& problem : found.at("problems")) json["problems"].push_back(problem);
  json["plugin_nodes"] = found.at("nodes");
}

}  // namespace

void add_check(CLI::App& app) {
  struct State {
    std::string path;
    bool json = false, check_plugins = false;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "check", "Reports every problem of a model, and what its operators run on.", "  sinter check model.onnx\n  sinter check model.onnx --plugins=my.so --check-plugins");
  command->add_option("MODEL", state->path, "an .onnx file")->required();
  command->add_flag("--check-plugins", state->check_plugins, "run the kernels of plugins in a child process, their tensors between guard pages");
  command->add_flag("--json", state->json, "print JSON");
  command->callback([state] {
    char* text = nullptr;
    require(sinter_check_json(state->path.c_str(), &text));
    const Text owned(text);
    Json json = Json::parse(text);
    if (state->check_plugins && json.contains("coverage")) add_plugin_problems(state->path, json);
    int64_t errors = 0;
    for (const Json& problem : json.at("problems")) errors += problem.value("warning", false) ? 0 : 1;
    if (state->json) {
      std::printf("%s\n", json.dump(1).c_str());
    } else {
      for (const Json& problem : json.at("problems")) {
        std::printf("%s: %s\n", problem.value("warning", false) ? "warning" : "error", problem.at("message").get<std::string>().c_str());
      }
      if (json.contains("coverage")) print_coverage(json.at("coverage"));
      if (json.contains("plugin_nodes")) std::printf("kernels of plugins tried: %s\n", json.at("plugin_nodes").dump().c_str());
      std::printf("%lld errors, %lld warnings\n", static_cast<long long>(errors), static_cast<long long>(json.at("problems").size() - static_cast<size_t>(errors)));
    }
    if (errors > 0) throw CLI::RuntimeError(kFailed);
  });
}

void add_operators(CLI::App& app) {
  struct State {
    bool json = false;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "operators", "Lists the operators that models may hold.", "  sinter operators --json");
  command->add_flag("--json", state->json, "print schemas as JSON");
  command->callback([state] {
    char* text = nullptr;
    require(sinter_operators_json(&text));
    const Text owned(text);
    if (state->json) return static_cast<void>(std::printf("%s\n", text));
    const Json json = Json::parse(text);
    for (const Json& op : json.at("operators")) std::printf("%s.%s\n", op.at("domain").get<std::string>().c_str(), op.at("name").get<std::string>().c_str());
    std::printf("%zu operators\n", json.at("operators").size());
  });
}

}  // namespace sinter::tool
