// sinter simplify: a smaller model of ONNX's operators, and onnxsim's command line for it.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "common.h"

namespace sinter::tool {
namespace {

using Json = nlohmann::ordered_json;

struct State {
  std::string input, output_argument, output;
  int check_argument = -1, check = -1;
  std::vector<std::string> shapes, test_shapes, skipped, unused;
  bool skip_folding = false, skip_fuse = false, skip_shape_inference = false, external = false, json = false;
  bool skip_optimization = false, done_anyway = false;
  double rtol = 1e-3, atol = 1e-4;
  uint64_t seed = 0;
  int64_t opset = 0;
  int threads = 0;
};

// "name:1,3,224,224" and "1,3,224,224" (onnxsim's), "name:1x3x224x224,…" (ours) → the library's list.
std::string shape_list(const std::vector<std::string>& given) {
  std::string list;
  for (const std::string& text : given) {
    const size_t colon = text.rfind(':');
    std::string dims = text.substr(colon == std::string::npos ? 0 : colon + 1);
    if (dims.find('x') == std::string::npos) std::replace(dims.begin(), dims.end(), ',', 'x');
    list += (list.empty() ? "" : ",") + (colon == std::string::npos ? "" : text.substr(0, colon + 1)) + dims;
  }
  return list;
}

std::string join(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ",") + name;
  return list;
}

std::string size_text(double bytes) {
  const char* const units[] = {"B", "KiB", "MiB", "GiB"};
  int unit = 0;
  while (bytes >= 1024 && unit < 3) bytes /= 1024, ++unit;
  char text[32];
  std::snprintf(text, sizeof text, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
  return text;
}

void print_table(const Json& before, const Json& after) {
  std::set<std::string> names;
  for (const Json* side : {&before, &after}) {
    for (const auto& [name, number] : side->at("operators").items()) names.insert(name);
  }
  std::printf("%-32s %10s %10s\n", "", "original", "simplified");
  const auto row = [](const std::string& name, const std::string& a, const std::string& b) { std::printf("%-32s %10s %10s%s\n", name.c_str(), a.c_str(), b.c_str(), a == b ? "" : "  *"); };
  for (const std::string& name : names) {
    row(name, std::to_string(before.at("operators").value(name, 0)), std::to_string(after.at("operators").value(name, 0)));
  }
  row("nodes", before.at("nodes").dump(), after.at("nodes").dump());
  row("file size", size_text(before.at("file_bytes").get<double>()), size_text(after.at("file_bytes").get<double>()));
}

// 0: they agree, or nobody asked.
int print_check(const Json& check, int wanted) {
  if (wanted <= 0) return kDone;
  const auto runs = check.at("runs").get<int>();
  if (const auto why = check.at("not_checked").get<std::string>(); !why.empty()) {
    std::fprintf(stderr, "warning: compared on %d of %d random inputs: %s\n", runs, wanted, why.c_str());
  }
  for (const Json& output : check.at("outputs")) {
    if (runs == 0) break;
    std::printf("output %s: %s, largest error %.3g, relative L2 %.3g\n", output.at("name").get<std::string>().c_str(), output.at("agrees").get<bool>() ? "agrees" : "DIFFERS",
                output.at("largest_error").get<double>(), output.at("relative_l2").get<double>());
  }
  if (!check.at("agrees").get<bool>()) {
    std::fprintf(stderr, "sinter: the simplified model gives other outputs; keep the original, and report this with the model\n");
    return kFailed;
  }
  if (runs > 0) std::printf("checked on %d random input%s: the outputs are equal within the tolerance\n", runs, runs == 1 ? "" : "s");
  return kDone;
}

void run(const State& state) {
  const std::string output = state.output.empty() ? state.output_argument : state.output;
  if (output.empty()) throw CLI::ValidationError("-o", "found no file to write, expected one; give -o OUT.onnx");
  sinter_simplify_options options;
  sinter_simplify_options_init(&options);
  const std::string shapes = shape_list(state.shapes), test = shape_list(state.test_shapes), skipped = join(state.skipped), unused = join(state.unused);
  options.input_shapes = shapes.c_str();
  options.test_shapes = test.c_str();
  options.skipped = skipped.c_str();
  options.unused_outputs = unused.c_str();
  options.skip_constant_folding = state.skip_folding;
  options.skip_fuse_batch_norm = state.skip_fuse;
  options.skip_optimization = state.skip_optimization;
  options.skip_value_types = state.skip_shape_inference;
  options.checks = state.check >= 0 ? state.check : state.check_argument >= 0 ? state.check_argument : options.checks;
  options.relative = state.rtol;
  options.absolute = state.atol;
  options.seed = state.seed;
  options.external_data = state.external;
  options.opset = state.opset;
  options.threads = state.threads;
  char* text = nullptr;
  require(sinter_simplify_json(state.input.c_str(), &options, output.c_str(), &text));
  const Text owned(text);
  const Json json = Json::parse(text);
  if (state.json) {
    std::printf("%s\n", text);
    if (!json.at("check").at("agrees").get<bool>()) throw CLI::RuntimeError(kFailed);
    return;
  }
  print_table(json.at("before"), json.at("after"));
  const auto before = json.at("opset").at("before").get<int64_t>(), after = json.at("opset").at("after").get<int64_t>();
  if (before != after) std::printf("opset %lld became %lld, which the operators need\n", static_cast<long long>(before), static_cast<long long>(after));
  const int failed = print_check(json.at("check"), options.checks);
  std::printf("wrote %s\n", output.c_str());
  if (failed) throw CLI::RuntimeError(failed);
}

}  // namespace

void add_simplify(CLI::App& app) {
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "simplify", "Writes a smaller model of ONNX's operators that computes the same.",
                                  "  sinter simplify model.onnx -o model_simple.onnx\n  sinter simplify model.onnx model_simple.onnx 3 --input-shape input:1,3,224,224\n"
                                  "  sinter simplify model.onnx -o model_simple.onnx --skip-fuse-bn --check 0");
  command->add_option("IN", state->input, "an .onnx file")->required();
  command->add_option("OUT", state->output_argument, "the file to write; may be IN");
  command->add_option("CHECK_N", state->check_argument, "random inputs to compare on");
  command->add_option("-o,--output", state->output, "the file to write");
  command->add_option("--check", state->check, "random inputs on which both models are compared (default 1; 0: none)");
  command->add_option("--input-shape,--overwrite-input-shape", state->shapes, "NAME:1,3,224,224 ...: dims in place of the file's")->expected(1, -1);
  command->add_option("--test-input-shape", state->test_shapes, "NAME:1,3,224,224 ...: dims of the check alone")->expected(1, -1);
  command->add_option("--skip-optimization,--skip-optimizer", state->skipped, "leave out all rewrites but folding, or these passes")->expected(0, -1);
  command->add_flag("--skip-constant-folding", state->skip_folding, "fold no constants and no shapes");
  command->add_flag("--skip-fuse-bn", state->skip_fuse, "leave batch norms, scales and paddings where they are");
  command->add_flag("--skip-shape-inference", state->skip_shape_inference, "write no types of inner values");
  command->add_option("--unused-output", state->unused, "outputs to drop")->expected(1, -1);
  command->add_option("--rtol", state->rtol, "relative tolerance of the check (default 1e-3)");
  command->add_option("--atol", state->atol, "tolerance as a share of the largest value (default 1e-4)");
  command->add_option("--seed", state->seed, "of the random inputs");
  command->add_option("--opset", state->opset, "opset of the result (default: the file's)");
  command->add_option("--threads", state->threads, "threads of the check");
  command->add_flag("--save-as-external-data,--external-data", state->external, "weights in a file of their own");
  command->add_flag("--enable-fuse-bn,--dynamic-input-shape,--include-subgraph", state->done_anyway, "what is done anyway")->group("");
  command->add_flag("--json", state->json, "print the report as JSON");
  command->callback([state, command] {
    state->skip_optimization = command->count("--skip-optimization") > 0 && std::all_of(state->skipped.begin(), state->skipped.end(), [](const std::string& name) { return name.empty(); });
    if (state->skip_optimization) state->skipped.clear();
    run(*state);
  });
}

}  // namespace sinter::tool
