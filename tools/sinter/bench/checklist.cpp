// sinter checklist: the points that deployment guides end with, walked through for one model on this machine.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "charts.h"
#include "checklist.h"
#include "monitor/machine.h"
#include "options.h"
#include "sampler.h"

namespace sinter::tool {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kGoodOpset = 17;               // what PyTorch's exporters write at least when asked for a recent one
constexpr double kSimplerShare = 0.05, kKept = 0.97, kRoomShare = 0.10, kGoodCosine = 0.999;
constexpr int64_t kFewestSamples = 500;

enum class Verdict { kDone, kFailed, kNotApplicable };

struct Point {
  std::string title;
  Verdict verdict = Verdict::kNotApplicable;
  std::string figure, command;
};

struct State {
  BenchOptions bench;
  std::string data, latency, html, json;
  double latency_ms = 0, sustain_s = 6;
};

const char* verdict_text(Verdict verdict) { return verdict == Verdict::kDone ? "done" : verdict == Verdict::kFailed ? "failed" : "not applicable"; }

Json from_text(char* text) { return Json::parse(Text(text).get()); }

double parse_milliseconds(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  const std::string unit = end;
  if (end == text.c_str() || !(value > 0) || !(unit.empty() || unit == "ms")) throw CLI::ValidationError("--latency: found '" + text + "', expected milliseconds such as 5 or 5ms");
  return value;
}

// What the points are about; each function adds those it can judge.
class Walk {
 public:
  Walk(State& state, BenchReport& report) : state_(state), model_(state.bench.model), report_(report) {}

  void file() {
    char* text = nullptr;
    require(sinter_inspect_json(model_.c_str(), &text));
    info_ = from_text(text);
    const int64_t opset = info_.value("opsets", Json::object()).value("", int64_t{0});
    add("Export the model to ONNX with the highest opset that is supported", opset >= kGoodOpset, "opset " + std::to_string(opset) + ", 17 or newer is wanted",
        "torch.onnx.export(model, x, 'model.onnx', opset_version=17)");
    text = nullptr;
    require(sinter_check_json(model_.c_str(), &text));
    int errors = 0, warnings = 0;
    const Json found = from_text(text);
    for (const Json& problem : found.at("problems")) ++(problem.value("warning", false) ? warnings : errors);
    add("Validate the ONNX model", errors == 0, std::to_string(errors) + " errors, " + std::to_string(warnings) + " warnings", "sinter check " + model_);
    valid_ = errors == 0;
  }

  void simplify() {
    const fs::path out = fs::temp_directory_path() / ("sinter-checklist-" + std::to_string(getpid()) + ".onnx");
    sinter_simplify_options options;
    sinter_simplify_options_init(&options);
    options.checks = 0;
    char* text = nullptr;
    const sinter_status status = sinter_simplify_json(model_.c_str(), &options, out.c_str(), &text);
    std::error_code error;
    if (status == SINTER_OK) {
      const Json json = from_text(text);
      const auto before = json.at("before").at("nodes").get<int64_t>(), after = json.at("after").at("nodes").get<int64_t>();
      add("Simplify the ONNX model", static_cast<double>(before - after) <= kSimplerShare * static_cast<double>(before),
          std::to_string(before) + " nodes, " + std::to_string(after) + " when simplified", "sinter simplify " + model_ + " -o simple.onnx");
    } else {
      add("Simplify the ONNX model", false, sinter_last_error(), "sinter simplify " + model_ + " -o simple.onnx");
    }
    fs::remove(out, error);
    fs::remove(out.string() + ".data", error);
  }

  void measure_it() {
    open_model(session_, model_, state_.bench);
    gpu_ = on_gpu(session_);
    char* text = nullptr;
    require(sinter_engine_info_json(session_.engine(), &text));
    const Json engine = from_text(text);
    const Json manifest = engine.value("manifest", Json::object());
    precisions_ = manifest.value("precisions", Json::array()).dump();
    add("Build the engine on the machine that runs it", engine.value("match", std::string()) == "exact", "built here in " + number(session_.build_s, 1) + " s for " + manifest.value("device", std::string()),
        "sinter build " + model_ + " -o model.engine");
    narrow_ = precisions_.find("f16") != precisions_.npos || precisions_.find("i8") != precisions_.npos || precisions_.find("bf16") != precisions_.npos;
    if (gpu_) add("Start with FP16 precision", narrow_, "precisions " + precisions_, "sinter build " + model_ + " -o model.engine --fp16");
    else skip("Start with FP16 precision", "this engine is for the processor, where f32 is the start");
    const Run run = runner(session_);
    warm_ = warm_up(run, state_.bench.warmup_ms, state_.bench.most_warmup_ms);
    latency_ = summarise(measure(run, state_.bench.duration_s, 10));
    add("Benchmark before writing inference code", true, number(latency_.median) + " ms median, " + number(latency_.p99) + " p99", "sinter bench " + model_ + "   # or trtexec --onnx=" + model_);
    add("Run warm-up iterations before measuring latency", warm_.steady || !warm_.judged, warm_up_text(warm_), "sinter bench " + model_ + " --max-warmup 20000");
    const auto settings = monitor::check_settings(monitor::system_root(), gpu_);
    std::string found, fixes;
    for (const auto& finding : settings) {
      found += (found.empty() ? "" : "; ") + finding.text;
      fixes += (fixes.empty() ? "" : "; ") + finding.fix;
    }
    add("Lock clocks and set the power mode before benchmarking", settings.empty(), found.empty() ? "no setting found that lets clocks move" : found, fixes);
  }

