// sinter debug precision: which layers must be in float.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common.h"

namespace sinter::tool {
void add_debug(CLI::App& app) {
  struct State {
    BuildFlags flags;
    std::string model, check, state_file, json;
    double min_cosine = -1, max_error = -1;
  };
  auto state = std::make_shared<State>();
  CLI::App* group = add_command(app, "debug", "Finds what is to blame.", "  sinter debug precision model.onnx --int8 --data photos --preprocess p.json --min-cosine 0.99");
  group->require_subcommand(1);
  CLI::App* command = add_command(*group, "precision", "Finds the smallest set of layers that must be in float for a check to pass.",
                                  "  sinter debug precision model.onnx --int8 --data photos --preprocess p.json --min-cosine 0.99\n"
                                  "  sinter debug precision model.onnx --fp16 --device cuda --data samples.npz --max-error 0.001\n"
                                  "  sinter debug precision detector.onnx --int8 --data photos --preprocess p.json --check './boxes_agree.py {}' --state search.txt\n"
                                  "The command gets the path of an engine ({}, or its last argument) and answers by its exit code: 0 good, 1 to 125 bad.");
  command->add_option("MODEL", state->model, "the .onnx file")->required();
  command->add_option("--check", state->check, "command that says whether an engine is good");
  command->add_option("--min-cosine", state->min_cosine, "good: the cosine of every output with f32's, mean over the samples, is at least this")->check(CLI::Range(0.0, 1.0));
  command->add_option("--max-error", state->max_error, "good: the relative L2 distance of every output from f32's is at most this")->check(CLI::NonNegativeNumber);
  command->add_option("--state", state->state_file, "file of verdicts: an interrupted search goes on from it");
  command->add_option("--json", state->json, "write the result as JSON");
  state->flags.add_to(*command);
  state->flags.add_calibration(*command);
  command->add_option("--data", state->flags.calib_data, "the same as --calib-data");
  command->callback([state] {
    sinter_debug_options options;
    sinter_debug_options_init(&options);
    options.min_cosine = state->min_cosine;
    options.max_error = state->max_error;
    options.state = state->state_file.empty() ? nullptr : state->state_file.c_str();
    if (!state->check.empty()) options.check = run_check, options.check_user = &state->check;
    char* text = nullptr;
    require(sinter_debug_precision_json(state->model.c_str(), state->flags.get(), &options, &text));
    const Text owner(text);
    if (!state->json.empty()) write_text(state->json, text);
    const auto json = nlohmann::ordered_json::parse(text);
    for (const auto& line : json["lines"]) std::printf("%s\n", line.get<std::string>().c_str());
    std::printf("%zu of %lld layers must be in float (%lld engines checked, %lld verdicts of an earlier search)\n", json["layers"].size(), json["candidates"].get<long long>(),
                json["checks"].get<long long>(), json["remembered"].get<long long>());
    if (!json["layers"].empty()) std::printf("%s\n", json["flag"].get<std::string>().c_str());
  });
}

}  // namespace sinter::tool
