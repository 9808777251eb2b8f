// Rows of the normalizations over groups of channels, over lines, and across channels.
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

constexpr Tolerance kTolerance{2e-5, 2e-5};

TacticRow group_norm(const Tensor& x, int64_t groups) {
  const Dims channels{x.dims()[1]};
  TacticRow row(groups == 0 ? "InstanceNormalization" : "GroupNormalization");
  if (groups != 0) row.attr("num_groups", groups);
  row.input(x).constant_input(random_tensor(channels, 2)).constant_input(random_tensor(channels, 3));
  return row;
}

TEST(GroupNorm, shapes_groups_and_layouts) {
  for (const Dims& dims : {Dims{2, 6, 5, 7}, Dims{1, 32, 16, 16}, Dims{3, 33, 4, 3}, Dims{1, 18, 40, 41}, Dims{2, 12, 300}, Dims{2, 6, 3, 2, 5},
                           Dims{4, 24}, Dims{1, 1, 1, 1}, Dims{1, 130, 9, 9}}) {
    const Tensor x = random_tensor(dims, 1);
    check(group_norm(x, 0), kTolerance);
    for (const int64_t groups : {1, 2, 3, 6}) {
      if (dims[1] % groups == 0) check(group_norm(x, groups), kTolerance);
    }
    check(group_norm(x, dims[1]), kTolerance);
  }
}

TEST(GroupNorm, empty_tensors) {
  check(group_norm(random_tensor({0, 6, 5, 7}, 1), 2), {});
  check(group_norm(random_tensor({2, 6, 0, 7}, 1), 0), {});
}

// A mean far from zero: the one-pass variance would have no digits left. A rounding of the mean is 4e-6 here.
TEST(GroupNorm, large_means_and_many_pixels) {
  Tensor x = random_tensor({1, 4, 200, 150}, 9);
  for (int64_t i = 0; i < x.count(); ++i) x.data<float>()[i] += i < x.count() / 2 ? 100 : -70;
  check(group_norm(x, 0), {1e-4, 1e-4});
  check(group_norm(x, 2), {1e-4, 1e-4});
}

TEST(GroupNorm, nan_and_infinity_stay_in_their_group) {
  Tensor x = random_tensor({2, 8, 5, 5}, 4);
  x.data<float>()[7] = std::nanf("");
  x.data<float>()[260] = HUGE_VALF;
  x.data<float>()[320] = -HUGE_VALF;
  check(group_norm(x, 4), kTolerance);
  check(group_norm(x, 0), kTolerance);
}

TEST(GroupNorm, constant_and_tiny_values) {
  Tensor x = random_tensor({1, 4, 6, 6}, 4, 1e-39f);
  std::fill_n(x.data<float>(), 36, 3.25f);
  check(group_norm(x, 0), {2e-5, 1e-6});
}

TEST(LpNorm, axes_norms_and_layouts) {
  for (const int64_t p : {1, 2}) {
    for (const int64_t axis : {0, 1, 2, -1}) {
      check(TacticRow("LpNormalization").attr("axis", axis).attr("p", p).input(random_tensor({3, 70, 5, 33}, 1)), {2e-6, 1e-30});
      check(TacticRow("LpNormalization").attr("axis", axis).attr("p", p).input(random_tensor({2, 1, 300}, 1)), {2e-6, 1e-30});
    }
    Tensor zeros = random_tensor({4, 20}, 1);
    std::fill_n(zeros.data<float>(), 20, 0.0f);
    zeros.data<float>()[30] = std::nanf("");
    zeros.data<float>()[50] = HUGE_VALF;
    check(TacticRow("LpNormalization").attr("p", p).input(zeros), {2e-6, 1e-30});
    check(TacticRow("LpNormalization").attr("p", p).input(random_tensor({3, 0}, 1)), {});
  }
  Tensor column = random_tensor({5, 3}, 1);
  for (int64_t i = 0; i < 5; ++i) column.data<float>()[i * 3 + 1] = 0;
  check(TacticRow("LpNormalization").attr("axis", int64_t{0}).input(column), {2e-6, 0});
}

TEST(Lrn, windows_and_layouts) {
  for (const int64_t size : {1, 2, 3, 5, 9, 100}) {
    for (const Dims& dims : {Dims{2, 7, 5, 6}, Dims{1, 64, 13, 30}, Dims{1, 1, 3, 3}, Dims{2, 33, 300}, Dims{1, 4, 0, 3}}) {
      TacticRow row("LRN");
      row.attr("size", size).attr("alpha", 0.5f);
      TacticRow other = row;
      check(row.input(random_tensor(dims, 1)), {5e-6, 1e-30});
      other.attr("beta", 0.6f).attr("bias", 2.0f).input(random_tensor(dims, 1, 3));
      check(other, {1e-5, 1e-30});
    }
  }
}

}  // namespace
}  // namespace sinter::testing
