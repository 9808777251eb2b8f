#include "trtexec/trace.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "trtexec/log.h"

namespace sinter::tool::trtexec {
namespace {

constexpr size_t kEdgeLines = 200;  // of the trace of averages: the first and the last so many are printed

using Measure = double (Query::*)() const;

double mean_of(const std::vector<double>& values) {
  return values.empty() ? 0 : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

struct Column {
  std::vector<double> sorted;
  double mean = 0, median = 0, spread = 0;  // spread: standard deviation over mean

  Column(const std::vector<Query>& queries, Measure measure) {
    for (const Query& query : queries) sorted.push_back((query.*measure)());
    std::sort(sorted.begin(), sorted.end());
    mean = mean_of(sorted);
    median = median_of(sorted);
    double squares = 0;
    for (const double value : sorted) squares += (value - mean) * (value - mean);
    if (mean > 0) spread = std::sqrt(squares / static_cast<double>(sorted.size())) / mean;
  }
  std::string line(const std::string& name, const std::vector<double>& percentiles) const {
    std::string text = name + ": min = " + number(sorted.front()) + " ms, max = " + number(sorted.back()) + " ms, mean = " + number(mean) + " ms, median = " +
                       number(median) + " ms";
    for (const double p : percentiles) text += ", percentile(" + number(p) + "%) = " + number(percentile_of(sorted, p)) + " ms";
    return text;
  }
};

void print_averages(const Trace& trace, const ReportOptions& options, const std::function<void(const std::string&)>& info) {
  info("=== Trace details ===");
  info("Trace averages of " + std::to_string(options.average_runs) + " runs:");
  const auto runs = static_cast<size_t>(options.average_runs);
  const size_t lines = trace.queries.size() / runs;
  const bool omit = options.generation >= 10 && lines > 2 * kEdgeLines;
  for (size_t line = 0; line < lines; ++line) {
    if (omit && line == kEdgeLines) {
      info("... Omitting " + std::to_string(lines - 2 * kEdgeLines) + " lines");
      line = lines - kEdgeLines;
    }
    double compute = 0, latency = 0, enqueue = 0;
    for (size_t i = line * runs; i < (line + 1) * runs; ++i) {
      compute += trace.queries[i].compute_ms();
      latency += trace.queries[i].latency_ms();
      enqueue += trace.queries[i].enqueue_ms();
    }
    const auto n = static_cast<double>(runs);
    info("Average on " + std::to_string(runs) + " runs - GPU latency: " + number(compute / n) + " ms - Host latency: " + number(latency / n) + " ms (enqueue " +
         number(enqueue / n) + " ms)");
  }
  info("");
}

void print_warnings(const Column& enqueue, const Column& in, const Column& compute, const Column& out, const ReportOptions& options,
                    const std::function<void(const std::string&)>& warn) {
  if (enqueue.median > 0.8 * compute.median) {
    warn("* Throughput may be bound by Enqueue Time rather than GPU Compute and the GPU may be under-utilized.");
    warn("  If not already in use, --useCudaGraph (utilize CUDA graphs where possible) may increase the throughput.");
  }
  if (options.transfers && in.median >= compute.median) {
    warn("* Throughput may be bound by host-to-device transfers for the inputs rather than GPU Compute and the GPU may be under-utilized.");
    warn("  Add --noDataTransfers flag to disable data transfers.");
  }
  if (options.transfers && out.median >= compute.median) {
    warn("* Throughput may be bound by device-to-host transfers for the outputs rather than GPU Compute and the GPU may be under-utilized.");
    warn("  Add --noDataTransfers flag to disable data transfers.");
  }
  const double steady = options.generation == 8 ? 0.01 : 0.025;
  if (compute.spread > steady) {
    warn("* GPU compute time is unstable, with coefficient of variance = " + number(100 * compute.spread) + "%.");
    warn("  If not already in use, locking GPU clock frequency or adding --useSpinWait may improve the stability.");
  }
  if (options.streams > 1) {
    warn("* Multiple inference streams are used. Latencies may not be accurate since inferences may run in parallel.");
    warn("  Please use \"Throughput\" as the performance metric instead.");
  }
}

}  // namespace

double percentile_of(const std::vector<double>& sorted, double percent) {
  const auto count = static_cast<double>(sorted.size());
  const double place = count - 1 - std::floor((1 - percent / 100) * count);
  return sorted[static_cast<size_t>(std::max(place, 0.0))];
}

double median_of(const std::vector<double>& sorted) {
  if (sorted.empty()) return 0;
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

void print_report(const Trace& trace, const ReportOptions& options, const std::function<void(const std::string&)>& info,
                  const std::function<void(const std::string&)>& warn) {
  if (trace.queries.empty()) return warn("no query was measured; allow more --iterations or a longer --duration");
  const double begin = trace.queries.front().in_begin;
  double end = begin;
  for (const Query& query : trace.queries) end = std::max(end, query.out_end);
  const double wall_s = (end - begin) / 1000;
  const auto count = static_cast<double>(trace.queries.size());
  info("Warmup completed " + std::to_string(trace.warm_up_queries) + " queries over " + number(trace.warm_up_ms) + " ms");
  info("Timing trace has " + std::to_string(trace.queries.size()) + " queries over " + number(wall_s) + " s");
  info("");
  print_averages(trace, options, info);
  const Column latency(trace.queries, &Query::latency_ms), enqueue(trace.queries, &Query::enqueue_ms), in(trace.queries, &Query::in_ms),
      compute(trace.queries, &Query::compute_ms), out(trace.queries, &Query::out_ms);
  info("=== Performance summary ===");
  info("Throughput: " + number(wall_s > 0 ? count / wall_s : 0) + " qps");
  info(latency.line("Latency", options.percentiles));
  info(enqueue.line("Enqueue Time", options.percentiles));
  info(in.line("H2D Latency", options.percentiles));
  info(compute.line("GPU Compute Time", options.percentiles));
  info(out.line("D2H Latency", options.percentiles));
  info("Total Host Walltime: " + number(wall_s) + " s");
  info("Total GPU Compute Time: " + number(compute.mean * count / 1000) + " s");
  print_warnings(enqueue, in, compute, out, options, warn);
  info("Explanations of the performance metrics are printed in the verbose logs.");
}

std::string times_json(const Trace& trace) {
  std::string text = "[\n";
  for (size_t i = 0; i < trace.queries.size(); ++i) {
    const Query& q = trace.queries[i];
    const std::pair<const char*, double> values[] = {
        {"startEnqMs", q.enqueue_begin}, {"endEnqMs", q.enqueue_end}, {"startH2dMs", q.in_begin}, {"endH2dMs", q.in_end},
        {"startComputeMs", q.compute_begin}, {"endComputeMs", q.compute_end}, {"startD2hMs", q.out_begin}, {"endD2hMs", q.out_end},
        {"h2dMs", q.in_ms()}, {"computeMs", q.compute_ms()}, {"d2hMs", q.out_ms()}, {"latencyMs", q.latency_ms()}};
    text += i == 0 ? "  { " : ", { ";
    bool first = true;
    for (const auto& [name, value] : values) {
      text += std::string(first ? "" : ", ") + "\"" + name + "\" : " + number(value);
      first = false;
    }
    text += " }\n";
  }
  return text + "]\n";
}

}  // namespace sinter::tool::trtexec
