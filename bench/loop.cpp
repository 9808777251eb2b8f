// usage: bench_loop ENGINE THREADS WARMUP_S SECONDS
//
// Times an engine with a loop of its own, by another clock call than sinter bench, and prints the median of the runs in ms: what sinter bench says is held against
// it (tests/e2e/bench).
#include <sinter/sinter.hpp>

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

double now_ms() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC_RAW, &time);
  return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
}

double median_of_runs(sinter::ExecutionContext& context, double warmup_s, double seconds) {
  for (const double end = now_ms() + 1e3 * warmup_s; now_ms() < end;) context.execute();
  std::vector<double> times;
  for (const double end = now_ms() + 1e3 * seconds; now_ms() < end || times.size() < 3;) {
    const double start = now_ms();
    context.execute();
    times.push_back(now_ms() - start);
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: bench_loop ENGINE THREADS WARMUP_S SECONDS\n");
    return 2;
  }
  try {
    const sinter::Engine engine = sinter::Engine::load(argv[1]);
    sinter::ExecutionContext context(engine, std::atoi(argv[2]));
    std::vector<std::vector<float>> values;
    for (size_t i = 0; i < engine.input_count(); ++i) {
      sinter::Shape shape = engine.input(i).shape;
      int64_t count = 1;
      for (int64_t& dim : shape) count *= dim = dim < 0 ? 1 : dim;
      values.emplace_back(static_cast<size_t>(count), 0.5f);
      context.set_input(i, values.back().data(), shape);
    }
    std::printf("%.6f\n", median_of_runs(context, std::atof(argv[3]), std::atof(argv[4])));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_loop: %s\n", error.what());
    return 1;
  }
}
