// Rows of this program run on the mock of tests/mock_cuda; with SINTER_TEST_GPU=1 on the machine's GPU (scripts/test-gpu).
#include "cuda/environment.h"

#include <cstdlib>

#include "support/tactic_harness.h"

namespace sinter::testing {

bool on_real_gpu() {
  const char* value = std::getenv("SINTER_TEST_GPU");
  return value && std::string_view(value) == "1";
}

bool is_child() { return std::getenv("SINTER_FAULT_CHILD") != nullptr; }

namespace {

class Gpu final : public ::testing::Environment {
 public:
  Gpu() {
    if (on_real_gpu()) return;
    const int own = is_child() ? 0 : 1;  // a child's parent may name others
    setenv("SINTER_CUDA_DRIVER", MOCK_DRIVER, own);
    setenv("SINTER_NVRTC", MOCK_NVRTC, own);
    setenv("SINTER_KERNEL_CACHE", "none", own);
    setenv("SINTER_CUBLASLT", MOCK_CUBLASLT, 0);
    setenv("SINTER_CUDNN", MOCK_CUDNN, 0);
  }
  void SetUp() override {
    auto device = find_device({DeviceKind::kCuda, 0});
    if (!device.ok() && is_child()) return;
    ASSERT_TRUE(device.ok()) << device.status().to_string();
    harness_device() = *device;
  }
};

const auto* const kGpu = ::testing::AddGlobalTestEnvironment(new Gpu);
const auto* const kAllRan = ::testing::AddGlobalTestEnvironment(new EveryTacticRan);

TEST(Parts, RanEveryTactic) {
  const auto exercised = exercised_by_parts();
  if (!exercised) GTEST_SKIP() << "not after a run in parts that left nothing out";
  expect_every_tactic(*exercised);
}

}  // namespace
}  // namespace sinter::testing
