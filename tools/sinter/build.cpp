// sinter build, retune and sign: model to engine, and an engine for others.
#include <cstdio>
#include <fstream>

#include "gpus.h"

namespace sinter::tool {
namespace {

// An engine is built for one GPU: of several, for the first; says what the others will do with it.
void build_for_the_first(BuildFlags& flags) {
  const std::vector<Gpu> gpus = named_gpus(flags);
  if (gpus.empty()) return;
  flags.set_device(gpus[0].device);
  if (gpus.size() == 1) return;
  std::printf("devices   the engine is built on %s\n", gpus[0].text().c_str());
  for (size_t i = 1; i < gpus.size(); ++i) {
    if (gpus[i].same_kind(gpus[0])) {
      std::printf("          %s is of the same kind and runs it as it is\n", gpus[i].text().c_str());
      continue;
    }
    std::fprintf(stderr,
                 "warning: %s (%d.%d, %d multiprocessors) differs from %s (%d.%d, %d), for which the engine is: it "
                 "runs there less well tuned, or is re-tuned in memory when it is loaded; "
                 "--hardwareCompatibilityLevel=ampere+ makes one for both, or build one for each\n",
                 gpus[i].text().c_str(), gpus[i].capability / 10, gpus[i].capability % 10, gpus[i].processors,
                 gpus[0].text().c_str(), gpus[0].capability / 10, gpus[0].capability % 10, gpus[0].processors);
  }
}

}  // namespace

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
    build_for_the_first(state->flags);
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
