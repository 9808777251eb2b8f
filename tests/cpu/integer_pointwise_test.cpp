// Rows of cpu.integer_pointwise.
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

constexpr const char* kOps[] = {"Add", "Sub", "Mul", "Div", "Mod", "Max", "Min", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"};

TEST(IntegerPointwise, operators_types_and_broadcasts) {
  const std::pair<Dims, Dims> shapes[] = {{{3, 5, 7}, {3, 5, 7}}, {{3, 5, 7}, {}},       {{1}, {40}},      {{3, 1, 7}, {5, 1}}, {{2, 3, 4, 5}, {3, 1, 1}},
                                          {{4, 1}, {1, 70}},      {{0, 3}, {1}},         {{1, 1}, {1, 1}}, {{50000}, {50000}},  {{2, 1, 3}, {1, 4, 1}}};
  for (const DType dtype : {DType::kI32, DType::kI64}) {
    for (const char* op : kOps) {
      for (const auto& [a, b] : shapes) {
        check(TacticRow(op).input(random_integers(dtype, a, -9, 9, 1)).input(random_integers(dtype, b, -4, 4, 2)), {});  // zeros too
      }
    }
    check(TacticRow("Mod").attr("fmod", int64_t{1}).input(random_integers(dtype, {90}, -9, 9, 1)).input(random_integers(dtype, {90}, -4, 4, 2)), {});
  }
}

// Compared as integers: doubles would hide a wrong low digit.
TEST(IntegerPointwise, ends_of_the_range) {
  const std::vector<int64_t> ends = {INT64_MIN, INT64_MAX, -1, 0, 1, INT64_MIN + 1};
  std::vector<int64_t> a, b;
  for (const int64_t x : ends) {
    for (const int64_t y : ends) {
      a.push_back(x);
      b.push_back(y);
    }
  }
  for (const char* op : kOps) check(TacticRow(op).input(Tensor::from_i64(a)).input(Tensor::from_i64(b)), {});
}

TEST(Where, element_sizes_and_broadcasts) {
  const auto flags = [](Dims dims) { return random_integers(DType::kI32, std::move(dims), 0, 1, 5).cast(DType::kBool); };
  for (const DType dtype : {DType::kI64, DType::kI32, DType::kU8, DType::kI16, DType::kF64}) {
    const auto values = [&](Dims dims, uint32_t seed) { return random_integers(DType::kI32, std::move(dims), 0, 99, seed).cast(dtype); };
    check(TacticRow("Where").input(flags({4, 5, 6})).input(values({4, 5, 6}, 1)).input(values({4, 5, 6}, 2)), {});
    check(TacticRow("Where").input(flags({5, 1})).input(values({}, 1)).input(values({4, 1, 6}, 2)), {});
    check(TacticRow("Where").input(flags({1})).input(values({3, 70}, 1)).input(values({70}, 2)), {});
    check(TacticRow("Where").input(flags({2, 3, 300})).input(values({3, 1}, 1)).input(values({1}, 2)), {});
  }
}

}  // namespace
}  // namespace sinter::testing
