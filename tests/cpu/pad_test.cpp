// Rows of Pad.
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

TacticRow pad(const std::string& mode, Tensor x, const std::vector<int64_t>& pads) {
  TacticRow row("Pad");
  row.attr("mode", mode).input(std::move(x)).constant_input(Tensor::from_i64(pads));
  return row;
}

const char* const kModes[] = {"constant", "reflect", "edge", "wrap"};

TEST(Pad, modes_ranks_and_layouts) {
  for (const std::string mode : kModes) {
    check(pad(mode, random_tensor({2, 3, 5, 7}, 1), {0, 0, 1, 2, 0, 0, 3, 1}), {});
    check(pad(mode, random_tensor({2, 17, 6, 4}, 1), {1, 2, 3, 1, 0, 4, 0, 2}), {});
    check(pad(mode, random_tensor({9}, 1), {4, 8}), {});
    check(pad(mode, random_tensor({3, 5}, 1), {0, 2, 1, 0}), {});
    check(pad(mode, random_tensor({2, 3, 4, 3, 5}, 1), {0, 1, 1, 2, 2, 1, 0, 1, 0, 2}), {});
    check(pad(mode, random_tensor({1, 4, 8, 8}, 1), {0, 0, 0, 0, 0, 0, 0, 0}), {});
    check(pad(mode, random_integers(DType::kI64, {2, 3, 4}, -9, 9, 1), {1, 0, 2, 0, 1, 1}), {});
    check(pad(mode, random_integers(DType::kU8, {1, 5, 33}, 0, 255, 1), {0, 1, 7, 0, 1, 5}), {});
  }
}

// Wider than the axis: reflection and wrapping go around several times; an axis of 1 reflects into itself.
TEST(Pad, wider_than_the_axis) {
  for (const std::string mode : kModes) {
    check(pad(mode, random_tensor({2, 3}, 1), {5, 10, 3, 8}), {});
    check(pad(mode, random_tensor({1, 1, 1, 2}, 1), {0, 2, 3, 4, 0, 1, 2, 5}), {});
  }
}

TEST(Pad, negative_pads_remove) {
  for (const std::string mode : kModes) {
    check(pad(mode, random_tensor({2, 4, 9, 11}, 1), {0, -1, -2, 3, 0, 2, -3, -4}), {});
    check(pad(mode, random_tensor({6}, 1), {-2, 5}), {});
  }
  check(pad("constant", random_tensor({4, 4}, 1), {-2, 1, -2, 1}), {});
  check(pad("constant", random_tensor({4, 4}, 1), {-4, 0, 2, 0}), {});
}

TEST(Pad, empty_tensors) {
  check(pad("constant", random_tensor({0, 3}, 1), {2, 1, 0, 1}), {});
  check(pad("edge", random_tensor({0, 3}, 1), {0, 1, 0, 1}), {});
}

TEST(Pad, constant_values_and_axes) {
  TacticRow row = pad("constant", random_tensor({2, 3, 4, 5}, 1, 1, true), {1, 2, 3, 0});
  row.constant_input(Tensor::from_f32({-7.5f}, {})).constant_input(Tensor::from_i64({-1, 2}));
  check(row, {});
  TacticRow given = pad("constant", random_tensor({2, 3, 4}, 1), {0, 0, 1, 0, 2, 3});
  given.input(Tensor::from_f32({HUGE_VALF}, {}));
  check(given, {});
  TacticRow edge = pad("edge", random_tensor({2, 3, 4}, 1), {2, 2});
  edge.absent().constant_input(Tensor::from_i64({1}));
  check(edge, {});
}

}  // namespace
}  // namespace sinter::testing
