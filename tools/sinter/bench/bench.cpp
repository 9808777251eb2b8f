// sinter bench: latency and throughput of a model, and what the machine did meanwhile.
#include <sys/resource.h>

#include <cstdio>
#include <fstream>
#include <utility>

#include "charts.h"
#include "options.h"

namespace sinter::tool {
namespace {

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n") == text.npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

void write_rows(const std::string& path, const std::vector<std::vector<std::string>>& rows) {
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) text += (i ? "," : "") + csv_cell(row[i]);
    text += "\n";
  }
  write_text(path, text);
}

// "--sweep batch=1,2 model.onnx": what is no list of values is the model.
void take_model_from(std::vector<std::string>& values, std::string& model) {
  if (values.empty() || !model.empty() || values.back().find('=') != std::string::npos) return;
  model = values.back();
  values.pop_back();
}

void run_bench(BenchOptions& options) {
  take_model_from(options.sweep, options.model);
  if (options.compare.size() == 2) {
    if (!options.model.empty()) throw CLI::ValidationError("--compare: found two engines and the MODEL '" + options.model + "', expected two in all");
    options.model = options.compare[0];
    options.compare.erase(options.compare.begin());
  }
  if (options.model.empty()) throw CLI::RequiredError("MODEL");
  const int modes = !options.sweep.empty() + !options.compare.empty() + !options.vs.empty() + (options.sustain_min > 0);
  if (modes > 1) throw CLI::ValidationError("found several of --sweep, --compare, --vs and --sustain, expected one");
  std::vector<Gpu> gpus = named_gpus(options.flags);
  if (gpus.size() == 1) options.flags.set_device(std::exchange(gpus, {})[0].device);
  if (!gpus.empty() && (modes > 0 || options.layers || options.monitor)) {
    throw CLI::ValidationError("--device " + options.flags.device() + " measures the rate of several GPUs, and " +
                               (modes > 0 ? "--sweep, --compare, --vs or --sustain" : "--layers or --monitor") +
                               " one device: found both, expected one of them");
  }
  options.nvml = monitor::Nvml::open();
  BenchReport report;
  report.json["model"] = options.model;
  if (!options.sweep.empty())
    bench_sweep(options, report);
  else if (!options.compare.empty())
    bench_compare(options, report);
  else if (!options.vs.empty())
    bench_vs_ort(options, report);
  else if (options.sustain_min > 0)
    bench_sustain(options, report);
  else if (!gpus.empty())
    bench_gpus(options, gpus, report);
  else
    bench_one(options, report);
  if (!options.csv.empty()) write_rows(options.csv, report.rows);
  if (!options.json.empty()) write_text(options.json, report.json.dump(2) + "\n");
  if (!options.html.empty()) write_text(options.html, page_html("sinter bench " + options.model, report.body));
}

}  // namespace

void BenchReport::section(const std::string& title, const std::string& html) {
  if (!title.empty()) body += "<h2>" + escaped(title) + "</h2>\n";
  body += html;
}

void open_model(Session& session, const std::string& model, BenchOptions& options, const std::string& shapes) {
  session.load(model, options.flags);
  session.create_context(options.flags.threads(), false);
  session.set_inputs(options.inputs, shapes.empty() ? options.flags.shapes() : shapes, true);
  if (options.on_device) session.move_to_device();
}

Run runner(const Session& session) {
  sinter_context* const context = session.context();
  return [context] { require(sinter_context_execute(context)); };
}

bool on_gpu(const Session& session) { return std::string(sinter_engine_device(session.engine())) != "cpu"; }

Json summary_json(const Summary& summary) {
  return {{"min", summary.min}, {"mean", summary.mean}, {"std", summary.std}, {"median", summary.median}, {"p50", summary.median},
          {"p90", summary.p90}, {"p95", summary.p95},   {"p99", summary.p99}, {"max", summary.max}};
}

double peak_rss_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

