// Rows of the tactics that move data.
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

Tensor i64s(std::vector<int64_t> values) { return Tensor::from_i64(values); }

TEST(Transpose, permutations_and_element_sizes) {
  const std::vector<std::vector<int64_t>> permutations = {{0, 2, 1, 3}, {0, 2, 3, 1}, {0, 3, 1, 2}, {3, 2, 1, 0}, {1, 0, 3, 2}, {0, 1, 3, 2}, {0, 1, 2, 3}};
  for (const auto& perm : permutations) {
    check(TacticRow("Transpose").attr("perm", perm).input(random_tensor({2, 33, 5, 70}, 1)), {});
    check(TacticRow("Transpose").attr("perm", perm).input(random_tensor({1, 12, 40, 64}, 1)), {});
    check(TacticRow("Transpose").attr("perm", perm).input(random_integers(DType::kI8, {2, 3, 9, 17}, -128, 127, 1)), {});
    check(TacticRow("Transpose").attr("perm", perm).input(random_integers(DType::kI64, {2, 3, 9, 17}, -128, 127, 1)), {});
  }
  check(TacticRow("Transpose").input(random_tensor({100, 65}, 1)), {});
  check(TacticRow("Transpose").attr("perm", std::vector<int64_t>{1, 0}).input(random_tensor({0, 65}, 1)), {});
  check(TacticRow("Transpose").attr("perm", std::vector<int64_t>{4, 0, 2, 1, 3}).input(random_tensor({3, 4, 5, 6, 7}, 1)), {});
}

// Channels last, these are rows of 16 to 144 bytes.
TEST(Concat, rows_of_whole_vectors) {
  for (int64_t channels = 4; channels <= 36; channels += 4) {
    check(TacticRow("Concat").attr("axis", int64_t{1}).input(random_tensor({2, channels, 3, 5}, 1)).input(random_tensor({2, 8, 3, 5}, 2)).input(random_tensor({2, 5, 3, 5}, 3)), {});
  }
}

TEST(Concat, axes_and_layouts) {
  for (const int64_t axis : {0, 1, 2, 3, -1}) {
    Dims a = {2, 16, 5, 3}, b = a;
    b[static_cast<size_t>(axis < 0 ? 3 : axis)] = 9;
    check(TacticRow("Concat").attr("axis", axis).input(random_tensor(a, 1)).input(random_tensor(b, 2)).input(random_tensor(a, 3)), {});
    check(TacticRow("Concat").attr("axis", axis).input(random_tensor(a, 1)).input(random_tensor(b, 2)), {});
  }
  check(TacticRow("Concat").attr("axis", int64_t{0}).input(i64s({1, 2})).input(i64s({3})), {});
}

TEST(Split, axes_and_layouts) {
  for (const int64_t axis : {0, 1, 2, -1}) {
    TacticRow row("Split");
    row.attr("axis", axis).attr("num_outputs", int64_t{2}).input(random_tensor({2, 32, 6, 4}, 1));
    row.outputs = 2;
    check(row, {});
  }
  TacticRow row("Split");
  row.attr("axis", int64_t{1}).input(random_tensor({1, 27, 3, 4}, 1)).constant_input(i64s({8, 16, 3}));
  row.outputs = 3;
  check(row, {});
}

TEST(Slice, starts_steps_and_layouts) {
  const Tensor x = random_tensor({2, 20, 9, 11}, 1);
  check(TacticRow("Slice").input(x).constant_input(i64s({1, 2})).constant_input(i64s({9, 1000})).constant_input(i64s({2, 3})), {});
  check(TacticRow("Slice").input(x).constant_input(i64s({3})).constant_input(i64s({-1})).constant_input(i64s({1})).constant_input(i64s({2})), {});
  check(TacticRow("Slice").input(x).constant_input(i64s({-1, 8})).constant_input(i64s({-100, 0})).constant_input(i64s({-1, 2})).constant_input(i64s({-1, -3})), {});
  check(TacticRow("Slice").input(x).constant_input(i64s({1})).constant_input(i64s({2})), {});
  check(TacticRow("Slice").input(x).constant_input(i64s({5})).constant_input(i64s({5})).constant_input(i64s({1})), {});
}

TEST(Expand, expand_and_tile) {
  check(TacticRow("Expand").input(random_tensor({3, 1, 5}, 1)).constant_input(i64s({2, 3, 4, 5})), {});
  check(TacticRow("Expand").input(random_tensor({1}, 1)).constant_input(i64s({700})), {});
  check(TacticRow("Expand").input(random_tensor({4, 1}, 1)).constant_input(i64s({1, 1})), {});
  check(TacticRow("Tile").input(random_tensor({2, 3, 5}, 1)).constant_input(i64s({3, 1, 2})), {});
  check(TacticRow("Tile").input(random_integers(DType::kI64, {3}, 0, 9, 1)).constant_input(i64s({4})), {});
}

TEST(DepthToSpace, modes) {
  for (const char* mode : {"DCR", "CRD"}) {
    check(TacticRow("DepthToSpace").attr("blocksize", int64_t{2}).attr("mode", std::string(mode)).input(random_tensor({2, 12, 5, 7}, 1)), {});
    check(TacticRow("DepthToSpace").attr("blocksize", int64_t{3}).attr("mode", std::string(mode)).input(random_tensor({1, 18, 4, 2}, 1)), {});
    check(TacticRow("SpaceToDepth").attr("blocksize", int64_t{2}).attr("mode", std::string(mode)).input(random_tensor({2, 3, 6, 8}, 1)), {});
  }
}

TEST(Gather, axes_index_types_and_ranks) {
  for (const int64_t axis : {0, 1, -1}) {
    for (const DType dtype : {DType::kI32, DType::kI64}) {
      check(TacticRow("Gather").attr("axis", axis).input(random_tensor({9, 10, 11}, 1)).input(random_integers(dtype, {3, 5}, -9, 8, 3)), {});
      check(TacticRow("Gather").attr("axis", axis).input(random_tensor({9, 10, 11}, 1)).input(random_integers(dtype, {}, 0, 8, 3)), {});
    }
  }
  check(TacticRow("Gather").constant_input(random_tensor({1000, 64}, 1)).input(random_integers(DType::kI64, {2, 128}, 0, 999, 3)), {});
}

TEST(Gather, out_of_range_is_an_error_of_launch) {
  TacticRow row("Gather");
  row.attr("axis", int64_t{0}).input(random_tensor({4, 3}, 1)).input(i64s({1, 4}));
  const std::vector<Value> outputs = {Value(Tensor(DType::kF32, {2, 3}))};
  const Problem problem = make_problem(row, outputs, 1);
  const Tactic* tactic = tactic_registry().find("cpu.gather");
  Answer answer;
  tactic->query(problem, answer);
  auto kernel = tactic->bind(problem, answer.offers.at(0), {});
  const Dims inputs[] = {{4, 3}, {2}}, output_dims[] = {{2, 3}};
  ASSERT_TRUE((*kernel)->specialize(inputs, output_dims, 1).ok());
  Tensor out(DType::kF32, {2, 3});
  const void* in[] = {row.inputs[0].tensor().raw(), row.inputs[1].tensor().raw()};
  void* to[] = {out.raw()};
  const Status status = (*kernel)->launch({in, to, nullptr, &inline_team()});
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("index 4"), std::string::npos) << status.message();
}

}  // namespace
}  // namespace sinter::testing
