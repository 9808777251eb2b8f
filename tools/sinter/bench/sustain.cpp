// sinter bench --sustain MIN: what stays of the speed when the machine grows warm.
#include <chrono>
#include <cstdio>

#include "charts.h"
#include "options.h"
#include "sampler.h"

namespace sinter::tool {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kShownRows = 20, kLongestWindowS = 5, kFall = 0.97;

struct Window {
  double at_s = 0, seconds = 0, rate = 0, median_ms = 0;
  monitor::Sample sample;
};

struct Part {
  double rate = 0, mhz = 0, celsius = 0;
};

// Mean over the windows that begin within [from, to).
Part part_of(const std::vector<Window>& windows, double from, double to) {
  Part part;
  double runs = 0, seconds = 0, clocks = 0, heats = 0;
  for (const Window& window : windows) {
    if (window.at_s < from || window.at_s >= to) continue;
    runs += window.rate * window.seconds;
    seconds += window.seconds;
    if (const auto mhz = fastest_core(window.sample)) part.mhz += *mhz, ++clocks;
    if (const auto celsius = warmest(window.sample)) part.celsius += *celsius, ++heats;
  }
  part.rate = seconds > 0 ? runs / seconds : 0;
  if (clocks > 0) part.mhz /= clocks;
  if (heats > 0) part.celsius /= heats;
  return part;
}

std::string figure_text(const monitor::Figure& figure, int digits) { return figure ? number(*figure, digits) : "-"; }

Json part_json(const Part& part) {
  Json json = {{"throughput_qps", part.rate}};
  if (part.mhz > 0) json["cpu_mhz"] = part.mhz;
  if (part.celsius > 0) json["temperature_c"] = part.celsius;
  return json;
}

}  // namespace

void bench_sustain(BenchOptions& options, BenchReport& report) {
  Session session;
  open_model(session, options.model, options);
  const Run run = runner(session);
  run();
  const double total = options.sustain_min * 60, window_s = std::min(kLongestWindowS, std::max(0.05, total / 60));
  monitor::Machine machine(monitor::system_root(), options.nvml.get());
  const auto before = monitor::read_counters(monitor::system_root(), options.nvml.get());
  std::vector<Window> windows;
  std::printf("%8s %14s %12s %10s %8s\n", "s", "inferences/s", "median ms", "MHz", "C");
  const auto start = Clock::now();
  const auto since_start = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  double shown = 0;
  for (double at = 0; at < total; at = since_start()) {
    const std::vector<double> ms = measure(run, window_s, 1);
    const double seconds = since_start() - at;
    windows.push_back({at, seconds, static_cast<double>(ms.size()) / seconds, median_of(ms), machine.read()});
    const Window& window = windows.back();
    if (at < shown) continue;
    shown += total / kShownRows;
    std::printf("%8.1f %14.2f %12.3f %10s %8s\n", at, window.rate, window.median_ms, figure_text(fastest_core(window.sample), 0).c_str(), figure_text(warmest(window.sample), 1).c_str());
    std::fflush(stdout);
  }
  const double ended = since_start(), part = std::min(60.0, ended / 2);
  const auto after = monitor::read_counters(monitor::system_root(), options.nvml.get());
  const Part first = part_of(windows, 0, part), last = part_of(windows, ended - part, ended + 1);
  const double kept = first.rate > 0 ? last.rate / first.rate : 1;
  const std::string what = part < 60 ? number(part, 1) + " s" : "minute";
  std::printf("sustain   first %s %.2f inferences/s, last %.2f: %.1f %% kept%s\n", what.c_str(), first.rate, last.rate, 100 * kept, kept < kFall ? ": it slows down" : "");

  report.json["sustain"] = {{"seconds", ended}, {"part_s", part}, {"first", part_json(first)}, {"last", part_json(last)}, {"kept", kept}};
  report.rows = {{"s", "inferences_per_s", "median_ms", "mhz", "celsius"}};
  Chart rate{"rate", "inferences/s", {{"rate", {}}}, {}, "s", false}, latency{"latency", "ms", {{"median", {}}}, {}, "s", false};
  std::vector<monitor::Sample> samples;
  for (const Window& window : windows) {
    const auto mhz = fastest_core(window.sample), celsius = warmest(window.sample);
    report.rows.push_back({number(window.at_s), number(window.rate), number(window.median_ms, 6), mhz ? number(*mhz, 0) : "", celsius ? number(*celsius, 1) : ""});
    rate.lines[0].values.push_back(window.rate);
    latency.lines[0].values.push_back(window.median_ms);
    rate.xs.push_back(window.at_s);
    samples.push_back(window.sample);
  }
  latency.xs = rate.xs;
  report.section("Sustained load", "<p>The last " + what + " has " + number(100 * kept, 1) + " % of the rate of the first.</p>\n" + figure_html(charts_svg({rate, latency})));
  std::vector<monitor::Finding> findings = monitor::check_settings(monitor::system_root(), on_gpu(session));
  const auto stretch = monitor::check_stretch(before, after, ended);
  findings.insert(findings.end(), stretch.begin(), stretch.end());
  put_findings(findings, report);
  put_samples(samples, stretch, options, report);
}

}  // namespace sinter::tool
