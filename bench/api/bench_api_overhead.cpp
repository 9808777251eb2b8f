// What a call costs beside its kernel: a network of one Add, through the C++ API as a program uses it.
// bench/api_overhead runs it and adds Python's figures. usage: bench_api_overhead ENGINE [threads]
#include <cstdio>
#include <cstdlib>
#include <sinter/sinter.hpp>
#include <string>
#include <vector>

#include "measure.h"

namespace {

constexpr int kRounds = 400, kCalls = 200;

// The number behind "key": in the first layer of a profile.
double value_of(const std::string& json, const std::string& key) {
  const size_t at = json.find("\"" + key + "\": ");
  return at == std::string::npos ? 0 : std::strtod(json.c_str() + at + key.size() + 4, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::puts("usage: bench_api_overhead ENGINE [threads]"), 2;
  try {
    const sinter::Engine engine = sinter::Engine::load(argv[1]);
    const int threads = argc > 2 ? std::atoi(argv[2]) : 1;
    const std::vector<float> a{1}, b{2};
    float c = 0;
    const auto infer = [&](sinter::ExecutionContext& context) {
      context.set_input("a", a.data(), {1});
      context.set_input("b", b.data(), {1});
      context.execute();
      c = *context.output("c").data<float>();
    };
    sinter::ExecutionContext context(engine, threads), timed(engine, threads, true);
    infer(context);
    const auto whole = measure(kRounds, kCalls, [&] { infer(context); });
    const auto execute = measure(kRounds, kCalls, [&] { context.execute(); });
    for (int i = 0; i < 20000; ++i) infer(timed);
    const std::string profile = timed.profile_json();
    if (c != 3) return std::puts("the sum is wrong"), 1;
    std::printf(
        "{\"infer_us\": %.3f, \"infer_median_us\": %.3f, \"execute_us\": %.3f, \"kernel_us\": %.3f, "
        "\"kernel_median_us\": %.3f}\n",
        whole.first, whole.second, execute.first, value_of(profile, "min_us"), value_of(profile, "median_us"));
  } catch (const sinter::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
