// sinter tactics, conformance and doctor.
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "common.h"

namespace sinter::tool {

void add_tactics(CLI::App& app) {
  struct State {
    BuildFlags flags;
    std::string model, share, layer;
    bool json = false;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "tactics", "Shows every offer for every layer, with its time, the pick and the refusals.",
                                  "  sinter tactics model.onnx --threads 1\n"
                                  "  sinter tactics model.onnx --assert 5%     (fails when a pick is not within 5 % of the best)");
  command->add_option("MODEL", state->model, "an .onnx file")->required();
  command->add_option("--assert", state->share, "largest excess of a pick over the best offer on re-measurement (5%)");
  command->add_option("--layer", state->layer, "only layers whose name contains this");
  command->add_flag("--json", state->json, "print JSON");
  state->flags.add_to(*command);
  command->callback([state] {
    double share = -1;
    if (!state->share.empty()) {
      char* end = nullptr;
      share = std::strtod(state->share.c_str(), &end) / (*end == '%' ? 100 : 1);
      if (end == state->share.c_str() || share < 0) throw CLI::ValidationError("--assert: found '" + state->share + "', expected 5% or 0.05");
    }
    char* text = nullptr;
    require(sinter_tactics_json(state->model.c_str(), state->flags.get(), share, state->layer.empty() ? nullptr : state->layer.c_str(), &text));
    const Text owned(text);
    const auto json = nlohmann::json::parse(text);
    std::fputs(state->json ? text : json.at("text").get<std::string>().c_str(), stdout);
    if (json.at("failed").get<int64_t>() > 0) throw CLI::RuntimeError(kFailed);
  });
}

void add_conformance(CLI::App& app) {
  struct State {
    BuildFlags flags;
    std::vector<std::string> folders;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "conformance", "Runs ONNX backend test folders the whole way: import, passes, engine, run.",
                                  "  sinter conformance onnx-backend-tests/node onnx-backend-tests/simple");
  command->add_option("DIR", state->folders, "test folders, or folders of them")->required();
  state->flags.add_to(*command);
  command->callback([state] {
    std::vector<const char*> folders;
    for (const std::string& folder : state->folders) folders.push_back(folder.c_str());
    int64_t passed = 0, failed = 0, skipped = 0;
    auto print = [](void*, const char* line) { std::printf("%s\n", line); };
    require(sinter_conformance(folders.data(), folders.size(), state->flags.get(), print, nullptr, &passed, &failed, &skipped));
    std::printf("%lld passed, %lld failed, %lld skipped\n", static_cast<long long>(passed), static_cast<long long>(failed), static_cast<long long>(skipped));
    if (failed > 0) throw CLI::RuntimeError(kFailed);
  });
}

void add_doctor(CLI::App& app) {
  auto as_json = std::make_shared<bool>(false);
  CLI::App* command = add_command(app, "doctor", "Shows what this machine offers, what is missing and how to get it.", "  sinter doctor");
  command->add_flag("--json", *as_json, "print JSON");
  command->callback([as_json] {
    char* text = nullptr;
    require(sinter_doctor_json(&text));
    const Text owned(text);
    if (*as_json) return static_cast<void>(std::printf("%s\n", text));
    for (const auto& line : nlohmann::json::parse(text)) {
      const std::string state = line.at("state"), remedy = line.at("remedy");
      std::printf("%-18s %-8s %s\n", line.at("topic").get<std::string>().c_str(), state == "info" ? "" : state.c_str(), line.at("text").get<std::string>().c_str());
      if (!remedy.empty()) std::printf("%-27s to do: %s\n", "", remedy.c_str());
    }
  });
}

}  // namespace sinter::tool