  void accuracy() {
    const char* const title = "Compare accuracy against the FP32 baseline";
    if (!narrow_) return skip(title, "the engine is in f32 itself: " + precisions_);
    sinter_eval_options options;
    sinter_eval_options_init(&options);
    options.data = state_.data.empty() ? nullptr : state_.data.c_str();
    char* text = nullptr;
    const std::string command = "sinter compare " + model_ + " model.engine" + (state_.data.empty() ? "" : " --data " + state_.data);
    if (sinter_compare_json(model_.c_str(), model_.c_str(), state_.bench.flags.get(), &options, &text, nullptr) != SINTER_OK) return add(title, false, sinter_last_error(), command);
    double least = 1;
    for (const Json& output : from_text(text).at("outputs")) least = std::min(least, output.value("cosine", 1.0));
    add(title, least >= kGoodCosine, "cosine " + number(least, 6) + " on " + (state_.data.empty() ? "random values" : state_.data), command);
  }

  void load() {
    monitor::Machine machine(monitor::system_root(), state_.bench.nvml.get());
    const monitor::Sample sample = machine.read();
    const double total = sample.ram_total_mb.value_or(0), used = sample.ram_used_mb.value_or(0);
    add("Monitor memory for headroom", total > 0 && total - used > kRoomShare * total, number(total - used, 0) + " of " + number(total, 0) + " MB are free, the process had " + number(peak_rss_mb(), 0) + " at most",
        "sinter bench " + model_ + " --monitor; sinter memory " + model_);
    const Run run = runner(session_);
    const auto before = monitor::read_counters(monitor::system_root(), state_.bench.nvml.get());
    const double part = state_.sustain_s / 3;
    const double first = median_of(measure(run, part, 3));
    measure(run, part, 1);
    const double last = median_of(measure(run, part, 3));
    const auto after = monitor::read_counters(monitor::system_root(), state_.bench.nvml.get());
    std::string throttled;
    for (const auto& finding : monitor::check_stretch(before, after, state_.sustain_s)) {
      if (finding.kind == "throttled") throttled += "; " + finding.text;
    }
    add("Profile thermal behaviour under sustained load", throttled.empty() && first >= kKept * last,
        number(100 * first / last, 1) + " % of the speed kept over " + number(state_.sustain_s, 0) + " s" + throttled, "sinter bench " + model_ + " --sustain 10 --html heat.html");
  }

  void integers() {
    const char* const title = "Try INT8 only if the latency target is not met";
    const char* const samples = "Calibrate with 500 to 1000 representative images";
    const std::string build = "sinter build " + model_ + " -o model.engine --int8 --calib-data " + (state_.data.empty() ? "DIR" : state_.data);
    if (state_.latency_ms <= 0) {
      skip(title, "no target: give --latency MS");
    } else if (latency_.median <= state_.latency_ms) {
      add(title, true, number(latency_.median) + " ms is within " + number(state_.latency_ms) + ": INT8 is not needed", "");
    } else {
      add(title, precisions_.find("i8") != precisions_.npos, number(latency_.median) + " ms is not within " + number(state_.latency_ms), build);
    }
    int64_t files = 0;
    std::error_code error;
    for (fs::recursive_directory_iterator at(state_.data, error), end; !error && at != end; at.increment(error)) files += at->is_regular_file(error);
    if (state_.latency_ms > 0 && latency_.median <= state_.latency_ms) skip(samples, "INT8 is not needed");
    else if (state_.data.empty()) skip(samples, "no samples: give --data DIR");
    else add(samples, files >= kFewestSamples, std::to_string(files) + " files in " + state_.data, build);
  }

