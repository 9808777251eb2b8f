// A warm context runs static plans without allocation, and costs little beside its kernels.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>

#include "runtime/context.h"
#include "support/plan_maker.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
namespace {
std::atomic<int64_t> allocations{0};
void* counted(size_t size, size_t alignment) {
  ++allocations;
  void* memory = nullptr;
  if (::posix_memalign(&memory, alignment, size ? size : 1) != 0) throw std::bad_alloc();
  return memory;
}
}  // namespace
void* operator new(size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new(size_t size, std::align_val_t alignment) { return counted(size, static_cast<size_t>(alignment)); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
#define SINTER_COUNTS_ALLOCATIONS 1
#endif

namespace sinter::runtime {
namespace {

constexpr int kSteps = 500;

std::unique_ptr<ExecutionContext> chain() {
  test::register_test_tactics();
  engine::EngineContents contents;
  test::RegionMaker main = test::add_region(contents, "main");
  int32_t last = main.input("x", "f32[n,4]");
  for (int s = 0; s < kSteps; ++s) {
    const int32_t next = main.arena("v" + std::to_string(s), "f32[n,4]");
    main.kernel("test.relu", "Relu", {last}, {next});
    last = next;
  }
  main.output(last);
  return ExecutionContext::create(Engine::from_contents(std::move(contents)).value(), {.threads = 1}).value();
}

#ifdef SINTER_COUNTS_ALLOCATIONS
TEST(Overhead, NoAllocationAfterTheFirstRun) {
  auto context = chain();
  const Tensor small(DType::kF32, {1, 4}), large(DType::kF32, {8, 4});
  std::fill_n(const_cast<float*>(small.data<float>()), 4, 1.0f);
  std::fill_n(const_cast<float*>(large.data<float>()), 32, 1.0f);
  Tensor target(DType::kF32, {8, 4});
  for (const bool own_memory : {true, false}) {
    ASSERT_TRUE(context->set_output_data(0, own_memory ? nullptr : target.raw(), 128).ok());
    ASSERT_TRUE(context->set_input(0, small).ok());
    ASSERT_TRUE(context->execute().ok());
    const int64_t before = allocations;
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(context->execute().ok());
    EXPECT_EQ(allocations - before, 0);
  }
  // The arena of a chain is two buffers, whatever its length.
  EXPECT_LE(context->arena_bytes(), 4 * kTensorAlignment);
}
#endif

TEST(Overhead, AStepCostsLittle) {
  auto context = chain();
  Tensor input(DType::kF32, {1, 4});
  std::fill_n(input.data<float>(), 4, 1.0f);
  ASSERT_TRUE(context->set_input(0, input).ok());
  ASSERT_TRUE(context->execute().ok());
  double best_ns = 1e9;
  for (int round = 0; round < 200; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(context->execute().ok());
    const double ns = static_cast<double>((std::chrono::steady_clock::now() - begin).count()) / kSteps;
    best_ns = std::min(best_ns, ns);
  }
  RecordProperty("ns_per_step", static_cast<int>(best_ns));
  std::cout << "        " << best_ns << " ns a step, the kernel's four elements included\n";
#if defined(NDEBUG) && defined(SINTER_COUNTS_ALLOCATIONS)
  EXPECT_LT(best_ns, 200);
#endif
}

}  // namespace
}  // namespace sinter::runtime
