// sinter calibrate, eval and compare: ranges for int8, and accuracy.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "gpus.h"

namespace sinter::tool {
namespace {

using Json = nlohmann::ordered_json;

// Ctrl-C ends a calibration at the next sample, with its state written; a second one ends the program.
std::atomic<bool> stop_asked{false};

void on_interrupt(int) {
  stop_asked = true;
  std::signal(SIGINT, SIG_DFL);
}

sinter_progress_fn progress_shown = nullptr;

int progress_or_stop(void* user, const char* phase, int64_t done, int64_t total) {
  if (progress_shown) progress_shown(user, phase, done, total);
  return stop_asked ? 1 : 0;
}

}  // namespace

void add_calibrate(CLI::App& app) {
  struct State {
    BuildFlags flags;
    std::string model, json;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "calibrate", "Finds the ranges of a model's tensors for int8 from samples, and writes them to a calibration cache.",
                                  "  sinter calibrate resnet50.onnx --calib-data photos --preprocess resnet.json --calib-cache resnet50.cache\n"
                                  "  sinter calibrate model.onnx --calib-data samples.npz --calib-cache c.cache --calib-algorithm percentile --calib-percentile 99.9\n"
                                  "resnet.json: {\"resize_short\": 256, \"crop\": [224, 224], \"color\": \"RGB\", \"scale\": 0.00392157,\n"
                                  "              \"mean\": [0.485, 0.456, 0.406], \"std\": [0.229, 0.224, 0.225], \"layout\": \"NCHW\"}\n"
                                  "Interrupted (Ctrl-C, or killed), the same command goes on from CACHE.resume.");
  command->add_option("MODEL", state->model, "the .onnx file")->required();
  command->add_option("--json", state->json, "write ranges, counts and warnings as JSON");
  state->flags.add_to(*command);
  state->flags.add_calibration(*command);
  command->callback([state] {
    if (state->flags.calib_data.empty()) throw CLI::ValidationError("--calib-data is needed: a folder of samples");
    if (state->flags.calib_cache.empty() && state->json.empty()) throw CLI::ValidationError("--calib-cache is needed: the file to write");
    sinter_build_options options = *state->flags.get();
    progress_shown = options.progress;
    options.progress = progress_or_stop;
    std::signal(SIGINT, on_interrupt);
    char* text = nullptr;
    require(sinter_calibrate_json(state->model.c_str(), &options, &text));
    const Text owner(text);
    if (!state->json.empty()) write_text(state->json, text);
    const Json json = Json::parse(text);
    std::printf("calibrated %zu tensors with %lld samples (%s) in %.1f s\n", json["tensors"].size(), json["samples"].get<long long>(),
                json["algorithm"].get<std::string>().c_str(), json["seconds"].get<double>());
    if (!state->flags.calib_cache.empty()) std::printf("wrote %s\n", state->flags.calib_cache.c_str());
  });
}

void add_eval(CLI::App& app) {
  struct State {
    BuildFlags flags;
    std::string path, data, labels, output, json;
    int batch = 0;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(
      app, "eval", "Measures a classifier's top-1 and top-5 accuracy on labelled samples.",
      "  sinter eval model.engine --data photos --labels labels.csv --preprocess resnet.json\n"
      "  sinter eval model.onnx --data photos --labels labels.csv --preprocess resnet.json --json accuracy.json\n"
      "  sinter eval gpu.engine --device cuda:all --data photos --labels labels.csv --preprocess resnet.json   (all "
      "GPUs share the samples)\n"
      "labels.csv: lines of file,class_index (columns may be named so in the first line; others are ignored)");
  command->add_option("PATH", state->path, "an engine, or an .onnx file (built in memory)")->required();
  command->add_option("--data", state->data, "the samples: a folder, an .npy or .npz file, or a .txt that lists files")->required();
  command->add_option("--labels", state->labels, "CSV file: file,class_index")->required();
  command->add_option("--output", state->output, "the output that holds the scores; default: the only one");
  command->add_option("--batch", state->batch, "samples at once where the model's batch is dynamic; default 32")->check(CLI::PositiveNumber);
  command->add_option("--json", state->json, "write the figures as JSON: top1 and top5 in percent, counts");
  state->flags.add_to(*command);
  state->flags.add_calibration(*command);
  state->flags.add_constraints(*command);
  state->flags.add_loading(*command);
  command->callback([state] {
    sinter_eval_options options;
    sinter_eval_options_init(&options);
    options.data = state->data.c_str();
    options.labels = state->labels.c_str();
    options.output = state->output.empty() ? nullptr : state->output.c_str();
    options.batch = state->batch;
    options.max_samples = state->flags.max_samples();
    named_gpus(state->flags);
    char* text = nullptr;
    require(sinter_eval_json(state->path.c_str(), state->flags.get(), &options, &text));
    const Text owner(text);
    if (!state->json.empty()) write_text(state->json, text);
    const Json json = Json::parse(text);
    const auto count = [&](const char* key) { return json[key].get<long long>(); };
    std::printf("top-1 %.2f %% (%lld of %lld)\ntop-5 %.2f %% (%lld of %lld)\n", json["top1"].get<double>(), count("top1_count"), count("samples"),
                json["top5"].get<double>(), count("top5_count"), count("samples"));
    if (count("skipped") > 0) std::printf("%lld damaged samples were skipped\n", count("skipped"));
  });
}

void add_compare(CLI::App& app) {
  struct State {
    BuildFlags flags;
    std::string a, b, data, labels, output, json;
    bool layers = false;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "compare", "Compares the outputs of two models, engines or folders of saved outputs, and says what makes the difference.",
                                  "  sinter compare model.onnx model.onnx --int8 --calib-cache c.cache --data photos --preprocess p.json --labels labels.csv\n"
                                  "  sinter compare model.onnx int8.engine --data photos --preprocess p.json --layers\n"
                                  "  sinter compare saved-outputs/ model.onnx --data inputs/ --json report.json\n"
                                  "A is the reference and, when it is a model, is built in fp32; the build options are B's. Saved outputs: NAME.npy of each output, one\n"
                                  "row a sample, or a file a sample, in the order of the samples' names.");
  command->add_option("A", state->a, "the reference: an .onnx file, an engine, or a folder of saved outputs (.npy, .npz)")->required();
  command->add_option("B", state->b, "what is compared with it: likewise")->required();
  command->add_option("--data", state->data, "samples: a folder, an .npy or .npz file, or a .txt that lists files; default: eight of random values");
  command->add_option("--labels", state->labels, "CSV file: file,class_index; the accuracy of both is given");
  command->add_option("--output", state->output, "with --labels: the output that holds the scores");
  command->add_flag("--layers", state->layers, "rank B's layers by the error that each introduces alone");
  command->add_option("--json", state->json, "write the report as JSON");
  state->flags.add_to(*command);
  state->flags.add_calibration(*command);
  state->flags.add_constraints(*command);
  state->flags.add_loading(*command);
  command->callback([state] {
    const auto or_null = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
    sinter_eval_options options;
    sinter_eval_options_init(&options);
    options.data = or_null(state->data);
    options.labels = or_null(state->labels);
    options.output = or_null(state->output);
    options.max_samples = state->flags.max_samples();
    options.layers = state->layers;
    char *json = nullptr, *text = nullptr;
    require(sinter_compare_json(state->a.c_str(), state->b.c_str(), state->flags.get(), &options, &json, &text));
    const Text json_owner(json), text_owner(text);
    if (!state->json.empty()) write_text(state->json, json);
    std::fputs(text, stdout);
  });
}

}  // namespace sinter::tool
