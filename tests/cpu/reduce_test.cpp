// Rows of the reductions.
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

TEST(Reduce, kinds_axes_and_sizes) {
  for (const char* op : {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSumExp"}) {
    for (const std::vector<int64_t>& axes : {std::vector<int64_t>{0}, {1}, {-1}, {2, 1}, {2, 3}, {0, 1, 2, 3}, {0, 2}, {1, 3}, {0, 3}, {0, 2, 3}}) {
      for (const int64_t keep : {0, 1}) {
        check(TacticRow(op).attr("keepdims", keep).input(random_tensor({3, 70, 5, 33}, 1)).constant_input(Tensor::from_i64(axes)), {1e-5, 2e-4});
      }
    }
    check(TacticRow(op).input(random_tensor({2, 300}, 1)).absent(), {1e-5, 1e-4});
    check(TacticRow(op).input(random_tensor({2, 5, 700}, 1)).constant_input(Tensor::from_i64({1})), {1e-5, 1e-5});
  }
}

TEST(Reduce, products_and_logarithms) {
  for (const std::vector<int64_t>& axes : {std::vector<int64_t>{0}, {1}, {-1}, {2, 1}, {2, 3}, {0, 1, 2, 3}, {0, 2}, {1, 3}}) {
    Tensor positive = random_tensor({3, 17, 5, 33}, 1);
    for (int64_t i = 0; i < positive.count(); ++i) positive.data<float>()[i] = 1 + 0.1f * std::fabs(positive.data<float>()[i]) / 4;
    check(TacticRow("ReduceProd").input(positive).constant_input(Tensor::from_i64(axes)), {1e-4, 1e-6});
    check(TacticRow("ReduceLogSum").input(positive).constant_input(Tensor::from_i64(axes)), {1e-5, 1e-6});
  }
  // Out of the range of floats and back.
  check(TacticRow("ReduceProd").input(Tensor::from_f32({1e30f, 2e30f, 1e-38f, 1e-20f}, {1, 4})).constant_input(Tensor::from_i64({1})), {1e-6, 0});
  Tensor rows = random_tensor({4, 40}, 1, 50);
  std::fill_n(rows.data<float>(), 40, -HUGE_VALF);
  rows.data<float>()[50] = HUGE_VALF;
  rows.data<float>()[90] = std::nanf("");
  rows.data<float>()[130] = -HUGE_VALF;
  check(TacticRow("ReduceLogSumExp").input(rows).constant_input(Tensor::from_i64({1})), {1e-6, 1e-6});
  check(TacticRow("ReduceLogSumExp").input(rows).constant_input(Tensor::from_i64({0})), {1e-6, 1e-6});
  check(TacticRow("ReduceLogSumExp").input(random_tensor({5, 300}, 1, 30)).constant_input(Tensor::from_i64({0})), {1e-6, 1e-5});
}

TEST(Reduce, integers) {
  for (const DType dtype : {DType::kI32, DType::kI64}) {
    for (const char* op : {"ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd"}) {
      for (const std::vector<int64_t>& axes : {std::vector<int64_t>{0}, {1}, {2}, {0, 2}, {0, 1, 2}}) {
        check(TacticRow(op).input(random_integers(dtype, {3, 7, 50}, -2000000000, 2000000000, 1)).constant_input(Tensor::from_i64(axes)), {});
      }
    }
  }
}

TEST(Reduce, empty_axes) {
  for (const char* op : {"ReduceSum", "ReduceMax", "ReduceMin", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceProd", "ReduceLogSum"}) {
    check(TacticRow(op).input(random_tensor({2, 0, 3}, 1)).constant_input(Tensor::from_i64({1})), {});
    check(TacticRow(op).input(random_tensor({2, 0}, 1)).constant_input(Tensor::from_i64({1})), {});
    check(TacticRow(op).input(random_tensor({2, 0, 3}, 1)).constant_input(Tensor::from_i64({2})), {});
    check(TacticRow(op).input(random_tensor({0, 4, 0, 3}, 1)).constant_input(Tensor::from_i64({0, 2})), {});
  }
}

TEST(Reduce, nan_wins) {
  Tensor special = random_tensor({9, 40}, 1, 1, true);
  check(TacticRow("ReduceMax").input(special).constant_input(Tensor::from_i64({1})), {});
  check(TacticRow("ReduceMin").input(special).constant_input(Tensor::from_i64({0})), {});
  check(TacticRow("ReduceMax").input(random_tensor({3, 4, 5, 6}, 1, 1, true)).constant_input(Tensor::from_i64({0, 2})), {});
}

TEST(ArgReduce, axes_ties_and_layouts) {
  for (const char* op : {"ArgMax", "ArgMin"}) {
    for (const int64_t last : {0, 1}) {
      for (const int64_t axis : {0, 1, 2, -1}) {
        for (const int64_t keep : {0, 1}) {
          TacticRow row(op);
          row.attr("axis", axis).attr("keepdims", keep).attr("select_last_index", last);
          TacticRow integers = row, bytes = row, special = row;
          check(row.input(random_integers(DType::kF32, {3, 21, 5, 300}, -3, 3, 1)), {});  // many ties
          check(integers.input(random_integers(DType::kI64, {3, 9, 70}, -3, 3, 1)), {});
          check(bytes.input(random_integers(DType::kU8, {3, 9, 70}, 0, 255, 1)), {});
          check(special.input(random_tensor({3, 200, 5}, 1, 1, true)), {});
        }
      }
      for (const int64_t length : {1, 2, 15, 64, 65, 1000}) {
        check(TacticRow(op).attr("axis", int64_t{-1}).attr("select_last_index", last).input(random_tensor({3, length}, 7)), {});
      }
      check(TacticRow(op).attr("select_last_index", last).input(Tensor::from_f32({-HUGE_VALF, -HUGE_VALF, -0.0f, 0.0f, -0.0f}, {5})), {});
    }
  }
  check(TacticRow("ArgMax").attr("axis", int64_t{1}).input(random_tensor({0, 4}, 1)), {});
}

}  // namespace
}  // namespace sinter::testing