  void deployment() {
    add("Keep the ONNX file as what is portable; build the engine when deploying", true, model_ + " is the file; engines follow from it at first use", "sinter bench " + model_ + " --cache-dir engines");
    std::string inputs;
    for (const Json& input : info_.at("inputs")) inputs += (inputs.empty() ? "" : ", ") + input.value("name", std::string()) + " " + input.value("type", std::string());
    add("Document precision, input shape and version", true, "precisions " + precisions_ + "; " + inputs + "; Sinter " + sinter_version(), "sinter inspect model.engine");
  }

  const std::vector<Point>& points() const { return points_; }
  bool valid() const { return valid_; }

 private:
  void add(const std::string& title, bool good, const std::string& figure, const std::string& command) {
    put({title, good ? Verdict::kDone : Verdict::kFailed, figure, command});
  }
  void skip(const std::string& title, const std::string& why) { put({title, Verdict::kNotApplicable, why, ""}); }
  void put(Point point) {
    std::printf("%2zu %-14s %s: %s\n", points_.size() + 1, verdict_text(point.verdict), point.title.c_str(), point.figure.c_str());
    if (point.verdict == Verdict::kFailed && !point.command.empty()) std::printf("                  %s\n", point.command.c_str());
    std::fflush(stdout);
    report_.json["points"].push_back({{"title", point.title}, {"verdict", verdict_text(point.verdict)}, {"figure", point.figure}, {"command", point.command}});
    points_.push_back(std::move(point));
  }

  State& state_;
  const std::string model_;
  BenchReport& report_;
  std::vector<Point> points_;
  Session session_;
  Json info_;
  WarmUp warm_;
  Summary latency_;
  std::string precisions_;
  bool valid_ = false, gpu_ = false, narrow_ = false;
};

void run_checklist(State& state) {
  if (!state.latency.empty()) state.latency_ms = parse_milliseconds(state.latency);
  if (!state.data.empty() && !fs::is_directory(state.data)) throw Failure{"--data: '" + state.data + "' is no folder; give one with sample files"};
  state.bench.nvml = monitor::Nvml::open();
  BenchReport report;
  report.json["model"] = state.bench.model;
  Walk walk(state, report);
  walk.file();
  if (walk.valid()) {
    walk.simplify();
    walk.measure_it();
    walk.accuracy();
    walk.load();
    walk.integers();
    walk.deployment();
  }
  int counts[3] = {};
  std::string body;
  for (const Point& point : walk.points()) {
    ++counts[static_cast<int>(point.verdict)];
    body += std::string("<li") + (point.verdict == Verdict::kFailed ? " class=\"warn\"" : "") + "><b>" + escaped(point.title) + ": " + verdict_text(point.verdict) + "</b><br>" + escaped(point.figure) +
            (point.command.empty() ? "" : "<br><code>" + escaped(point.command) + "</code>") + "</li>\n";
  }
  const std::string sum = std::to_string(counts[0]) + " done, " + std::to_string(counts[1]) + " failed, " + std::to_string(counts[2]) + " not applicable";
  std::printf("%s%s\n", sum.c_str(), walk.valid() ? "" : "; the model is no valid one, so the rest was not tried");
  if (!state.html.empty()) write_text(state.html, page_html("Deployment checklist: " + state.bench.model, "<p>" + sum + ".</p>\n<ol>\n" + body + "</ol>\n"));
  if (!state.json.empty()) write_text(state.json, report.json.dump(2) + "\n");
  if (!walk.valid()) throw CLI::RuntimeError(kFailed);
}

}  // namespace

void add_checklist(CLI::App& app) {
  auto state = std::make_shared<State>();
  state->bench.duration_s = 2;
  CLI::App* command = add_command(app, "checklist", "Walks through the points that deployment guides end with, for a model on this machine.",
                                  "  sinter checklist model.onnx --html checklist.html\n  sinter checklist model.onnx --device cuda --fp16 --data photos --latency 5ms");
  command->add_option("MODEL", state->bench.model, "an .onnx file")->required();
  command->add_option("--data", state->data, "a folder of samples, for accuracy and calibration");
  command->add_option("--latency", state->latency, "the latency that is wanted, in ms");
  command->add_option("--duration", state->bench.duration_s, "time to measure, in s (default: 2)")->check(CLI::NonNegativeNumber);
  command->add_option("--sustain", state->sustain_s, "time of the sustained load, in s (default: 6)")->check(CLI::PositiveNumber);
  command->add_option("--html", state->html, "write a page");
  command->add_option("--json", state->json, "write the points as JSON");
  state->bench.inputs.add_to(*command);
  state->bench.flags.add_to(*command);
  command->callback([state] { run_checklist(*state); });
}

}  // namespace sinter::tool
