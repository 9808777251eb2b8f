// Memory for outputs that the caller gives when their shape is known, and optimization profiles at the C boundary.
#include <gtest/gtest.h>

#include <array>
#include <sinter/sinter.hpp>

#include "capi_rt/sample_engine.h"

namespace sinter {
namespace {

// y = max(x, 0), x f32[batch,4] with batch up to 16; positions i64[2,k] of what is not 0.
Engine load() { return Engine::from_memory(sample_engine_bytes().data(), sample_engine_bytes().size()); }

struct Asked {
  alignas(64) std::array<float, 64> memory{};
  std::vector<int64_t> dims;
  size_t bytes = 0, alignment = 0;
  int calls = 0;
  int skew = 0;
  bool refuse = false;
};

void* give(void* user, size_t, const int64_t* dims, int32_t rank, size_t bytes, size_t alignment) {
  Asked& asked = *static_cast<Asked*>(user);
  asked.dims.assign(dims, dims + rank);
  asked.bytes = bytes;
  asked.alignment = alignment;
  ++asked.calls;
  return asked.refuse ? nullptr : asked.memory.data() + asked.skew;
}

TEST(OutputAllocators, GiveMemoryForKnownAndDataDependentShapes) {
  ExecutionContext context(load(), 1);
  Asked y, positions;
  ASSERT_EQ(sinter_context_set_output_allocator(context.handle(), 0, give, &y, 0), SINTER_OK);
  ASSERT_EQ(sinter_context_set_output_allocator(context.handle(), 1, give, &positions, 0), SINTER_OK);
  for (const int skew : {0, 1}) {  // an address that is not aligned is written by a copy
    y.skew = skew;
    const std::vector<float> x{-1, 2, -3, 4, 5, -6, 7, -8};
    context.set_input("x", x.data(), {2, 4});
    context.execute();
    EXPECT_EQ(y.dims, (Shape{2, 4}));
    EXPECT_EQ(y.bytes, 32u);
    EXPECT_EQ(y.alignment, 64u);
    EXPECT_EQ(context.output("y").raw(), y.memory.data() + skew);
    EXPECT_EQ(context.output("y").to_vector<float>(), (std::vector<float>{0, 2, 0, 4, 5, 0, 7, 0}));
    EXPECT_EQ(positions.dims, (Shape{2, 4}));
    EXPECT_EQ(positions.bytes, 64u);
    EXPECT_EQ(context.output("positions").raw(), positions.memory.data());
    EXPECT_EQ(context.output("positions").to_vector<int64_t>(), (std::vector<int64_t>{0, 0, 1, 1, 1, 3, 0, 2}));
  }
  EXPECT_EQ(y.calls, 2);
  EXPECT_EQ(positions.calls, 2);
  const std::vector<float> none(4, -1.0f);
  context.set_input("x", none.data(), {1, 4});
  positions.refuse = true;
  context.execute();  // nothing to write: null is fine
  EXPECT_EQ(positions.dims, (Shape{2, 0}));
  EXPECT_EQ(context.output("positions").shape(), (Shape{2, 0}));
}

TEST(OutputAllocators, RefusalsFailTheRunAndCanBeTakenBack) {
  ExecutionContext context(load(), 1);
  const std::vector<float> x{1, 2, 3, 4};
  context.set_input("x", x.data(), {1, 4});
  Asked asked;
  asked.refuse = true;
  for (const size_t index : {0, 1}) {
    ASSERT_EQ(sinter_context_set_output_allocator(context.handle(), index, give, &asked, 0), SINTER_OK);
    EXPECT_EQ(sinter_context_execute(context.handle()), SINTER_OUT_OF_MEMORY);
    EXPECT_NE(std::string(sinter_last_error()).find(index == 0 ? "output 'y' [1,4] takes 16 bytes" : "output 'positions' [2,4] takes 64 bytes"), std::string::npos) << sinter_last_error();
    ASSERT_EQ(sinter_context_set_output_allocator(context.handle(), index, nullptr, nullptr, 0), SINTER_OK);
    EXPECT_EQ(sinter_context_execute(context.handle()), SINTER_OK);
  }
  // A buffer takes an allocator's place.
  ASSERT_EQ(sinter_context_set_output_allocator(context.handle(), 0, give, &asked, 0), SINTER_OK);
  std::vector<float> buffer(4);
  context.set_output("y", buffer.data(), 16);
  context.execute();
  EXPECT_EQ(buffer, x);
}

TEST(OutputAllocators, OfCppMayThrow) {
  ExecutionContext context(load(), 1);
  const std::vector<float> x{1, 2, 3, 4};
  context.set_input("x", x.data(), {1, 4});
  std::vector<int64_t> memory;
  context.set_output_allocator(1, [&](const Shape& shape, size_t) {
    memory.resize(static_cast<size_t>(shape[0] * shape[1]));
    return memory.data();
  });
  context.execute();
  EXPECT_EQ(memory, (std::vector<int64_t>{0, 0, 0, 0, 0, 1, 2, 3}));
  context.set_output_allocator(1, [](const Shape&, size_t) -> void* { throw std::runtime_error("no"); });
  EXPECT_THROW(context.execute(), Error);
  context.set_output_allocator(1, nullptr);
  context.execute();
}

TEST(OutputAllocators, BadCallsAreErrors) {
  ExecutionContext context(load(), 1);
  Asked asked;
  EXPECT_EQ(sinter_context_set_output_allocator(nullptr, 0, give, &asked, 0), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_context_set_output_allocator(context.handle(), 2, give, &asked, 0), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_context_set_output_allocator(context.handle(), 0, give, &asked, 1), SINTER_UNSUPPORTED);
}

TEST(OptimizationProfiles, OfOneRangeAndBadCalls) {
  const Engine engine = load();
  EXPECT_EQ(engine.optimization_profile_count(), 1u);
  EXPECT_EQ(sinter_engine_optimization_profile_count(nullptr), 0u);
  int64_t low = 0, best = 0, high = 0;
  EXPECT_TRUE(engine.optimization_profile_range(0, "batch", low, best, high));
  EXPECT_EQ((std::array<int64_t, 3>{low, best, high}), (std::array<int64_t, 3>{1, 2, 16}));
  EXPECT_FALSE(engine.optimization_profile_range(0, "width", low, best, high));
  EXPECT_THROW(engine.optimization_profile_range(1, "batch", low, best, high), Error);
  EXPECT_EQ(sinter_engine_optimization_profile_range(nullptr, 0, "batch", &low, &best, &high), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_engine_optimization_profile_range(engine.handle(), 0, nullptr, &low, &best, &high), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_engine_optimization_profile_range(engine.handle(), 0, "batch", nullptr, &best, &high), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(engine.find_optimization_profile({{16, 4}}), 0u);
  EXPECT_THROW(engine.find_optimization_profile({{17, 4}}), Error);
  EXPECT_NE(std::string(sinter_last_error()).find("0: 'batch' 1 to 16"), std::string::npos) << sinter_last_error();
  EXPECT_THROW(engine.find_optimization_profile({{16, 5}}), Error);
  EXPECT_THROW(engine.find_optimization_profile({{16}}), Error);
  EXPECT_THROW(engine.find_optimization_profile({}), Error);
  size_t profile = 0;
  sinter_tensor tensor{SINTER_F32, 2, nullptr, nullptr, 0, 0};
  EXPECT_EQ(sinter_engine_find_optimization_profile(engine.handle(), &tensor, 1, &profile), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_engine_find_optimization_profile(engine.handle(), nullptr, 1, &profile), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_engine_find_optimization_profile(nullptr, &tensor, 1, &profile), SINTER_INVALID_ARGUMENT);
  sinter_context_options options;
  sinter_context_options_init(&options);
  sinter_context* made = nullptr;
  for (const int32_t wrong : {1, -1}) {
    options.optimization_profile = wrong;
    EXPECT_EQ(sinter_context_create(engine.handle(), &options, &made), SINTER_INVALID_ARGUMENT);
  }
  ExecutionContext context(engine, 1);
  context.set_optimization_profile(0);
  EXPECT_EQ(context.optimization_profile(), 0u);
  EXPECT_THROW(context.set_optimization_profile(1), Error);
  EXPECT_EQ(sinter_context_set_optimization_profile(nullptr, 0), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_context_optimization_profile(nullptr), 0u);
}

}  // namespace
}  // namespace sinter
