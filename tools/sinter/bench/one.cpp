// The ordinary measurement: cold start, warm-up, latencies, memory, layers.
#include <chrono>
#include <cstdio>

#include "charts.h"
#include "layers.h"
#include "options.h"
#include "sampler.h"
#include "streams.h"

namespace sinter::tool {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kWideSpread = 0.25;
constexpr size_t kShownLayers = 60;

double ms_of(const Run& run) {
  const auto start = Clock::now();
  run();
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double mib(double bytes) { return bytes / 1048576; }

Json engine_info(const Session& session) {
  char* text = nullptr;
  require(sinter_engine_info_json(session.engine(), &text));
  return Json::parse(Text(text).get());
}

// Memory: of weights, activations, scratch of the hungriest layer, the process and the device.
void put_memory(const Session& session, const Json& info, BenchReport& report) {
  const double arena = static_cast<double>(sinter_context_arena_bytes(session.context())), device = static_cast<double>(sinter_context_device_bytes(session.context()));
  const double weights = info.value("weight_bytes", 0.0), device_weights = info.value("device_weight_bytes", 0.0);
  const double scratch = info.contains("report") && info["report"].is_object() ? info["report"].value("workspace_bytes", 0.0) : 0;
  report.json["memory"] = {{"weight_bytes", weights}, {"arena_bytes", arena}, {"workspace_bytes", scratch}, {"device_weight_bytes", device_weights},
                           {"device_bytes", device}, {"peak_rss_mb", peak_rss_mb()}};
  report.json["code"] = info.value("code", Json::object());
  if (const std::string compiled = session.compiled_code(); !compiled.empty())
    std::printf("code      %s\n", compiled.c_str());
  if (device > 0) std::printf("device    %s, %.1f MiB of the context, %.1f MiB of weights\n", sinter_engine_device(session.engine()), mib(device), mib(device_weights));
  std::printf("memory    engine %.1f MiB, weights %.1f MiB, activations %.1f MiB, workspace %.1f MiB, peak resident %.1f MiB%s\n",
              static_cast<double>(session.engine_bytes) / 1048576, mib(weights), mib(arena), mib(scratch), peak_rss_mb(), session.build_s > 0 ? " (with the build)" : "");
}

void put_memory_chart(const Session& session, BenchReport& report) {
  Chart chart{"memory over layers: activations and scratch in use", "MiB", {{"while the layer runs", {}}, {"the arena", {}}}, {}, "", false};
  const auto arena = static_cast<double>(std::max(sinter_context_arena_bytes(session.context()), sinter_context_device_bytes(session.context())));
  for (const Json& layer : report.json["by_layer"].at("layers")) {
    chart.lines[0].values.push_back(mib(layer.at("live_bytes")));
    chart.lines[1].values.push_back(mib(arena));
    chart.xs.push_back(static_cast<double>(chart.xs.size() + 1));
  }
  report.section("Memory over layers", figure_html(charts_svg({chart})));
}

void put_latency_charts(const std::vector<double>& ms, BenchReport& report) {
  Chart line{"latency over time", "ms", {{"latency", {}}}, {}, "s", false};
  double at = 0;
  for (const double value : ms) {
    line.lines[0].values.push_back(value);
    line.xs.push_back(at / 1000);
    at += value;
  }
  report.section("Latency", figure_html(charts_svg({histogram("latency histogram", "ms", ms, 50), line})));
}

void put_layers(Session& session, const BenchOptions& options, const PeakRates& peaks, BenchReport& report) {
  const char* const device = sinter_engine_device(session.engine());
  report.json["by_layer"] = time_layers(session.context(), options.peaks.empty() ? measure_peak_rates(device, sinter_context_threads(session.context())) : peaks);
  const Json& result = report.json["by_layer"];
  if (options.layers) {
    print_layers(result);
    report.rows = layer_rows(result);
  }
  std::vector<Json> layers(result.at("layers").begin(), result.at("layers").end());
  std::stable_sort(layers.begin(), layers.end(), [](const Json& a, const Json& b) { return a.at("median_us") > b.at("median_us"); });
  BarList bars{layers.size() > kShownLayers ? "the " + std::to_string(kShownLayers) + " slowest of " + std::to_string(layers.size()) + " layers" : "layers, slowest first", {}};
  for (size_t i = 0; i < layers.size() && i < kShownLayers; ++i) {
    const double us = layers[i].at("median_us");
    bars.bars.push_back({layers[i].at("layer"), us, number(us, 1) + " us, " + number(layers[i].at("times_floor"), 1) + " x floor"});
  }
  report.section("Layers", figure_html(bars_svg(bars)));
}

struct Measured {
  double first_ms = 0, second_ms = 0, seconds = 0;
  WarmUp warm;
  std::vector<double> ms;
  Summary latency;
};

void put_result(const Session& session, const Measured& measured, BenchReport& report) {
  Json& json = report.json;
  json["device"] = sinter_engine_device(session.engine());
  json["threads"] = sinter_context_threads(session.context());
  json["runs"] = measured.ms.size();
  json["latency_ms"] = summary_json(measured.latency);
  json["throughput_qps"] = static_cast<double>(measured.ms.size()) / measured.seconds;
  json["engine_bytes"] = session.engine_bytes;
  json["load_ms"] = session.load_ms;
  json["first_run_ms"] = measured.first_ms;
  json["second_run_ms"] = measured.second_ms;
  json["build_s"] = session.build_s;
  const WarmUp& warm = measured.warm;
  json["warm_up"] = {{"ms", warm.ms}, {"runs", warm.runs}, {"judged", warm.judged}, {"steady", warm.steady}, {"spread", warm.spread}};
  json["arena_bytes"] = sinter_context_arena_bytes(session.context());
  json["device_bytes"] = sinter_context_device_bytes(session.context());
  json["peak_rss_mb"] = peak_rss_mb();
  report.rows = {{"run", "ms"}};
  for (size_t i = 0; i < measured.ms.size(); ++i) report.rows.push_back({std::to_string(i + 1), number(measured.ms[i], 6)});
}

void print_result(const Session& session, const Json& info, const Measured& measured, BenchReport& report) {
  const Summary& latency = measured.latency;
  const int digits = latency.median < 0.1 ? 5 : 3, threads = sinter_context_threads(session.context());
  const double rate = report.json["throughput_qps"];
  std::printf("warm-up   %s\n", warm_up_text(measured.warm).c_str());
  std::printf("latency   median %.*f ms, min %.*f, mean %.*f, p95 %.*f, p99 %.*f, max %.*f, spread %.1f %% (%zu runs, %d threads)\n", digits, latency.median, digits, latency.min, digits,
              latency.mean, digits, latency.p95, digits, latency.p99, digits, latency.max, 100 * latency.spread(), measured.ms.size(), threads);
  std::printf("rate      %.2f inferences/s\n", rate);
  std::printf("start     build %.2f s, load %.1f ms, first run %.1f ms, second %.1f ms\n", session.build_s, session.load_ms, measured.first_ms, measured.second_ms);
  report.section("", table_html({{"", "value"},
                                 {"latency", number(latency.median, digits) + " ms median, " + number(latency.min, digits) + " least, " + number(latency.p95, digits) + " p95, " +
                                                 number(latency.p99, digits) + " p99"},
                                 {"rate", number(rate, 2) + " inferences/s"},
                                 {"runs", std::to_string(measured.ms.size()) + " on " + std::to_string(threads) + " threads, " + sinter_engine_device(session.engine())},
                                 {"warm-up", warm_up_text(measured.warm)},
                                 {"cold start", "load " + number(session.load_ms, 1) + " ms, first run " + number(measured.first_ms, 1) + " ms, second " + number(measured.second_ms, 1) + " ms"},
                                 {"memory", "weights " + number(mib(info.value("weight_bytes", 0.0)), 1) + " MiB, activations " +
                                                number(mib(static_cast<double>(sinter_context_arena_bytes(session.context()))), 1) + " MiB, peak resident " + number(peak_rss_mb(), 1) + " MiB"}}));
}

}  // namespace

void bench_one(BenchOptions& options, BenchReport& report) {
  const PeakRates peaks = options.peaks.empty() ? PeakRates() : parse_peaks(options.peaks);
  Session session;
  open_model(session, options.model, options);
  const Run run = runner(session);
  Measured measured;
  measured.first_ms = ms_of(run);
  measured.second_ms = ms_of(run);
  const auto before = monitor::read_counters(monitor::system_root(), options.nvml.get());
  measured.warm = warm_up(run, options.warmup_ms, options.most_warmup_ms);
  std::unique_ptr<Sampler> sampler;
  if (options.monitor) sampler = std::make_unique<Sampler>(options.monitor_interval_ms, options.nvml.get());
  const auto start = Clock::now();
  measured.ms = measure(run, options.duration_s, 10);
  measured.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  const std::vector<monitor::Sample> samples = sampler ? sampler->stop() : std::vector<monitor::Sample>();
  const auto after = monitor::read_counters(monitor::system_root(), options.nvml.get());
  measured.latency = summarise(measured.ms);
  const Json info = engine_info(session);
  put_result(session, measured, report);
  print_result(session, info, measured, report);
  put_memory(session, info, report);
  std::vector<monitor::Finding> findings = monitor::check_settings(monitor::system_root(), on_gpu(session));
  const std::vector<monitor::Finding> stretch = monitor::check_stretch(before, after, measured.seconds + measured.warm.ms / 1000);
  findings.insert(findings.end(), stretch.begin(), stretch.end());
  if (const double spread = measured.latency.spread(); spread > kWideSpread) {
    findings.push_back({"noisy", "the runs' times are spread: p95 is " + number(100 * spread, 0) + " % of the median above the least", "sinter bench --duration 10   # and nothing else running"});
  }
  put_findings(findings, report);
  put_latency_charts(measured.ms, report);
  if (sampler) put_samples(samples, stretch, options, report);
  if (options.streams > 0) {
    report.json["streams"] = compare_streams(session, options.streams, options.flags.threads(), options.warmup_ms < 0 ? 200 : options.warmup_ms, options.duration_s, options.on_device);
  }
  if (options.layers || !options.html.empty()) put_layers(session, options, peaks, report);
  if (!options.html.empty()) put_memory_chart(session, report);
}

}  // namespace sinter::tool
