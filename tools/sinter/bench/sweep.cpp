// sinter bench --sweep batch=1,2,4 threads=1,2: a table and a plot of every combination.
#include <cmath>
#include <cstdio>

#include "charts.h"
#include "options.h"

namespace sinter::tool {
namespace {

struct Grid {
  std::vector<int64_t> batches, threads;
};

std::vector<int64_t> parse_values(const std::string& text, const std::string& item) {
  std::vector<int64_t> values;
  for (const std::string& word : CLI::detail::split(text, ',')) {
    int64_t value = 0;
    if (!CLI::detail::lexical_cast(word, value) || value < 1 || value > 1000000) {
      throw CLI::ValidationError("--sweep: found '" + item + "', expected whole numbers from 1 on such as batch=1,2,4");
    }
    values.push_back(value);
  }
  return values;
}

Grid parse_grid(const std::vector<std::string>& items) {
  Grid grid;
  for (const std::string& item : items) {
    const size_t equals = item.find('=');
    const std::string name = item.substr(0, equals);
    if (equals == item.npos || (name != "batch" && name != "threads")) {
      throw CLI::ValidationError("--sweep: found '" + item + "', expected batch=N,... or threads=N,...");
    }
    auto& values = name == "batch" ? grid.batches : grid.threads;
    if (!values.empty()) throw CLI::ValidationError("--sweep: found '" + name + "' twice, expected it once");
    values = parse_values(item.substr(equals + 1), item);
  }
  return grid;
}

// Shapes with another batch: of the inputs whose first dim is dynamic, with the user's other dims. "" when there is none.
std::string batch_shapes(const sinter_engine* engine, int64_t batch, const std::string& given) {
  auto shapes = parse_shapes(given);
  std::string text;
  for (size_t i = 0; i < sinter_engine_input_count(engine); ++i) {
    sinter_io_info info;
    require(sinter_engine_input_info(engine, i, &info));
    if (info.rank < 1 || info.dims[0] >= 0) continue;
    const auto found = shapes.find(info.name);
    std::vector<int64_t> dims = found != shapes.end() ? found->second : std::vector<int64_t>(info.dims, info.dims + info.rank);
    if (dims.empty()) continue;
    dims[0] = batch;
    text += (text.empty() ? "" : ",") + std::string(info.name) + ":";
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      int64_t least = 1, best = 1, most = 1;
      if (dims[axis] < 0 && sinter_engine_symbol_range(engine, info.dim_names[axis], &least, &best, &most) != SINTER_OK) best = 1;
      text += (axis ? "x" : "") + std::to_string(dims[axis] < 0 ? best : dims[axis]);
    }
  }
  return text;
}

struct Point {
  int64_t batch = 0;
  int threads = 0;
  Summary latency;
  double rate = 0;
};

// One combination; batch 0: as the model has it.
Point measure_point(BenchOptions& options, int64_t batch, int64_t threads) {
  if (threads > 0) options.flags.set_threads(static_cast<int>(threads));
  const std::string own = options.flags.shapes();
  Session session;
  session.load(options.model, options.flags);
  std::string shapes = batch > 0 ? batch_shapes(session.engine(), batch, own) : "";
  if (batch > 0 && shapes.empty()) {
    sinter_io_info info{};
    if (sinter_engine_input_count(session.engine()) > 0) require(sinter_engine_input_info(session.engine(), 0, &info));
    const bool fits = info.rank > 0 && info.dims[0] == batch;
    if (!fits && session.build_s == 0) {
      throw Failure{"'" + options.model + "': found inputs whose batch is fixed, expected a dynamic one for batch=" + std::to_string(batch) + "; give the .onnx, or build the engine with --dynamic-batch"};
    }
    if (!fits) {  // a model with a batch of 1: made dynamic
      options.flags.set_dynamic_batch();
      session = Session();
      session.load(options.model, options.flags);
      shapes = batch_shapes(session.engine(), batch, own);
    }
  }
  session.create_context(options.flags.threads(), false);
  session.set_inputs(options.inputs, shapes.empty() ? own : shapes, true);
  if (options.on_device) session.move_to_device();
  const Run run = runner(session);
  warm_up(run, options.warmup_ms, options.most_warmup_ms);
  const std::vector<double> ms = measure(run, options.duration_s, 10);
  Point point{batch, sinter_context_threads(session.context()), summarise(ms), 0};
  point.rate = 1000 * static_cast<double>(std::max<int64_t>(1, batch)) / point.latency.mean;
  return point;
}

// The rate over batches as text: a row a threads' number and batch.
void print_plot(const std::vector<Point>& points) {
  double most = 0;
  for (const Point& point : points) most = std::max(most, point.rate);
  std::printf("\nrate\n");
  for (const Point& point : points) {
    const int width = most > 0 ? static_cast<int>(std::lround(50 * point.rate / most)) : 0;
    std::printf("batch %4lld threads %3d |%-50s %.2f/s\n", static_cast<long long>(std::max<int64_t>(1, point.batch)), point.threads, std::string(static_cast<size_t>(width), '#').c_str(), point.rate);
  }
}

void put_charts(const std::vector<Point>& points, BenchReport& report) {
  Chart rate{"rate", "inferences/s", {}, {}, "batch", false}, latency{"median latency", "ms", {}, {}, "batch", false};
  for (const Point& point : points) {
    const auto x = static_cast<double>(std::max<int64_t>(1, point.batch));
    if (std::find(rate.xs.begin(), rate.xs.end(), x) == rate.xs.end()) rate.xs.push_back(x);
  }
  std::sort(rate.xs.begin(), rate.xs.end());
  latency.xs = rate.xs;
  for (const Point& point : points) {
    const std::string name = std::to_string(point.threads) + (point.threads == 1 ? " thread" : " threads");
    for (auto [chart, value] : {std::pair<Chart*, double>{&rate, point.rate}, {&latency, point.latency.median}}) {
      auto line = std::find_if(chart->lines.begin(), chart->lines.end(), [&](const ChartLine& l) { return l.name == name; });
      if (line == chart->lines.end()) line = chart->lines.insert(line, {name, std::vector<std::optional<double>>(rate.xs.size())});
      const auto x = std::find(rate.xs.begin(), rate.xs.end(), static_cast<double>(std::max<int64_t>(1, point.batch)));
      line->values[static_cast<size_t>(x - rate.xs.begin())] = value;
    }
  }
  report.section("Plot", figure_html(charts_svg({rate, latency})));
}

}  // namespace

