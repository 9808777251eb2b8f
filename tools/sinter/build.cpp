// sinter build, retune and sign: model to engine, and an engine for others.
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
                                  "  sinter build resnet50.onnx -o int8.engine --int8 --calib-data photos --preprocess resnet.json --calib-cache resnet50.cache\n"
                                  "  sinter build resnet50.onnx -o int8.engine --int8 --data photos --preprocess resnet.json --labels labels.csv --max-drop 0.5%\n"
                                  "  sinter build bert.onnx -o bert.engine --shapes input_ids:1x128 --threads 1 --timing-cache timings.txt\n"
                                  "  sinter build yolo.onnx -o board.engine --target orin-nano --fp16 --timing-cache board.timings\n"
                                  "  sinter build old.engine -o here.engine        (re-tunes an engine's portable part)");
  command->add_option("MODEL", state->model, "the .onnx file, or an engine to re-tune")->required();
  command->add_option("-o,--output", state->output, "the engine file to write")->required();
  command->add_option("--report", state->flags.report_path, "write the build report as JSON");
  command->add_flag("-q,--quiet", state->quiet, "print no report");
  state->flags.add_to(*command);
  state->flags.add_plugin_check(*command);
  state->flags.add_calibration(*command);
  state->flags.add_target(*command);
  state->flags.add_board(*command);
  state->flags.add_constraints(*command);
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

void add_sign(CLI::App& app) {
  struct State {
    std::string engine, key, output;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "sign", "Signs an engine's device code, so that users who trust the key load it as it is.",
                                  "  openssl genpkey -algorithm ed25519 -out private.pem && openssl pkey -in private.pem -pubout -out public.pem\n"
                                  "  sinter sign model.engine --key private.pem\n"
                                  "  sinter run model.engine --trust public.pem    (another user)");
  command->add_option("ENGINE", state->engine, "the engine file")->required();
  command->add_option("--key", state->key, "the private key, a PEM file")->required();
  command->add_option("-o,--output", state->output, "the engine file to write; default: in place of the old one");
  command->callback([state] {
    const std::string& output = state->output.empty() ? state->engine : state->output;
    require(sinter_sign(state->engine.c_str(), state->key.c_str(), output.c_str()));
    std::printf("wrote %s\n", output.c_str());
  });
}

}  // namespace sinter::tool
