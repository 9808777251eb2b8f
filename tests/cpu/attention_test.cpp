#include <limits>

#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

// Two products of normal values around a softmax: errors of the scores (size terms) pass through exp.
constexpr Tolerance kTolerance{3e-5, 1e-5};

TEST(Attention, four_dimensional_with_masks) {
  for (const auto& [queries, keys, size] : {std::tuple{5, 7, 8}, std::tuple{197, 197, 64}, std::tuple{130, 33, 17}, std::tuple{1, 300, 32}}) {
    const Tensor q = random_tensor({2, 3, queries, size}, 1), k = random_tensor({2, 3, keys, size}, 2), v = random_tensor({2, 3, keys, size + 3}, 3);
    check(TacticRow("Attention").input(q).input(k).input(v), kTolerance);
    check(TacticRow("Attention").attr("scale", 0.3f).input(q).input(k).input(v).input(random_tensor({2, 1, 1, keys}, 4)), kTolerance);
    check(TacticRow("Attention").input(q).input(k).input(v).input(random_tensor({queries, keys}, 4)), kTolerance);
    check(TacticRow("Attention").input(q).input(k).input(v).input(random_integers(DType::kBool, {2, 3, queries, keys}, 0, 1, 4)), kTolerance);
    if (queries == keys) check(TacticRow("Attention").attr("is_causal", int64_t{1}).input(q).input(k).input(v), kTolerance);
  }
}

TEST(Attention, packed_heads_and_shared_keys) {
  TacticRow row("Attention");
  row.attr("q_num_heads", int64_t{4}).attr("kv_num_heads", int64_t{2});
  row.input(random_tensor({2, 19, 4 * 16}, 1)).input(random_tensor({2, 23, 2 * 16}, 2)).input(random_tensor({2, 23, 2 * 8}, 3));
  check(row, kTolerance);
}

// Several blocks of queries for each head, and heads of queries that read the keys packed for the one before.
TEST(Attention, many_queries_of_shared_keys) {
  for (const auto& [queries, keys] : {std::pair{300, 5}, std::pair{131, 259}, std::pair{64, 700}}) {
    TacticRow row("Attention");
    row.input(random_tensor({2, 6, queries, 12}, 1)).input(random_tensor({2, 2, keys, 12}, 2)).input(random_tensor({2, 2, keys, 20}, 3));
    check(row, kTolerance);
    row.input(random_tensor({2, 6, queries, keys}, 4, 3)).attr("is_causal", int64_t{1});
    check(row, kTolerance);
  }
}

TEST(Attention, masks_of_minus_infinity_and_of_the_lowest_number) {
  Tensor mask = random_tensor({1, 1, 40, 51}, 4);
  for (int64_t i = 0; i < mask.count(); i += 3) mask.data<float>()[i] = i % 2 == 0 ? -HUGE_VALF : std::numeric_limits<float>::lowest();
  Tensor k = random_tensor({1, 2, 51, 16}, 2);
  TacticRow row("Attention");
  row.input(random_tensor({1, 2, 40, 16}, 1)).input(k).input(random_tensor({1, 2, 51, 9}, 3)).input(mask);
  check(row, kTolerance);
}

TEST(Attention, a_query_without_any_key_gives_zeros) {
  Tensor mask = random_integers(DType::kBool, {6, 9}, 0, 1, 4);
  for (int64_t j = 0; j < 9; ++j) mask.data<bool>()[18 + j] = false;
  check(TacticRow("Attention").input(random_tensor({1, 2, 6, 8}, 1)).input(random_tensor({1, 2, 9, 8}, 2)).input(random_tensor({1, 2, 9, 8}, 3)).input(mask), kTolerance);
}

}  // namespace
}  // namespace sinter::testing