void bench_sweep(BenchOptions& options, BenchReport& report) {
  Grid grid = parse_grid(options.sweep);
  if (grid.batches.empty()) grid.batches = {0};
  if (grid.threads.empty()) grid.threads = {0};
  std::vector<Point> points;
  report.rows = {{"batch", "threads", "median_ms", "min_ms", "p95_ms", "p99_ms", "inferences_per_s"}};
  std::printf("%6s %8s %12s %12s %12s %14s\n", "batch", "threads", "median ms", "min ms", "p95 ms", "inferences/s");
  for (const int64_t threads : grid.threads) {
    for (const int64_t batch : grid.batches) {
      const Point point = measure_point(options, batch, threads);
      points.push_back(point);
      const int64_t shown = std::max<int64_t>(1, batch);
      std::printf("%6lld %8d %12.3f %12.3f %12.3f %14.2f\n", static_cast<long long>(shown), point.threads, point.latency.median, point.latency.min, point.latency.p95, point.rate);
      std::fflush(stdout);
      report.rows.push_back({std::to_string(shown), std::to_string(point.threads), number(point.latency.median, 6), number(point.latency.min, 6), number(point.latency.p95, 6),
                             number(point.latency.p99, 6), number(point.rate, 3)});
      report.json["sweep"].push_back({{"batch", shown}, {"threads", point.threads}, {"latency_ms", summary_json(point.latency)}, {"throughput_qps", point.rate}});
    }
  }
  print_plot(points);
  put_charts(points, report);
  report.section("Table", table_html(report.rows));
  put_findings(monitor::check_settings(monitor::system_root(), false), report);
}

}  // namespace sinter::tool
