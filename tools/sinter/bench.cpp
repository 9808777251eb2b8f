// sinter bench: latency and throughput of a model.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "bench_streams.h"
#include "layers.h"
#include "session.h"

namespace sinter::tool {
namespace {

using Clock = std::chrono::steady_clock;

double ms_between(Clock::time_point from, Clock::time_point to) { return std::chrono::duration<double, std::milli>(to - from).count(); }

// Linear interpolation between order statistics.
double percentile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - static_cast<double>(below));
}

nlohmann::ordered_json summarise(std::vector<double> ms) {
  std::sort(ms.begin(), ms.end());
  const double mean = std::accumulate(ms.begin(), ms.end(), 0.0) / static_cast<double>(ms.size());
  double squares = 0;
  for (double value : ms) squares += (value - mean) * (value - mean);
  const double median = percentile(ms, 0.5);
  return {{"min", ms.front()}, {"mean", mean}, {"std", std::sqrt(squares / static_cast<double>(ms.size()))}, {"median", median},
          {"p50", median}, {"p90", percentile(ms, 0.9)}, {"p95", percentile(ms, 0.95)}, {"p99", percentile(ms, 0.99)}, {"max", ms.back()}};
}

double peak_rss_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace

void add_bench(CLI::App& app) {
  struct State {
    BuildFlags flags;
    InputFlags inputs;
    std::string model, json, peaks, csv;
    double warmup_ms = 200, duration_s = 3;
    bool layers = false, on_device = false;
    int streams = 0;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "bench", "Measures latency and throughput.",
                                  "  sinter bench model.onnx --threads 1\n"
                                  "  sinter bench model.engine --duration 10 --json result.json\n"
                                  "  sinter bench model.engine --layers --peaks 4.3TB/s,758TFLOP/s --csv layers.csv");
  command->add_option("MODEL", state->model, "an .onnx file (built in memory) or an engine")->required();
  command->add_option("--warmup", state->warmup_ms, "time to warm up, in ms")->check(CLI::NonNegativeNumber);
  command->add_option("--duration", state->duration_s, "time to measure, in s (at least 10 runs)")->check(CLI::NonNegativeNumber);
  command->add_option("--json", state->json, "write the result as JSON");
  command->add_flag("--layers", state->layers, "every layer's time, from runs of their own, beside the least that this machine could need");
  command->add_option("--peaks", state->peaks, "with --layers: what the machine can do, BANDWIDTH,FLOPS (4.3TB/s,758TFLOP/s); default: a probe, once a machine");
  command->add_option("--csv", state->csv, "with --layers: write them as CSV");
  command->add_flag("--no-transfers", state->on_device, "GPU engines: inputs and outputs stay in the GPU's memory");
  command->add_option("--streams", state->streams, "measure also the rate of N contexts at once, on streams of their own (inputs in pinned memory)")
      ->check(CLI::Range(1, 256));
  state->inputs.add_to(*command);
  state->flags.add_to(*command);
  state->flags.add_loading(*command);
  command->callback([state] {
    const PeakRates peaks = state->peaks.empty() ? PeakRates() : parse_peaks(state->peaks);
    Session session;
    session.load(state->model, state->flags);
    session.create_context(state->flags.threads(), false);
    session.set_inputs(state->inputs, state->flags.shapes(), true);
    if (state->on_device) session.move_to_device();
    const auto first = Clock::now();
    require(sinter_context_execute(session.context()));
    const auto second = Clock::now();
    require(sinter_context_execute(session.context()));
    const double first_ms = ms_between(first, second), second_ms = ms_between(second, Clock::now());
    for (const auto start = Clock::now(); ms_between(start, Clock::now()) < state->warmup_ms;) require(sinter_context_execute(session.context()));
    std::vector<double> ms;
    const auto start = Clock::now();
    for (auto before = start; ms.size() < 10 || ms_between(start, before) < state->duration_s * 1000;) {
      require(sinter_context_execute(session.context()));
      const auto after = Clock::now();
      ms.push_back(ms_between(before, after));
      before = after;
    }
    const double total_ms = ms_between(start, Clock::now());
    const auto latency = summarise(ms);
    nlohmann::ordered_json result = {{"model", state->model},
                                     {"device", sinter_engine_device(session.engine())},
                                     {"threads", sinter_context_threads(session.context())},
                                     {"runs", ms.size()},
                                     {"latency_ms", latency},
                                     {"throughput_qps", 1000.0 * static_cast<double>(ms.size()) / total_ms},
                                     {"engine_bytes", session.engine_bytes},
                                     {"load_ms", session.load_ms},
                                     {"first_run_ms", first_ms},
                                     {"second_run_ms", second_ms},
                                     {"build_s", session.build_s},
                                     {"arena_bytes", sinter_context_arena_bytes(session.context())},
                                     {"device_bytes", sinter_context_device_bytes(session.context())},
                                     {"peak_rss_mb", peak_rss_mb()}};
    std::printf("latency   median %.3f ms, min %.3f, mean %.3f, p95 %.3f, p99 %.3f, max %.3f (%zu runs, %d threads)\n",
                latency.at("median").get<double>(), latency.at("min").get<double>(), latency.at("mean").get<double>(), latency.at("p95").get<double>(),
                latency.at("p99").get<double>(), latency.at("max").get<double>(), ms.size(), sinter_context_threads(session.context()));
    std::printf("rate      %.2f inferences/s\n", result.at("throughput_qps").get<double>());
    std::printf("start     build %.2f s, load %.1f ms, first run %.1f ms, second %.1f ms\n", session.build_s, session.load_ms, first_ms, second_ms);
    if (const size_t bytes = sinter_context_device_bytes(session.context())) {
      std::printf("device    %s, %.1f MiB of the context\n", sinter_engine_device(session.engine()), static_cast<double>(bytes) / 1048576);
    }
    std::printf("memory    engine %.1f MiB, activations %.1f MiB, peak resident %.1f MiB\n", static_cast<double>(session.engine_bytes) / 1048576,
                static_cast<double>(sinter_context_arena_bytes(session.context())) / 1048576, peak_rss_mb());
    if (state->streams > 0) {
      result["streams"] = compare_streams(session, state->streams, state->flags.threads(), state->warmup_ms, state->duration_s, state->on_device);
    }
    if (state->layers) {
      const char* device = sinter_engine_device(session.engine());
      result["by_layer"] = time_layers(session.context(), state->peaks.empty() ? measure_peak_rates(device, sinter_context_threads(session.context())) : peaks);
      print_layers(result["by_layer"]);
      if (!state->csv.empty()) write_layers_csv(state->csv, result["by_layer"]);
    }
    if (state->json.empty()) return;
    std::ofstream out(state->json);
    out << result.dump(2) << '\n';
    if (!out.flush()) throw Failure{"can't write '" + state->json + "'; choose a place this user may write to"};
  });
}

}  // namespace sinter::tool