std::string number(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

void put_findings(const std::vector<monitor::Finding>& findings, BenchReport& report) {
  std::string html;
  for (const monitor::Finding& finding : findings) {
    report.findings.push_back(finding);
    report.json["warnings"].push_back({{"kind", finding.kind}, {"text", finding.text}, {"fix", finding.fix}});
    std::printf("warning   %s\n", finding.text.c_str());
    if (!finding.fix.empty()) std::printf("          mend it: %s\n", finding.fix.c_str());
    html += "<p class=\"warn\">" + escaped(finding.text) + (finding.fix.empty() ? "" : "<br><code>" + escaped(finding.fix) + "</code>") + "</p>\n";
  }
  if (!html.empty()) report.section("Warnings", html);
}

void add_bench(CLI::App& app) {
  auto state = std::make_shared<BenchOptions>();
  CLI::App* command = add_command(app, "bench", "Measures latency and throughput.",
                                  "  sinter bench model.onnx --threads 1\n"
                                  "  sinter bench model.engine --duration 10 --json result.json --html result.html\n"
                                  "  sinter bench model.engine --layers --peaks 4.3TB/s,758TFLOP/s --csv layers.csv\n"
                                  "  sinter bench model.engine --monitor\n"
                                  "  sinter bench model.onnx --sweep batch=1,2,4,8 threads=1,2 --csv sweep.csv\n"
                                  "  sinter bench --compare a.engine b.engine\n"
                                  "  sinter bench gpu.engine --device cuda:all --streams 4\n"
                                  "  sinter bench model.onnx --vs ort\n"
                                  "  sinter bench model.engine --sustain 10 --html heat.html");
  command->add_option("MODEL", state->model, "an .onnx file (built in memory) or an engine");
  command->add_option("--warmup", state->warmup_ms, "warm up for this time, in ms (default: until times are steady)")->check(CLI::NonNegativeNumber);
  command->add_option("--max-warmup", state->most_warmup_ms, "give up waiting for steady times after this, in ms (default: 5000)")->check(CLI::NonNegativeNumber);
  command->add_option("--duration", state->duration_s, "time to measure, in s (at least 10 runs)")->check(CLI::NonNegativeNumber);
  command->add_option("--json", state->json, "write the result as JSON");
  command->add_option("--csv", state->csv, "write a table: of layers with --layers, of the sweep, of --sustain's windows, else of the runs");
  command->add_option("--html", state->html, "write a page of charts that needs no other file (times --layers too)");
  command->add_flag("--layers", state->layers, "every layer's time, from runs of their own, beside the least that this machine could need");
  command->add_option("--peaks", state->peaks, "with --layers: what the machine can do, BANDWIDTH,FLOPS (4.3TB/s,758TFLOP/s); default: a probe, once a machine");
  command->add_flag("--no-transfers", state->on_device, "GPU engines: inputs and outputs stay in the GPU's memory");
  command
      ->add_option("--streams", state->streams,
                   "measure also the rate of N contexts at once (of each GPU), on streams of their own (inputs in "
                   "pinned memory)")
      ->check(CLI::Range(1, 256));
  command->add_flag("--monitor", state->monitor, "read the machine's figures meanwhile; states throttling and headroom");
  command->add_option("--monitor-log", state->monitor_log, "with --monitor: write them as a log of tegrastats");
  command->add_option("--monitor-interval", state->monitor_interval_ms, "ms between readings (default: 200)")->check(CLI::Range(10, 60000));
  command->add_option("--sweep", state->sweep, "measure each combination: batch=1,2,4,8 threads=1,2")->expected(1, 3);
  command->add_option("--compare", state->compare, "run another model (or two, without MODEL) in turns with MODEL: ratio and its confidence interval")->expected(1, 2);
  command->add_option("--vs", state->vs, "run another runtime in turns: ort (ONNX Runtime)")->check(CLI::IsMember({"ort"}));
  command->add_option("--onnx", state->onnx, "with --vs: the .onnx file of an engine");
  command->add_option("--ort-library", state->ort_library, "with --vs: libonnxruntime.so (default: looked for; also SINTER_ORT_LIBRARY)");
  command->add_option("--sustain", state->sustain_min, "run for so many minutes: throughput, clocks and temperature over time, first minute against last")
      ->check(CLI::PositiveNumber);
  state->inputs.add_to(*command);
  state->flags.add_to(*command);
  state->flags.add_loading(*command);
  command->callback([state] { run_bench(*state); });
}

}  // namespace sinter::tool
