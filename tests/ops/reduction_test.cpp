// Rows of reductions, scans, softmax and selection.
#include <gtest/gtest.h>

#include <cmath>

#include "ops/op_harness.h"

namespace sinter::testing {
namespace {

const double kInf = HUGE_VAL, kNan = std::nan("");

OpRow reduce(const std::string& op, Tensor x, std::vector<double> axes, int64_t keepdims = 0) {
  OpRow row(op);
  row.attr("keepdims", keepdims).input(std::move(x));
  const int64_t count = static_cast<int64_t>(axes.size());
  if (count > 0) row.input(i64({count}, axes));
  return row;
}

TEST(Reduce, ValuesAndAxes) {
  const Tensor x = f32({2, 3}, {1, -2, 3, 4, 5, -6});
  reduce("ReduceSum", x, {1}).expect(f32({2}, {2, 3}));
  reduce("ReduceSum", x, {-2}, 1).expect(f32({1, 3}, {5, 3, -3}));
  reduce("ReduceSum", x, {}).expect(f32({}, {5}));
  reduce("ReduceMean", x, {0, 1}, 1).expect(f32({1, 1}, {5.0 / 6}), 1e-6);
  reduce("ReduceMax", x, {1}).expect(f32({2}, {3, 5}));
  reduce("ReduceMin", x, {1}).expect(f32({2}, {-2, -6}));
  reduce("ReduceProd", x, {1}).expect(f32({2}, {-6, -120}));
  reduce("ReduceL1", x, {1}).expect(f32({2}, {6, 15}));
  reduce("ReduceL2", x, {1}).expect(f32({2}, {std::sqrt(14), std::sqrt(77)}), 1e-6);
  reduce("ReduceSumSquare", x, {1}).expect(f32({2}, {14, 77}));
  reduce("ReduceLogSum", x, {1}).expect(f32({2}, {std::log(2), std::log(3)}), 1e-6);
  reduce("ReduceLogSumExp", f32({2, 2}, {1000, 1000, -kInf, -kInf}), {1})
      .expect(f32({2}, {1000 + std::log(2), -kInf}), 1e-6);
  reduce("ReduceLogSumExp", f32({1, 2}, {kInf, 1}), {1}).expect(f32({1}, {kInf}));
  reduce("ReduceSum", x, {2}).expect_error("[-2,1]");
  reduce("ReduceSum", x, {2}).expect_infer_error("[-2,1]");
}

TEST(Reduce, EmptySetsAndNoAxes) {
  const Tensor none = f32({2, 0}, {});
  reduce("ReduceSum", none, {1}).expect(f32({2}, {0, 0}));
  reduce("ReduceProd", none, {1}).expect(f32({2}, {1, 1}));
  reduce("ReduceMax", none, {1}).expect(f32({2}, {-kInf, -kInf}));
  reduce("ReduceMin", typed(DType::kI8, {1, 0}, {}), {1}).expect(typed(DType::kI8, {1}, {127}));
  reduce("ReduceMean", none, {1}).expect(f32({2}, {kNan, kNan}));
  reduce("ReduceLogSum", none, {1}).expect(f32({2}, {-kInf, -kInf}));
  reduce("ReduceSumSquare", f32({2}, {3, -4}), {}).attr("noop_with_empty_axes", int64_t{1}).expect(f32({2}, {9, 16}));
  reduce("ReduceL2", f32({2}, {3, -4}), {}).attr("noop_with_empty_axes", int64_t{1}).expect(f32({2}, {3, 4}));
}

TEST(Reduce, IntegersAndNarrowFloats) {
  reduce("ReduceSum", typed(DType::kI32, {2}, {2147483647, 1}), {0}).expect(typed(DType::kI32, {}, {-2147483648.0}));
  reduce("ReduceMean", i64({2}, {-3, 0}), {0}).expect(i64({}, {-1}));
  reduce("ReduceMax", typed(DType::kBool, {2}, {0, 1}), {0}).expect(typed(DType::kBool, {}, {1}));
  reduce("ReduceMax", f32({3}, {1, kNan, 3}), {0}).expect(f32({}, {kNan}));
  // 4096 ones in f16 sum exactly only in a wide accumulator.
  reduce("ReduceSum", typed(DType::kF16, {4096}, std::vector<double>(4096, 1)), {0})
      .expect(typed(DType::kF16, {}, {4096}));
}

TEST(Scan, CumSumAndCumProd) {
  const Tensor x = f32({2, 3}, {1, 2, 3, 4, 5, 6});
  OpRow("CumSum").input(x).input(i64({}, {1})).expect(f32({2, 3}, {1, 3, 6, 4, 9, 15}));
  OpRow("CumSum")
      .attr("exclusive", int64_t{1})
      .attr("reverse", int64_t{1})
      .input(x)
      .input(i64({}, {0}))
      .expect(f32({2, 3}, {4, 5, 6, 0, 0, 0}));
  OpRow("CumProd").attr("exclusive", int64_t{1}).input(x).input(i64({}, {-1})).expect(f32({2, 3}, {1, 1, 2, 1, 4, 20}));
  OpRow("CumSum").input(x).input(i64({}, {2})).expect_error("rank 2");
}

TEST(Softmax, LinesAlongAnyAxis) {
  const double e = std::exp(1), s = 1 + e;
  OpRow("Softmax").input(f32({1, 2}, {0, 1})).expect(f32({1, 2}, {1 / s, e / s}), 1e-6);
  OpRow("Softmax").attr("axis", int64_t{0}).input(f32({2, 1}, {1000, 1001})).expect(f32({2, 1}, {1 / s, e / s}), 1e-6);
  OpRow("LogSoftmax").input(f32({2}, {0, 1})).expect(f32({2}, {-std::log(s), 1 - std::log(s)}), 1e-6);
  OpRow("Softmax").input(f32({2}, {-kInf, 0})).expect(f32({2}, {0, 1}));
  OpRow("Hardmax").input(f32({2, 3}, {1, 3, 3, 2, kNan, 5})).expect(f32({2, 3}, {0, 1, 0, 0, 1, 0}));
  OpRow("Softmax").attr("axis", int64_t{3}).input(f32({2}, {0, 1})).expect_infer_error("axis is 3");
}

TEST(Select, ArgMaxArgMinTopK) {
  const Tensor x = f32({2, 3}, {1, 3, 3, 2, 0, 0});
  OpRow("ArgMax").attr("axis", int64_t{1}).attr("keepdims", int64_t{0}).input(x).expect(i64({2}, {1, 0}));
  OpRow("ArgMax").attr("axis", int64_t{1}).attr("select_last_index", int64_t{1}).input(x).expect(i64({2, 1}, {2, 0}));
  OpRow("ArgMin").attr("axis", int64_t{-1}).attr("keepdims", int64_t{0}).input(x).expect(i64({2}, {0, 1}));
  OpRow("ArgMax").attr("axis", int64_t{0}).input(f32({0, 2}, {})).expect_error("empty");
  OpRow("TopK").input(x).input(i64({1}, {2})).expect_all({f32({2, 2}, {3, 3, 2, 0}), i64({2, 2}, {1, 2, 0, 1})});
  OpRow("TopK")
      .attr("largest", int64_t{0})
      .attr("axis", int64_t{0})
      .input(f32({3, 2}, {3, 1, 2, kNan, 1, 0}))
      .input(i64({1}, {2}))
      .expect_all({f32({2, 2}, {1, 0, 2, 1}), i64({2, 2}, {2, 2, 1, 0})});
  OpRow("TopK").input(x).input(i64({1}, {0})).expect_all({f32({2, 0}, {}), i64({2, 0}, {})});
  OpRow("TopK").outputs(2).input(x).input(i64({1}, {4})).expect_error("K");
  OpRow("TopK").outputs(2).input(x).input(i64({1}, {4})).expect_infer_error("K");
}

TEST(Select, NonZeroUniqueCompress) {
  OpRow("NonZero").input(f32({2, 2}, {0, 1, -2, 0})).expect(i64({2, 2}, {0, 1, 1, 0}));
  OpRow("NonZero").input(f32({}, {5})).expect(i64({0, 1}, {}));
  OpRow("NonZero").input(strings({2}, {"", "x"})).expect(i64({1, 1}, {1}));
  OpRow("Unique")
      .input(f32({5}, {2, 1, 1, 3, 2}))
      .expect_all({f32({3}, {1, 2, 3}), i64({3}, {1, 0, 3}), i64({5}, {1, 0, 0, 2, 1}), i64({3}, {2, 2, 1})});
  OpRow("Unique")
      .attr("sorted", int64_t{0})
      .input(f32({4}, {2, 1, kNan, kNan}))
      .expect_all({f32({3}, {2, 1, kNan}), i64({3}, {0, 1, 2}), i64({4}, {0, 1, 2, 2}), i64({3}, {1, 1, 2})});
  OpRow("Unique")
      .attr("axis", int64_t{1})
      .input(i64({2, 3}, {1, 0, 1, 2, 5, 2}))
      .expect_all({i64({2, 2}, {0, 1, 5, 2}), i64({2}, {1, 0}), i64({3}, {1, 0, 1}), i64({2}, {1, 2})});
  OpRow("Compress")
      .attr("axis", int64_t{0})
      .input(f32({3, 2}, {1, 2, 3, 4, 5, 6}))
      .input(typed(DType::kBool, {3}, {0, 1, 1}))
      .expect(f32({2, 2}, {3, 4, 5, 6}));
  OpRow("Compress")
      .input(f32({2, 2}, {1, 2, 3, 4}))
      .input(typed(DType::kBool, {3}, {1, 0, 1}))
      .expect(f32({2}, {1, 3}));
}

}  // namespace
}  // namespace sinter::testing
