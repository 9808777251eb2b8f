// Damaged logs of tegrastats: samples or malformed lines, never a crash.
#include <gtest/gtest.h>

#include "../../fuzz/fuzz_targets.h"
#include "../monitor/lines.h"
#include "support/mutate.h"

namespace sinter {
namespace {

TEST(FuzzMonitor, DamagedLogsNeverCrash) {
  std::string log;
  std::vector<std::string> seeds;
  for (const char* line : tool::monitor::test::kLines) {
    seeds.push_back(line);
    log += std::string(line) + "\n";
  }
  seeds.push_back(log);
  test::Mutator mutator(seeds, 6);
  for (uint64_t i = 0; i < 6000; ++i) {
    const auto mutation = mutator.at(i);
    SCOPED_TRACE("mutation " + std::to_string(i) + ": " + mutation.what);
    fuzz_tegrastats(reinterpret_cast<const uint8_t*>(mutation.bytes.data()), mutation.bytes.size());
  }
}

}  // namespace
}  // namespace sinter
