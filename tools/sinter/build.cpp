// sinter build: model to engine.
#include <cstdio>
#include <fstream>

#include "common.h"

namespace sinter::tool {

void add_build(CLI::App& app) {
  struct State {
    BuildFlags flags;
    std::string model, output;
    bool quiet = false;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "build", "Builds an engine tuned for this machine.",
                                  "  sinter build resnet50.onnx -o resnet50.engine\n"
                                  "  sinter build bert.onnx -o bert.engine --shapes input_ids:1x128 --threads 1 --timing-cache timings.txt\n"
                                  "  sinter build old.engine -o here.engine        (re-tunes an engine's portable part)");
  command->add_option("MODEL", state->model, "the .onnx file, or an engine to re-tune")->required();
  command->add_option("-o,--output", state->output, "the engine file to write")->required();
  command->add_option("--report", state->flags.report_path, "write the build report as JSON");
  command->add_flag("-q,--quiet", state->quiet, "print no report");
  state->flags.add_to(*command);
  command->callback([state] {
    require(sinter_build(state->model.c_str(), state->flags.get(), state->output.c_str()));
    if (state->quiet) return;
    char* text = nullptr;
    require(sinter_build_report_text(&text));
    std::fputs(Text(text).get(), stdout);
    std::printf("wrote %s\n", state->output.c_str());
  });
}

void add_retune(CLI::App& app) {
  struct State {
    BuildFlags flags;
    std::string engine, output;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "retune", "Tunes an engine for this machine from its portable part.",
                                  "  sinter retune model.engine\n  sinter retune model.engine -o here.engine");
  command->add_option("ENGINE", state->engine, "the engine file")->required();
  command->add_option("-o,--output", state->output, "the engine file to write; default: in place of the old one");
  state->flags.add_to(*command);
  command->callback([state] {
    const std::string& output = state->output.empty() ? state->engine : state->output;
    require(sinter_build(state->engine.c_str(), state->flags.get(), output.c_str()));
    std::printf("wrote %s\n", output.c_str());
  });
}

}  // namespace sinter::tool
