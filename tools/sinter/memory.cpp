// sinter memory: what a model will take of a device's memory, before anything is built.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common.h"

namespace sinter::tool {
namespace {

using Json = nlohmann::ordered_json;

struct State {
  std::string model, device = "orin-nano-8gb", shapes, max_shapes;
  std::vector<int64_t> batches;
  bool desktop = false, json = false;
};

std::string mib(const Json& bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", bytes.get<double>() / (1 << 20));
  return text;
}

void print(const Json& json) {
  const Json& device = json.at("device");
  std::printf("%s: %s MiB", device.at("text").get<std::string>().c_str(), mib(device.at("total")).c_str());
  const std::pair<const char*, const char*> shares[] = {{"system", "system"}, {"desktop", "desktop"}, {"cuda", "CUDA"}, {"runtime", "runtime"}};
  for (const auto& [key, label] : shares) {
    if (device.at(key).get<int64_t>() > 0) std::printf(" - %s %s", label, mib(device.at(key)).c_str());
  }
  std::printf(" = %s MiB for the model\n\n", mib(json.at("budget")).c_str());
  std::printf("%-9s %6s %10s %12s %10s %10s %10s\n", "precision", "batch", "weights", "activations", "workspace", "I/O", "total MiB");
  for (const Json& row : json.at("rows")) {
    std::printf("%-9s %6lld %10s %12s %10s %10s %10s%s\n", row.at("precision").get<std::string>().c_str(), static_cast<long long>(row.at("batch").get<int64_t>()),
                mib(row.at("weights")).c_str(), mib(row.at("activations")).c_str(), mib(row.at("workspace")).c_str(), mib(row.at("io")).c_str(), mib(row.at("total")).c_str(),
                row.at("fits").get<bool>() ? "" : "  does not fit");
  }
  std::printf("\n");
  for (const Json& entry : json.at("largest_batch")) {
    const auto batch = entry.at("batch").get<int64_t>();
    const std::string precision = entry.at("precision").get<std::string>();
    if (!json.at("any_batch").get<bool>()) std::printf("%s: %s\n", precision.c_str(), batch ? "fits" : "does not fit");
    else if (batch == 0) std::printf("%s: not even a batch of 1 fits\n", precision.c_str());
    else std::printf("%s: the largest batch that fits is %lld\n", precision.c_str(), static_cast<long long>(batch));
  }
  if (const auto why = json.at("fixed_why").get<std::string>(); !why.empty()) std::printf("the batch stays as it is: %s\n", why.c_str());
  if (const auto unknown = json.at("unknown_values").get<int64_t>(); unknown > 0) {
    std::printf("%lld values whose size depends on data are not counted\n", static_cast<long long>(unknown));
  }
}

}  // namespace

void add_memory(CLI::App& app) {
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "memory", "Estimates what a model will take of a device's memory, and the largest batch that fits.",
                                  "  sinter memory resnet50.onnx\n  sinter memory yolov8s.onnx --device orin-nano-4gb --desktop --batch 1 8\n  sinter memory model.onnx --device 6GiB --shapes x:1x3x720x1280");
  command->add_option("MODEL", state->model, "an .onnx file")->required();
  command->add_option("--device", state->device, "orin-nano-8gb (default), orin-nano-4gb, or a size such as 6GiB, all of it for the model");
  command->add_flag("--desktop", state->desktop, "a desktop runs on the board");
  command->add_option("--batch", state->batches, "batches to estimate (default: 1 4 16)")->expected(1, -1)->check(CLI::PositiveNumber);
  command->add_option("--shapes,--optShapes", state->shapes, "NAME:1x3x224x224,...: dims of dynamic inputs");
  command->add_option("--maxShapes", state->max_shapes, "the largest dims, in place of --shapes");
  command->add_flag("--json", state->json, "print JSON");
  command->callback([state] {
    sinter_build_options build;
    sinter_build_options_init(&build);
    const std::string& shapes = state->max_shapes.empty() ? state->shapes : state->max_shapes;
    if (!shapes.empty()) build.shapes = shapes.c_str();
    sinter_memory_options options;
    sinter_memory_options_init(&options);
    options.device = state->device.c_str();
    options.desktop = state->desktop;
    options.batches = state->batches.data();
    options.batch_count = state->batches.size();
    char* text = nullptr;
    require(sinter_memory_json(state->model.c_str(), &build, &options, &text));
    const Text owned(text);
    if (state->json) std::printf("%s\n", text);
    else print(Json::parse(text));
  });
}

}  // namespace sinter::tool
