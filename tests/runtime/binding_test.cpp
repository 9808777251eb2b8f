// Shapes against dims, and the memory planner's promises.
#include <gtest/gtest.h>

#include <random>

#include "core/tensor.h"
#include "runtime/binding.h"
#include "runtime/memory_planner.h"

namespace sinter::runtime {
namespace {

Shape shape(std::initializer_list<const char*> dims) {
  Shape out;
  for (const char* dim : dims) out.push_back(Dim::parse(dim).value());
  return out;
}

TEST(Binding, SolvesWhatIsLinear) {
  Bindings bindings;
  ASSERT_TRUE(bind_shape(shape({"n", "2*h+3", "n*w", "7"}), {4, 13, 20, 7}, bindings).ok());
  EXPECT_EQ(bindings, (Bindings{{"n", 4}, {"h", 5}, {"w", 5}}));
  EXPECT_TRUE(bind_shape(shape({"h", "w+n"}), {5, 9}, bindings).ok());
}

TEST(Binding, SaysWhatDiffers) {
  const auto message = [](std::initializer_list<const char*> declared, const Dims& actual) {
    Bindings bindings;
    const Status status = bind_shape(shape(declared), actual, bindings);
    EXPECT_FALSE(status.ok());
    return status.message();
  };
  EXPECT_EQ(message({"n", "3"}, {2}), "it has rank 1, expected rank 2");
  EXPECT_EQ(message({"n", "3"}, {2, 4}), "dim 1 is 4, expected 3");
  EXPECT_EQ(message({"n", "n"}, {2, 3}), "dim 1 is 3, expected n = 2");
  EXPECT_EQ(message({"2*n"}, {3}), "dim 0 is 3, which no 'n' makes equal to 2*n");
}

TEST(Binding, LeavesOpenWhatItCantTellApart) {
  Bindings bindings;
  ASSERT_TRUE(bind_shape(shape({"max(a,b)", "n"}), {3, 4}, bindings).ok());
  EXPECT_EQ(bindings, (Bindings{{"n", 4}}));
}

TEST(Binding, ResultsMayHaveSizesThatCantBeSolved) {
  Bindings bindings;
  ASSERT_TRUE(bind_shape(shape({"t", "max(a,b)"}), {5, 1}, bindings, BindDims::kKnown).ok());
  EXPECT_EQ(bindings, (Bindings{{"t", 5}}));
  EXPECT_FALSE(bind_shape(shape({"t", "max(a,b)"}), {6, 1}, bindings, BindDims::kKnown).ok());
}

TEST(Binding, RangesNameInputAndDimension) {
  plan::Plan plan;
  plan.symbols = {{"n", 1, 2, 8}, {"k", 3, 3, 3}, {"m", 4, 4, INT64_MAX}};
  plan.regions.resize(1);
  plan::PlanValue value;
  value.name = "x";
  value.type = ValueType::tensor(DType::kF32, shape({"2*k", "n", "k", "m"}));
  plan.regions[0].values = {value};
  plan.regions[0].inputs = {0};
  EXPECT_TRUE(check_ranges(plan, {{"n", 8}, {"m", 100}}, {}).ok());
  const auto message = [&](const Bindings& bindings, const std::vector<Dims>& dims) { return check_ranges(plan, bindings, dims).message(); };
  EXPECT_NE(message({{"n", 9}}, {{6, 9, 3, 4}}).find("input 'x' [6,9,3,4]: dimension 1 ('n') is 9, the engine was built for 1 to 8"), std::string::npos);
  EXPECT_NE(message({{"k", 4}}, {{8, 1, 4, 4}}).find("dimension 2 ('k') is 4, the engine was built for 3;"), std::string::npos);
  EXPECT_NE(message({{"m", 2}}, {{6, 1, 3, 2}}).find("dimension 3 ('m') is 2, the engine was built for 4 or more;"), std::string::npos);
  plan.regions[0].values[0].type = ValueType::tensor(DType::kF32, shape({"2*k"}));
  EXPECT_NE(message({{"k", 4}}, {{8}}).find("input 'x' [8]: dimension 0 (2*k) is 4"), std::string::npos);
  EXPECT_EQ(ranges_text(plan), "'n' 1 to 8, 'k' 3, 'm' 4 or more");
}

TEST(MemoryPlanner, BuffersThatLiveTogetherNeverOverlap) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<ArenaBuffer> buffers(60);
    int64_t sum = 0, largest_step = 0;
    for (ArenaBuffer& buffer : buffers) {
      buffer.bytes = static_cast<int64_t>(random() % 5000);
      buffer.first = static_cast<int32_t>(random() % 40);
      buffer.last = buffer.first + static_cast<int32_t>(random() % 6);
      sum += (buffer.bytes + 63) / 64 * 64;
    }
    for (int32_t step = 0; step < 50; ++step) {
      int64_t alive = 0;
      for (const ArenaBuffer& buffer : buffers) alive += buffer.first <= step && step <= buffer.last ? buffer.bytes : 0;
      largest_step = std::max(largest_step, alive);
    }
    const int64_t arena = place_buffers(buffers).value();
    EXPECT_GE(arena, largest_step);
    EXPECT_LE(arena, sum);
    for (size_t a = 0; a < buffers.size(); ++a) {
      EXPECT_EQ(buffers[a].offset % kTensorAlignment, 0);
      EXPECT_LE(buffers[a].offset + buffers[a].bytes, arena);
      for (size_t b = 0; b < a; ++b) {
        if (buffers[a].last < buffers[b].first || buffers[b].last < buffers[a].first) continue;
        EXPECT_TRUE(buffers[a].offset + buffers[a].bytes <= buffers[b].offset ||
                    buffers[b].offset + buffers[b].bytes <= buffers[a].offset);
      }
    }
  }
}

TEST(MemoryPlanner, RefusesWhatNoProcessCanHave) {
  std::vector<ArenaBuffer> buffers{{plan::kMaxValueBytes, 0, 1}, {plan::kMaxValueBytes, 0, 1}};
  EXPECT_EQ(place_buffers(buffers).status().code(), Code::kOutOfMemory);
  buffers = {{-1, 0, 0}};
  EXPECT_FALSE(place_buffers(buffers).ok());
}

}  // namespace
}  // namespace sinter::runtime
