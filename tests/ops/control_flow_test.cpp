// Control flow through the reference evaluator: loops that never run, loops whose values grow, branches that can't be.
#include <gtest/gtest.h>

#include "ir/graph.h"
#include "ops/op_harness.h"

namespace sinter::testing {
namespace {

std::unique_ptr<ir::Graph> made(const std::string& text) {
  auto graph = ir::parse(text);
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  if (!graph.ok()) return nullptr;
  const Status inferred = ir::infer_types(**graph);
  EXPECT_TRUE(inferred.ok()) << inferred.to_string();
  return inferred.ok() ? std::move(graph).value() : nullptr;
}

Tensor flag(bool value) { return Tensor::scalar<bool>(DType::kBool, value); }

// Carries a vector that grows by one element an iteration and collects the iteration numbers.
const char kLoop[] = R"ir(
graph(%m: i64[], %c: bool[], %x: f32[2]) -> (%y, %s) {
  %one = const f32[1] {1.0}
  %y, %s = Loop(%m, %c, %x)
    body body graph inner(%i: i64[], %k: bool[], %v) captures(%one) -> (%k, %w, %i) {
    %w = Concat(%v, %one) [axis=0]
    }
}
)ir";

TEST(Loop, GrowsAndStops) {
  const auto graph = made(kLoop);
  ASSERT_TRUE(graph);
  EXPECT_EQ(graph->outputs[0]->type.rank(), 1);
  EXPECT_EQ(graph->outputs[1]->type.rank(), 1);
  const auto run = [&](int64_t trips, bool go) {
    return ir::evaluate(*graph,
                        {Value(Tensor::scalar<int64_t>(DType::kI64, trips)), Value(flag(go)), Value(f32({2}, {5, 6}))});
  };
  auto results = run(3, true);
  ASSERT_TRUE(results.ok()) << results.status().to_string();
  EXPECT_TRUE((*results)[0].tensor().identical(f32({5}, {5, 6, 1, 1, 1})));
  EXPECT_TRUE((*results)[1].tensor().identical(i64({3}, {0, 1, 2})));
  for (const auto& [trips, go] : {std::pair<int64_t, bool>{0, true}, {-1, true}, {3, false}}) {
    results = run(trips, go);
    ASSERT_TRUE(results.ok()) << results.status().to_string();
    EXPECT_TRUE((*results)[0].tensor().identical(f32({2}, {5, 6})));
    EXPECT_TRUE((*results)[1].tensor().identical(i64({0}, {})));
  }
}

TEST(If, ABranchThatIsNeverTakenMayBeImpossible) {
  const char text[] = R"ir(
graph(%x: f32[5]) -> (%y) {
  %c = const bool[] {0}
  %y = If(%c)
    body then_branch graph a() captures(%x) -> (%p) {
    %w = const f32[3,3] {0,0,0,0,0,0,0,0,0}
    %p = MatMul(%x, %w)
    }
    body else_branch graph b() captures(%x) -> (%q) {
    %q = Relu(%x)
    }
}
)ir";
  const auto graph = made(text);
  ASSERT_TRUE(graph);
  EXPECT_EQ(graph->outputs[0]->type.to_string(), "f32[5]");
}

TEST(Scan, ReversedSumsAlongTheSecondAxis) {
  const char text[] = R"ir(
graph(%s: f32[1], %x: f32[1,3]) -> (%t, %y) {
  %t, %y = Scan(%s, %x) [num_scan_inputs=1, scan_input_axes=[1], scan_input_directions=[1], scan_output_axes=[-1], scan_output_directions=[1]]
    body body graph inner(%a, %b) -> (%c, %c) {
    %c = Add(%a, %b)
    }
}
)ir";
  const auto graph = made(text);
  ASSERT_TRUE(graph);
  EXPECT_EQ(graph->outputs[1]->type.to_string(), "f32[1,3]");
  const auto results = ir::evaluate(*graph, {Value(f32({1}, {0})), Value(f32({1, 3}, {1, 2, 4}))});
  ASSERT_TRUE(results.ok()) << results.status().to_string();
  EXPECT_TRUE((*results)[0].tensor().identical(f32({1}, {7})));
  EXPECT_TRUE((*results)[1].tensor().identical(f32({1, 3}, {7, 6, 4})));
}

TEST(Sequence, InsertEraseSplitJoin) {
  const char text[] = R"ir(
graph(%x: f32[5]) -> (%n, %y) {
  %two = const i64[] {2}
  %first = const i64[] {-3}
  %minus = const i64[] {-1}
  %zero = const i64[] {0}
  %s = SplitToSequence(%x, %two) [axis=0, keepdims=1]
  %e = SequenceErase(%s, %first)
  %last = SequenceAt(%e, %minus)
  %i = SequenceInsert(%e, %last, %zero)
  %n = SequenceLength(%i)
  %y = ConcatFromSequence(%i) [axis=0, new_axis=0]
}
)ir";
  const auto graph = made(text);
  ASSERT_TRUE(graph);
  const auto results = ir::evaluate(*graph, {Value(f32({5}, {1, 2, 3, 4, 5}))});
  ASSERT_TRUE(results.ok()) << results.status().to_string();
  EXPECT_EQ((*results)[0].tensor().to_i64()[0], 3);
  EXPECT_TRUE((*results)[1].tensor().identical(f32({4}, {5, 3, 4, 5})));
}

}  // namespace
}  // namespace sinter::testing
