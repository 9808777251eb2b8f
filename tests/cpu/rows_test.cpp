// Rows of the tactics that work on rows of a tensor: softmax, normalizations.
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

// Sums of n terms in f32, in at least 16 partial sums, and an exponential of 2 ulp.
Tolerance of_length(int64_t n) { return {1e-6 + 6e-8 * static_cast<double>(n) / 16, 1e-7}; }

TEST(Softmax, every_axis_and_odd_lengths) {
  for (const Dims& dims : {Dims{7}, Dims{3, 1000}, Dims{4, 17, 33}, Dims{2, 3, 5, 300}, Dims{1, 1}, Dims{2, 0}, Dims{64, 197}}) {
    for (int64_t axis = 0; axis < static_cast<int64_t>(dims.size()); ++axis) {
      for (const char* op : {"Softmax", "LogSoftmax"}) {
        check(TacticRow(op).attr("axis", axis).input(random_tensor(dims, 1, 4)), {of_length(1000).relative, 1e-6});
      }
    }
  }
}

TEST(Softmax, large_and_special_values) {
  Tensor rows = random_tensor({6, 70}, 1, 100);
  rows.data<float>()[5] = std::nanf("");
  rows.data<float>()[75] = -HUGE_VALF;
  for (int i = 0; i < 70; ++i) rows.data<float>()[140 + i] = -HUGE_VALF;
  rows.data<float>()[215] = HUGE_VALF;
  check(TacticRow("Softmax").input(rows), {2e-5, 1e-7});
  check(TacticRow("Softmax").attr("axis", int64_t{0}).input(rows), {2e-5, 1e-7});
}

// Terms down to exp(-87) keep their digits; below, a term may be zero, which is within exp(-87) = 1.7e-38 of it.
TEST(Softmax, terms_near_the_smallest_normal_number) {
  Tensor rows = random_tensor({4, 37}, 1, 1);
  const float depths[] = {-60, -85, -86.9f, -87.1f, -88, -95, -103.9f, -104.5f, -150, -3e38f};
  for (int64_t r = 0; r < 4; ++r) {
    rows.data<float>()[r * 37] = 2;
    for (int64_t i = 0; i < 10; ++i) rows.data<float>()[r * 37 + 1 + r * 8 + i % (36 - r * 8)] = depths[i];
  }
  check(TacticRow("Softmax").input(rows), {2e-5, 1.7e-38});
}

TEST(LayerNorm, shapes_axes_and_absent_bias) {
  for (const int64_t length : {1, 7, 16, 63, 768}) {
    check(TacticRow("LayerNormalization").input(random_tensor({5, length}, 1)).constant_input(random_tensor({length}, 2)).constant_input(random_tensor({length}, 3)), {1e-5, 2e-5});
    check(TacticRow("LayerNormalization").input(random_tensor({2, 3, length}, 1)).input(random_tensor({length}, 2)), {1e-5, 2e-5});
    check(TacticRow("RMSNormalization").input(random_tensor({2, 3, length}, 1)).input(random_tensor({length}, 2)), {1e-5, 1e-6});
  }
  check(TacticRow("LayerNormalization").attr("axis", int64_t{1}).input(random_tensor({3, 4, 5}, 1)).input(random_tensor({4, 5}, 2)), {1e-5, 1e-5});
  Tensor shifted = random_tensor({4, 512}, 9);
  for (int64_t i = 0; i < shifted.count(); ++i) shifted.data<float>()[i] += 100;
  check(TacticRow("LayerNormalization").input(shifted).input(random_tensor({512}, 2)), {1e-4, 1e-4});
}

}  // namespace
}  // namespace sinter::testing
