// Times of queries, and what trtexec prints and writes of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace sinter::tool::trtexec {

// ms since the run began.
struct Query {
  double enqueue_begin = 0, enqueue_end = 0, in_begin = 0, in_end = 0, compute_begin = 0, compute_end = 0, out_begin = 0, out_end = 0;
  double in_ms() const { return in_end - in_begin; }
  double compute_ms() const { return compute_end - compute_begin; }
  double out_ms() const { return out_end - out_begin; }
  double latency_ms() const { return in_ms() + compute_ms() + out_ms(); }
  double enqueue_ms() const { return enqueue_end - enqueue_begin; }
};

struct Trace {
  std::vector<Query> queries;  // by in_begin, without the warm-up's
  long warm_up_queries = 0;
  double warm_up_ms = 0;
};

struct ReportOptions {
  long average_runs = 10;
  std::vector<double> percentiles;
  int generation = 10, streams = 1;
  bool transfers = true;
};

// The report, a line a call; `warn` for the lines that begin with "* ".
void print_report(const Trace& trace, const ReportOptions& options, const std::function<void(const std::string&)>& info,
                  const std::function<void(const std::string&)>& warn);
// --exportTimes.
std::string times_json(const Trace& trace);
// Element max(n - 1 - floor((1 - p / 100) n), 0) of sorted values.
double percentile_of(const std::vector<double>& sorted, double percent);
// The middle, or the mean of the two.
double median_of(const std::vector<double>& sorted);

}  // namespace sinter::tool::trtexec
