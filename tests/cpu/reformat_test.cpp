#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

TEST(Reformat, every_pair_of_layouts_and_odd_sizes) {
  const std::vector<Dims> shapes = {{1, 3, 5, 7}, {2, 16, 4, 4}, {1, 17, 33, 3}, {2, 24, 6, 1}, {1, 32, 1, 1}, {1, 40, 67},
                                    {2, 9, 2, 3, 4}, {1, 1, 64, 64}, {1, 130, 40, 40}, {0, 8, 3, 3}, {3, 8, 0, 2}};
  for (const Dims& dims : shapes) {
    for (int from = 0; from < kLayoutCount; ++from) {
      for (int to = 0; to < kLayoutCount; ++to) {
        TacticRow row("Reformat", "sinter");
        row.from = static_cast<Layout>(from);
        row.to = static_cast<Layout>(to);
        row.input(random_tensor(dims, 1));
        check(row, {});
      }
    }
  }
}

TEST(Reformat, element_sizes) {
  for (const DType dtype : {DType::kI8, DType::kF16, DType::kF64, DType::kBool}) {
    TacticRow row("Reformat", "sinter");
    row.to = Layout::kChannelsLast;
    row.input(random_integers(dtype, {2, 19, 5, 3}, 0, 1, 5));
    check(row, {});
    row.to = Layout::kChannelsBlocked16;
    check(row, {});
  }
}

}  // namespace
}  // namespace sinter::testing
