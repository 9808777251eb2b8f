// What a layer costs beside its kernel: an engine of many tiny layers, run after run, one thread. bench/api_overhead
// --layers makes the engines and prints the figures. usage: bench_layer_overhead ENGINE
#include <cstdio>
#include <sinter/sinter.hpp>
#include <string>
#include <vector>

#include "measure.h"

namespace {

constexpr int kRounds = 1000, kCalls = 20;

size_t count(const std::string& text, const std::string& part) {
  size_t times = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++times;
  return times;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::puts("usage: bench_layer_overhead ENGINE"), 2;
  try {
    const sinter::Engine engine = sinter::Engine::load(argv[1]);
    sinter::ExecutionContext context(engine, 1);
    const sinter::Shape shape = engine.input(0).shape;
    int64_t elements = 1;
    for (const int64_t dim : shape) elements *= dim;
    const std::vector<float> values(static_cast<size_t>(elements), 0.5f);
    context.set_input(0, values.data(), shape);
    context.execute();
    const auto us = measure(kRounds, kCalls, [&] { context.execute(); });
    std::printf("{\"layers\": %zu, \"execute_us\": %.3f, \"execute_median_us\": %.3f}\n",
                count(context.profile_json(), "\"layer\": "), us.first, us.second);
  } catch (const sinter::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
