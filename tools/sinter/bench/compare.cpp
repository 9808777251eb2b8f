// sinter bench --compare and --vs: two things in turns, the ratio of their times and its confidence interval.
#include <cstdio>

#include "charts.h"
#include "options.h"
#include "ort.h"

namespace sinter::tool {
namespace {

constexpr size_t kRounds = 16;

void put_comparison(const std::string& a, const std::string& b, const Run& run_a, const Run& run_b, const BenchOptions& options, BenchReport& report) {
  const WarmUp warm_a = warm_up(run_a, options.warmup_ms, options.most_warmup_ms), warm_b = warm_up(run_b, options.warmup_ms, options.most_warmup_ms);
  const auto before = monitor::read_counters(monitor::system_root(), options.nvml.get());
  const Turns turns = take_turns(run_a, run_b, options.duration_s, kRounds);
  const auto after = monitor::read_counters(monitor::system_root(), options.nvml.get());
  const Summary first = summarise(turns.a_ms), second = summarise(turns.b_ms);
  const Ratio ratio = ratio_of(turns.a, turns.b);
  std::printf("warm-up   A %s\n          B %s\n", warm_up_text(warm_a).c_str(), warm_up_text(warm_b).c_str());
  const int digits = std::min(first.median, second.median) < 0.1 ? 5 : 3;
  std::printf("A         median %.*f ms, min %.*f, p95 %.*f (%zu runs): %s\n", digits, first.median, digits, first.min, digits, first.p95, turns.a_ms.size(), a.c_str());
  std::printf("B         median %.*f ms, min %.*f, p95 %.*f (%zu runs): %s\n", digits, second.median, digits, second.min, digits, second.p95, turns.b_ms.size(), b.c_str());
  const std::string verdict = !ratio.differs() ? "no difference to be seen" : ratio.value < 1 ? "A is " + number(1 / ratio.value, 2) + " times as fast" : "B is " + number(ratio.value, 2) + " times as fast";
  std::printf("A / B     %.3f of the time, 95 %% sure between %.3f and %.3f (%zu turns): %s\n", ratio.value, ratio.low, ratio.high, ratio.rounds, verdict.c_str());
  report.json["compare"] = {{"a", {{"name", a}, {"latency_ms", summary_json(first)}}}, {"b", {{"name", b}, {"latency_ms", summary_json(second)}}},
                            {"ratio", ratio.value}, {"low", ratio.low}, {"high", ratio.high}, {"confidence", 0.95}, {"turns", ratio.rounds}};
  report.rows = {{"turn", "a_median_ms", "b_median_ms", "ratio"}};
  Chart chart{"median of each turn", "ms", {{"A", {}}, {"B", {}}}, {}, "turn", false};
  for (size_t i = 0; i < ratio.rounds; ++i) {
    report.rows.push_back({std::to_string(i + 1), number(turns.a[i], 6), number(turns.b[i], 6), number(turns.a[i] / turns.b[i], 6)});
    chart.lines[0].values.push_back(turns.a[i]);
    chart.lines[1].values.push_back(turns.b[i]);
    chart.xs.push_back(static_cast<double>(i + 1));
  }
  report.section("", "<p>A: " + escaped(a) + "<br>B: " + escaped(b) + "</p><p>A takes " + number(ratio.value) + " of B's time, 95 % sure between " + number(ratio.low) + " and " +
                         number(ratio.high) + ": " + escaped(verdict) + ".</p>\n" + figure_html(charts_svg({chart, histogram("A", "ms", turns.a_ms, 50), histogram("B", "ms", turns.b_ms, 50)})));
  std::vector<monitor::Finding> findings = monitor::check_settings(monitor::system_root(), false);
  const auto stretch = monitor::check_stretch(before, after, options.duration_s);
  findings.insert(findings.end(), stretch.begin(), stretch.end());
  put_findings(findings, report);
}

}  // namespace

void bench_compare(BenchOptions& options, BenchReport& report) {
  Session first, second;
  open_model(first, options.model, options);
  open_model(second, options.compare[0], options);
  put_comparison(options.model, options.compare[0], runner(first), runner(second), options, report);
}

void bench_vs_ort(BenchOptions& options, BenchReport& report) {
  Session session;
  open_model(session, options.model, options);
  const std::string model = options.onnx.empty() ? options.model : options.onnx;
  OrtPeer peer(model, session, options.ort_library);
  std::printf("ort       %s, loaded in %.1f ms from %s\n", peer.version().c_str(), peer.load_ms(), peer.library().c_str());
  report.json["ort"] = {{"version", peer.version()}, {"library", peer.library()}, {"load_ms", peer.load_ms()}, {"threads", sinter_context_threads(session.context())}};
  report.json["load_ms"] = session.load_ms;
  put_comparison("Sinter " + std::string(sinter_version()), "ONNX Runtime " + peer.version(), runner(session), [&peer] { peer.run(); }, options, report);
}

}  // namespace sinter::tool
