// Rows of data movers and generators, also with strings, packed types and hostile arguments.
#include <gtest/gtest.h>

#include <cmath>

#include "ops/op_harness.h"

namespace sinter::testing {
namespace {

const double kInf = HUGE_VAL, kNan = std::nan("");

TEST(Shape, ViewsKeepTheBytes) {
  const Tensor x = f32({2, 3}, {0, 1, 2, 3, 4, 5});
  OpRow("Reshape").input(x).input(i64({2}, {3, -1})).expect(f32({3, 2}, {0, 1, 2, 3, 4, 5}));
  OpRow("Reshape").input(x).input(i64({2}, {0, 3})).expect(x);
  OpRow("Reshape").input(f32({0, 3}, {})).input(i64({2}, {3, 0})).attr("allowzero", int64_t{1}).expect(f32({3, 0}, {}));
  OpRow("Reshape").input(f32({1}, {7})).input(i64({0}, {})).expect(f32({}, {7}));
  OpRow("Reshape").input(x).input(i64({1}, {4})).expect_error("6 elements");
  OpRow("Reshape").input(x).input(i64({1}, {4})).expect_infer_error("6 elements");
  OpRow("Reshape").input(x).input(i64({2}, {-1, -1})).expect_infer_error("at most one -1");
  OpRow("Reshape").input(x).input(i64({0}, {})).expect_infer_error("6 elements");
  OpRow("Reshape").input(x).input(i64({3}, {4611686018427387904, 4, 0})).expect_error("elements");
  OpRow("Flatten").attr("axis", int64_t{2}).input(x).expect(f32({6, 1}, {0, 1, 2, 3, 4, 5}));
  OpRow("Flatten").attr("axis", int64_t{3}).input(x).expect_error("[-2,2]");
  OpRow("Squeeze").input(f32({1, 2, 1}, {1, 2})).input(i64({1}, {-1})).expect(f32({1, 2}, {1, 2}));
  OpRow("Squeeze").input(f32({2}, {1, 2})).input(i64({1}, {0})).expect_error("size 1");
  OpRow("Unsqueeze").input(f32({2}, {1, 2})).input(i64({2}, {0, -1})).expect(f32({1, 2, 1}, {1, 2}));
  OpRow("Unsqueeze").input(f32({2}, {1, 2})).input(i64({2}, {0, 0})).expect_error("twice");
  OpRow("Identity").input(strings({1}, {"a"})).expect(strings({1}, {"a"}));
  OpRow("Shape").attr("start", int64_t{-1}).input(x).expect(i64({1}, {3}));
  OpRow("Shape").attr("start", int64_t{5}).input(x).expect(i64({0}, {}));
  OpRow("Size").input(x).expect(i64({}, {6}));
}

TEST(Move, TransposeConcatSplit) {
  const Tensor x = f32({2, 3}, {0, 1, 2, 3, 4, 5});
  OpRow("Transpose").input(x).expect(f32({3, 2}, {0, 3, 1, 4, 2, 5}));
  OpRow("Transpose")
      .attr("perm", Dims{1, 2, 0})
      .input(i64({2, 1, 2}, {1, 2, 3, 4}))
      .expect(i64({1, 2, 2}, {1, 3, 2, 4}));
  OpRow("Transpose").input(typed(DType::kI4, {2, 2}, {-8, 7, 1, 2})).expect(typed(DType::kI4, {2, 2}, {-8, 1, 7, 2}));
  OpRow("Transpose").attr("perm", Dims{0, 0}).input(x).expect_error("twice");
  OpRow("Transpose").attr("perm", Dims{0}).input(x).expect_infer_error("rank 2");
  OpRow("Concat")
      .attr("axis", int64_t{-1})
      .input(x)
      .input(f32({2, 1}, {8, 9}))
      .expect(f32({2, 4}, {0, 1, 2, 8, 3, 4, 5, 9}));
  OpRow("Concat").attr("axis", int64_t{0}).input(x).input(f32({1, 2}, {8, 9})).expect_error("axis 0");
  OpRow("Concat").attr("axis", int64_t{0}).input(x).input(f32({1, 2}, {8, 9})).expect_infer_error("axis 0");
  OpRow("Split")
      .attr("axis", int64_t{1})
      .input(x)
      .input(i64({2}, {1, 2}))
      .expect_all({f32({2, 1}, {0, 3}), f32({2, 2}, {1, 2, 4, 5})});
  OpRow("Split")
      .attr("num_outputs", int64_t{2})
      .input(f32({3}, {1, 2, 3}))
      .expect_all({f32({2}, {1, 2}), f32({1}, {3})});
  OpRow("Split").outputs(2).input(x).input(i64({2}, {3, -1})).expect_error("add up");
}

TEST(Move, Slice) {
  const Tensor x = i64({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  OpRow("Slice")
      .input(x)
      .input(i64({2}, {1, 0}))
      .input(i64({2}, {2, 3}))
      .absent()
      .input(i64({2}, {1, 2}))
      .expect(i64({1, 2}, {5, 7}));
  OpRow("Slice")
      .input(x)
      .input(i64({1}, {-1}))
      .input(i64({1}, {-9}))
      .input(i64({1}, {1}))
      .input(i64({1}, {-1}))
      .expect(i64({2, 4}, {4, 3, 2, 1, 8, 7, 6, 5}));
  OpRow("Slice").input(x).input(i64({1}, {0})).input(i64({1}, {1000})).input(i64({1}, {0})).expect(x);
  OpRow("Slice").input(x).input(i64({1}, {3})).input(i64({1}, {1})).input(i64({1}, {1})).expect(i64({2, 0}, {}));
  OpRow("Slice")
      .input(x)
      .input(i64({1}, {9e18}))
      .input(i64({1}, {-9e18}))
      .input(i64({1}, {1}))
      .input(i64({1}, {-9e18}))
      .expect(i64({2, 1}, {4, 8}));
  OpRow("Slice")
      .input(x)
      .input(i64({1}, {0}))
      .input(i64({1}, {1}))
      .input(i64({1}, {1}))
      .input(i64({1}, {0}))
      .expect_error("step is 0");
  OpRow("Slice").input(x).input(i64({1}, {0})).input(i64({2}, {1, 1})).expect_error("2 ends");
}

TEST(Move, GatherAndScatter) {
  const Tensor x = f32({3, 2}, {1, 2, 3, 4, 5, 6});
  OpRow("Gather").input(x).input(i64({2}, {-1, 0})).expect(f32({2, 2}, {5, 6, 1, 2}));
  OpRow("Gather").attr("axis", int64_t{1}).input(x).input(i64({}, {1})).expect(f32({3}, {2, 4, 6}));
  OpRow("Gather").input(strings({2}, {"a", "b"})).input(i64({1, 1}, {1})).expect(strings({1, 1}, {"b"}));
  OpRow("Gather").input(x).input(i64({1}, {3})).expect_error("[-3,2]");
  OpRow("GatherElements")
      .attr("axis", int64_t{1})
      .input(x)
      .input(i64({2, 2}, {0, 0, 1, -1}))
      .expect(f32({2, 2}, {1, 1, 4, 4}));
  OpRow("GatherElements").input(x).input(i64({1, 3}, {0, 0, 0})).expect_error("axis 0");
  OpRow("GatherND").input(x).input(i64({2, 2}, {0, 1, 2, 0})).expect(f32({2}, {2, 5}));
  OpRow("GatherND").attr("batch_dims", int64_t{1}).input(x).input(i64({3, 1}, {1, 0, 1})).expect(f32({3}, {2, 3, 6}));
  OpRow("GatherND").input(x).input(i64({1, 3}, {0, 0, 0})).expect_error("tuples");
  OpRow("ScatterElements")
      .attr("axis", int64_t{1})
      .input(x)
      .input(i64({1, 2}, {1, 0}))
      .input(f32({1, 2}, {8, 9}))
      .expect(f32({3, 2}, {9, 8, 3, 4, 5, 6}));
  OpRow("ScatterElements")
      .attr("reduction", std::string("add"))
      .input(x)
      .input(i64({2, 1}, {0, 0}))
      .input(f32({2, 1}, {10, 100}))
      .expect(f32({3, 2}, {111, 2, 3, 4, 5, 6}));
  OpRow("ScatterElements")
      .attr("reduction", std::string("max"))
      .input(f32({1}, {1}))
      .input(i64({1}, {0}))
      .input(f32({1}, {kNan}))
      .expect(f32({1}, {kNan}));
  OpRow("ScatterElements")
      .attr("reduction", std::string("add"))
      .input(strings({1}, {"a"}))
      .input(i64({1}, {0}))
      .input(strings({1}, {"b"}))
      .expect_error("numeric");
  OpRow("ScatterND")
      .input(x)
      .input(i64({1, 1}, {-1}))
      .input(f32({1, 2}, {0, 0}))
      .expect(f32({3, 2}, {1, 2, 3, 4, 0, 0}));
  OpRow("ScatterND")
      .attr("reduction", std::string("mul"))
      .input(x)
      .input(i64({2, 2}, {0, 0, 0, 0}))
      .input(f32({2}, {3, 4}))
      .expect(f32({3, 2}, {12, 2, 3, 4, 5, 6}));
  OpRow("ScatterND").input(x).input(i64({1, 1}, {0})).input(f32({1}, {0})).expect_error("[1,2]");
  OpRow("Scatter").input(f32({2}, {1, 2})).input(i64({1}, {1})).input(f32({1}, {5})).expect(f32({2}, {1, 5}));
  OpRow("TensorScatter")
      .attr("mode", std::string("circular"))
      .input(f32({1, 3, 1}, {0, 0, 0}))
      .input(f32({1, 2, 1}, {1, 2}))
      .input(i64({1}, {2}))
      .expect(f32({1, 3, 1}, {2, 0, 1}));
  OpRow("TensorScatter")
      .input(f32({1, 3, 1}, {0, 0, 0}))
      .input(f32({1, 2, 1}, {1, 2}))
      .input(i64({1}, {2}))
      .expect_error("circular");
}

TEST(Move, ExpandTilePad) {
  OpRow("Expand")
      .input(f32({2, 1}, {1, 2}))
      .input(i64({3}, {2, 1, 2}))
      .expect(f32({2, 2, 2}, {1, 1, 2, 2, 1, 1, 2, 2}));
  OpRow("Expand").input(f32({2}, {1, 2})).input(i64({1}, {3})).expect_error("[3]");
  OpRow("Tile").input(f32({1, 2}, {1, 2})).input(i64({2}, {2, 2})).expect(f32({2, 4}, {1, 2, 1, 2, 1, 2, 1, 2}));
  OpRow("Tile").input(f32({2}, {1, 2})).input(i64({1}, {-1})).expect_error("negative");
  OpRow("Tile").input(f32({2}, {1, 2})).input(i64({1}, {9e18})).expect_error("fit");
  const Tensor x = f32({3}, {1, 2, 3});
  OpRow("Pad").input(x).input(i64({2}, {1, 2})).input(f32({}, {9})).expect(f32({6}, {9, 1, 2, 3, 9, 9}));
  OpRow("Pad")
      .attr("mode", std::string("reflect"))
      .input(x)
      .input(i64({2}, {2, 4}))
      .expect(f32({9}, {3, 2, 1, 2, 3, 2, 1, 2, 3}));
  OpRow("Pad").attr("mode", std::string("edge")).input(x).input(i64({2}, {1, 1})).expect(f32({5}, {1, 1, 2, 3, 3}));
  OpRow("Pad")
      .attr("mode", std::string("wrap"))
      .input(x)
      .input(i64({2}, {1, 4}))
      .expect(f32({8}, {3, 1, 2, 3, 1, 2, 3, 1}));
  OpRow("Pad").input(x).input(i64({2}, {-1, 1})).expect(f32({3}, {2, 3, 0}));
  OpRow("Pad")
      .input(f32({1, 2}, {1, 2}))
      .input(i64({2}, {1, 0}))
      .absent()
      .input(i64({1}, {-1}))
      .expect(f32({1, 3}, {0, 1, 2}));
  OpRow("Pad").input(x).input(i64({2}, {-2, -2})).expect_error("fit");
  OpRow("Pad").input(x).input(i64({2}, {-2, -2})).expect_infer_error("negative");
  OpRow("Pad").input(strings({1}, {"a"})).input(i64({2}, {1, 0})).expect(strings({2}, {"", "a"}));
  OpRow("Pad").attr("mode", std::string("mirror")).input(x).input(i64({2}, {1, 0})).expect_error("'mirror'");
}

TEST(Move, BlocksAndOrders) {
  const Tensor channels = f32({1, 8, 1, 1}, {0, 1, 2, 3, 4, 5, 6, 7});
  OpRow("DepthToSpace")
      .attr("blocksize", int64_t{2})
      .input(channels)
      .expect(f32({1, 2, 2, 2}, {0, 2, 4, 6, 1, 3, 5, 7}));
  OpRow("DepthToSpace")
      .attr("blocksize", int64_t{2})
      .attr("mode", std::string("CRD"))
      .input(channels)
      .expect(f32({1, 2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7}));
  OpRow("SpaceToDepth")
      .attr("blocksize", int64_t{2})
      .input(f32({1, 2, 2, 2}, {0, 2, 4, 6, 1, 3, 5, 7}))
      .expect(channels);
  OpRow("SpaceToDepth")
      .attr("blocksize", int64_t{2})
      .attr("mode", std::string("CRD"))
      .input(f32({1, 2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7}))
      .expect(channels);
  OpRow("DepthToSpace").attr("blocksize", int64_t{3}).input(channels).expect_infer_error("blocksize");
  OpRow("ReverseSequence")
      .attr("time_axis", int64_t{1})
      .attr("batch_axis", int64_t{0})
      .input(f32({2, 3}, {1, 2, 3, 4, 5, 6}))
      .input(i64({2}, {2, 3}))
      .expect(f32({2, 3}, {2, 1, 3, 6, 5, 4}));
  OpRow("ReverseSequence").input(f32({2, 1}, {1, 2})).input(i64({1}, {3})).expect_error("[0,2]");
  OpRow("CenterCropPad").input(f32({4}, {1, 2, 3, 4})).input(i64({1}, {3})).expect(f32({3}, {1, 2, 3}));
  OpRow("CenterCropPad")
      .attr("axes", Dims{1})
      .input(f32({1, 2}, {1, 2}))
      .input(i64({1}, {5}))
      .expect(f32({1, 5}, {0, 1, 2, 0, 0}));
  OpRow("Trilu").input(f32({2, 3}, {1, 2, 3, 4, 5, 6})).expect(f32({2, 3}, {1, 2, 3, 0, 5, 6}));
  OpRow("Trilu")
      .attr("upper", int64_t{0})
      .input(f32({2, 3}, {1, 2, 3, 4, 5, 6}))
      .input(i64({}, {-9e18}))
      .expect(f32({2, 3}, {0, 0, 0, 0, 0, 0}));
}

TEST(Make, ConstantsAndRanges) {
  OpRow("ConstantOfShape").attr("value", i64({1}, {7})).input(i64({1}, {3})).expect(i64({3}, {7, 7, 7}));
  OpRow("ConstantOfShape").input(i64({0}, {})).expect(f32({}, {0}));
  OpRow("ConstantOfShape").input(i64({1}, {-1})).expect_error("non-negative");
  OpRow("ConstantOfShape").input(i64({2}, {9e18, 4})).expect_error("memory");
  OpRow("Constant").attr("value_ints", Dims{1, 2}).expect(i64({2}, {1, 2}));
  OpRow("Range").input(i64({}, {10})).input(i64({}, {4})).input(i64({}, {-2})).expect(i64({3}, {10, 8, 6}));
  OpRow("Range")
      .input(f32({}, {0}))
      .input(f32({}, {1}))
      .input(f32({}, {0.3}))
      .expect(f32({4}, {0, 0.3, 0.6, 0.9}), 1e-6);
  OpRow("Range").input(i64({}, {5})).input(i64({}, {5})).input(i64({}, {1})).expect(i64({0}, {}));
  OpRow("Range").input(i64({}, {0})).input(i64({}, {5})).input(i64({}, {0})).expect_error("step");
  OpRow("Range").input(f32({}, {0})).input(f32({}, {kInf})).input(f32({}, {1})).expect_error("step");
  OpRow("EyeLike").attr("k", int64_t{1}).input(f32({2, 3}, {9, 9, 9, 9, 9, 9})).expect(f32({2, 3}, {0, 1, 0, 0, 0, 1}));
  OpRow("EyeLike").attr("dtype", int64_t{9}).input(f32({1, 1}, {9})).expect(typed(DType::kBool, {1, 1}, {1}));
  OpRow("OneHot")
      .input(i64({3}, {0, -1, 5}))
      .input(i64({}, {2}))
      .input(f32({2}, {-1, 4}))
      .expect(f32({3, 2}, {4, -1, -1, 4, -1, -1}));
  OpRow("OneHot")
      .attr("axis", int64_t{0})
      .input(f32({2}, {1, 0}))
      .input(f32({1}, {2}))
      .input(i64({2}, {0, 1}))
      .expect(i64({2, 2}, {0, 1, 1, 0}));
  OpRow("HannWindow").input(i64({}, {4})).expect(f32({4}, {0, 0.5, 1, 0.5}), 1e-6);
  OpRow("HammingWindow")
      .attr("periodic", int64_t{0})
      .input(i64({}, {3}))
      .expect(f32({3}, {4.0 / 46, 1, 4.0 / 46}), 1e-6);
  OpRow("BlackmanWindow").attr("periodic", int64_t{0}).input(i64({}, {1})).expect(f32({1}, {1}));
  // Integers are cut: the peak must be 1, not a little less.
  OpRow("BlackmanWindow").attr("output_datatype", int64_t{7}).input(i64({}, {4})).expect(i64({4}, {0, 0, 1, 0}));
}

TEST(Make, Casts) {
  OpRow("Cast")
      .attr("to", int64_t{8})
      .input(f32({4}, {0.5, kNan, -kInf, 1e10}))
      .expect(strings({4}, {"0.5", "NaN", "-INF", "10000000000"}));
  OpRow("Cast")
      .attr("to", int64_t{1})
      .input(strings({4}, {"+INF", "nan", "1e-5", "3"}))
      .expect(f32({4}, {kInf, kNan, 1e-5, 3}), 1e-9);
  OpRow("Cast")
      .attr("to", int64_t{7})
      .input(strings({1}, {"9007199254740993"}))
      .expect(i64({1}, {9007199254740992.0}), 1e-15);
  OpRow("Cast").attr("to", int64_t{1}).input(strings({1}, {"Hello"})).expect_error("'Hello'");
  OpRow("Cast").attr("to", int64_t{3}).input(i64({2}, {200, -1})).expect(typed(DType::kI8, {2}, {-56, -1}));
  OpRow("Cast").attr("to", int64_t{9}).input(f32({3}, {0, -0.0, 0.1})).expect(typed(DType::kBool, {3}, {0, 0, 1}));
  OpRow("Cast")
      .attr("to", int64_t{17})
      .attr("saturate", int64_t{0})
      .input(f32({2}, {1e6, 1}))
      .expect(typed(DType::kF8E4M3FN, {2}, {kNan, 1}));
  OpRow("Cast")
      .attr("to", int64_t{24})
      .attr("round_mode", std::string("down"))
      .input(f32({3}, {3.9, 1, 0.3}))
      .expect(typed(DType::kF8E8M0, {3}, {2, 1, 0.25}));
  OpRow("Cast")
      .attr("to", int64_t{24})
      .attr("round_mode", std::string("nearest"))
      .input(f32({2}, {3, 2.9}))
      .expect(typed(DType::kF8E8M0, {2}, {4, 2}));
  OpRow("Cast").attr("to", int64_t{0}).input(f32({1}, {1})).expect_infer_error("element type");
  OpRow("CastLike").input(f32({1}, {2.5})).input(i64({1}, {0})).expect(i64({1}, {2}));
}

TEST(Algebra, DetCol2ImEinsumAffineGrid) {
  OpRow("Det").input(f32({2, 2, 2}, {0, 1, 1, 0, 1, 2, 2, 4})).expect(f32({2}, {-1, 0}));
  OpRow("Det").input(f32({2, 3}, {0, 1, 1, 0, 1, 2})).expect_infer_error("square");
  OpRow("Col2Im")
      .input(f32({1, 2, 2}, {1, 2, 3, 4}))
      .input(i64({2}, {1, 3}))
      .input(i64({2}, {1, 2}))
      .expect(f32({1, 1, 1, 3}, {1, 5, 4}));
  OpRow("Col2Im")
      .input(f32({1, 2, 2}, {1, 2, 3, 4}))
      .input(i64({2}, {1, 9}))
      .input(i64({2}, {1, 2}))
      .expect_error("positions");
  const Tensor a = f32({2, 3}, {1, 2, 3, 4, 5, 6}), b = f32({3, 2}, {1, 0, 0, 1, 1, 1});
  OpRow("Einsum").attr("equation", std::string("ij,jk->ik")).input(a).input(b).expect(f32({2, 2}, {4, 5, 10, 11}));
  OpRow("Einsum").attr("equation", std::string("ij,jk")).input(a).input(b).expect(f32({2, 2}, {4, 5, 10, 11}));
  OpRow("Einsum").attr("equation", std::string("...j->...")).input(a).expect(f32({2}, {6, 15}));
  OpRow("Einsum").attr("equation", std::string("ii->i")).input(f32({2, 2}, {1, 2, 3, 4})).expect(f32({2}, {1, 4}));
  OpRow("Einsum")
      .attr("equation", std::string("i...,i...->..."))
      .input(f32({2, 1}, {1, 2}))
      .input(f32({2, 2}, {1, 2, 3, 4}))
      .expect(f32({2}, {7, 10}));
  OpRow("Einsum")
      .attr("equation", std::string(" a , -> a"))
      .input(f32({2}, {1, 2}))
      .input(f32({}, {3}))
      .expect(f32({2}, {3, 6}));
  OpRow("Einsum").attr("equation", std::string("ij->ik")).input(a).expect_error("new one");
  OpRow("Einsum").attr("equation", std::string("i.j->i")).input(a).expect_error("'.'");
  OpRow("Einsum").attr("equation", std::string("ij,ij->ij")).input(a).input(b).expect_infer_error("same label");
  OpRow("AffineGrid")
      .attr("align_corners", int64_t{1})
      .input(f32({1, 2, 3}, {1, 0, 0, 0, 1, 0}))
      .input(i64({4}, {1, 1, 2, 2}))
      .expect(f32({1, 2, 2, 2}, {-1, -1, 1, -1, -1, 1, 1, 1}));
}

TEST(Random, StaysInRangeAndRepeatsWithASeed) {
  const Tensor u = OpRow("RandomUniform")
                       .attr("shape", Dims{100})
                       .attr("low", 2.0f)
                       .attr("high", 3.0f)
                       .attr("seed", 1.0f)
                       .run()
                       .at(0);
  for (const double value : u.to_f64()) EXPECT_TRUE(value >= 2 && value <= 3);
  const Tensor again = OpRow("RandomUniform")
                           .attr("shape", Dims{100})
                           .attr("low", 2.0f)
                           .attr("high", 3.0f)
                           .attr("seed", 1.0f)
                           .run()
                           .at(0);
  EXPECT_TRUE(u.identical(again));
  double sum = 0;
  for (const double value : OpRow("RandomNormal").attr("shape", Dims{10000}).attr("seed", 3.0f).run().at(0).to_f64())
    sum += value;
  EXPECT_NEAR(sum / 10000, 0, 0.05);  // five standard errors of the mean
  OpRow("RandomNormalLike").input(typed(DType::kF16, {3}, {0, 0, 0})).run();
  OpRow("RandomUniformLike").attr("dtype", int64_t{11}).input(i64({3}, {0, 0, 0})).run();
  OpRow("RandomUniform").attr("shape", Dims{-1}).expect_error("non-negative");
  OpRow("Bernoulli").input(f32({3}, {0, 1, 0})).expect(f32({3}, {0, 1, 0}));
  OpRow("Multinomial")
      .attr("sample_size", int64_t{4})
      .input(f32({1, 2}, {-1e9, 0}))
      .expect(typed(DType::kI32, {1, 4}, {1, 1, 1, 1}));
  OpRow("Dropout").input(f32({2}, {1, 2})).expect_all({f32({2}, {1, 2}), typed(DType::kBool, {2}, {1, 1})});
  OpRow("Dropout")
      .input(f32({2}, {1, 2}))
      .input(f32({}, {2}))
      .input(typed(DType::kBool, {}, {1}))
      .expect_error("[0,1)");
}

TEST(Quantize, GranularityAndSaturation) {
  OpRow("QuantizeLinear")
      .input(f32({6}, {0, 2, 3, 1000, -254, -1000}))
      .input(f32({}, {2}))
      .input(typed(DType::kU8, {}, {128}))
      .expect(typed(DType::kU8, {6}, {128, 129, 130, 255, 1, 0}));
  OpRow("QuantizeLinear")
      .input(f32({2, 2}, {1, 2, 3, 4}))
      .input(f32({2}, {1, 2}))
      .input(typed(DType::kI8, {2}, {0, 1}))
      .expect(typed(DType::kI8, {2, 2}, {1, 2, 3, 3}));
  OpRow("QuantizeLinear")
      .attr("axis", int64_t{0})
      .input(f32({2, 2}, {1, 2, 3, 4}))
      .input(f32({2}, {1, 2}))
      .input(typed(DType::kI8, {2}, {0, 1}))
      .expect(typed(DType::kI8, {2, 2}, {1, 2, 3, 3}));
  OpRow("QuantizeLinear")
      .attr("block_size", int64_t{2})
      .input(f32({1, 3}, {2, 4, 6}))
      .input(f32({1, 2}, {2, 3}))
      .input(typed(DType::kI4, {1, 2}, {0, 0}))
      .expect(typed(DType::kI4, {1, 3}, {1, 2, 2}));
  OpRow("QuantizeLinear")
      .attr("output_dtype", int64_t{17})
      .input(f32({2}, {1e9, 3}))
      .input(f32({}, {2}))
      .expect(typed(DType::kF8E4M3FN, {2}, {448, 1.5}));
  OpRow("QuantizeLinear").input(f32({2}, {0.5, 1.5})).input(f32({}, {1})).expect(typed(DType::kU8, {2}, {0, 2}));
  OpRow("QuantizeLinear").input(f32({2, 2}, {1, 2, 3, 4})).input(f32({3}, {1, 2, 3})).expect_infer_error("2 entries");
  OpRow("QuantizeLinear").input(f32({2, 2}, {1, 2, 3, 4})).input(f32({3}, {1, 2, 3})).expect_error("scale");
  OpRow("QuantizeLinear")
      .attr("output_dtype", int64_t{3})
      .input(f32({1}, {1}))
      .input(f32({}, {1}))
      .input(typed(DType::kU8, {}, {1}))
      .expect_infer_error("u8");
  OpRow("DequantizeLinear")
      .input(typed(DType::kU8, {3}, {0, 128, 255}))
      .input(f32({}, {2}))
      .input(typed(DType::kU8, {}, {128}))
      .expect(f32({3}, {-256, 0, 254}));
  OpRow("DequantizeLinear")
      .attr("block_size", int64_t{2})
      .input(typed(DType::kI4, {1, 3}, {1, 2, 3}))
      .input(f32({1, 2}, {2, 3}))
      .expect(f32({1, 3}, {2, 4, 9}));
  OpRow("DequantizeLinear")
      .input(typed(DType::kI32, {1}, {100000}))
      .input(typed(DType::kF16, {}, {0.5}))
      .expect(typed(DType::kF16, {1}, {50000}));
  OpRow("DynamicQuantizeLinear")
      .input(f32({3}, {-1, 0, 4.1}))
      .expect_all({typed(DType::kU8, {3}, {0, 50, 255}), f32({}, {5.1 / 255}), typed(DType::kU8, {}, {50})}, 1e-6);
  OpRow("DynamicQuantizeLinear")
      .input(f32({2}, {0, 0}))
      .expect_all({typed(DType::kU8, {2}, {0, 0}), f32({}, {1}), typed(DType::kU8, {}, {0})});
}

}  // namespace
}  // namespace sinter::testing
