// Work: operations and bytes counted by hand.
#include "core/work.h"

#include <gtest/gtest.h>

namespace sinter {
namespace {

TensorDesc tensor(DType dtype, Dims dims) {
  TensorDesc desc;
  desc.dtype = dtype;
  desc.shape = to_shape(dims);
  desc.opt = std::move(dims);
  return desc;
}

Problem problem(std::string op, std::vector<TensorDesc> inputs, std::vector<TensorDesc> outputs) {
  Problem made;
  made.op = std::move(op);
  made.inputs = std::move(inputs);
  made.outputs = std::move(outputs);
  return made;
}

TEST(Work, Convolution) {
  const Problem conv = problem("Conv", {tensor(DType::kF32, {2, 8, 10, 10}), tensor(DType::kF32, {16, 8, 3, 3}), tensor(DType::kF32, {16})},
                               {tensor(DType::kF32, {2, 16, 10, 10})});
  const Work work = work_of(conv);
  EXPECT_EQ(work.dense_ops, 2.0 * 2 * 16 * 100 * 8 * 9);
  EXPECT_EQ(work.other_ops, 0);
  EXPECT_EQ(work.bytes, 4 * (2 * 800 + 16 * 72 + 16 + 2 * 1600));
}

TEST(Work, OtherSizesThanTheOptimum) {
  Problem matmul = problem("MatMul", {tensor(DType::kF16, {1, 4, 8}), tensor(DType::kF16, {8, 5})}, {tensor(DType::kF16, {1, 4, 5})});
  const Work work = work_of(matmul, {{7, 4, 8}, {8, 5}}, {{7, 4, 5}});
  EXPECT_EQ(work.dense_ops, 2.0 * 7 * 4 * 5 * 8);
  EXPECT_EQ(work.bytes, 2 * (7 * 32 + 40 + 7 * 20));
  EXPECT_EQ(dense_type(matmul), "f16");
}

TEST(Work, AStridedFilterReadsAPart) {
  Problem conv = problem("Conv", {tensor(DType::kF32, {1, 4, 8, 8}), tensor(DType::kF32, {4, 4, 1, 1})}, {tensor(DType::kF32, {1, 4, 4, 4})});
  conv.attributes.set("strides", std::vector<int64_t>{2, 2});
  EXPECT_EQ(work_of(conv).bytes, 4 * (4 * 64 / 4 + 16 + 64));
}

TEST(Work, DepthwiseAndEpiloguesAreNoProducts) {
  Problem conv = problem("Conv", {tensor(DType::kF32, {1, 4, 8, 8}), tensor(DType::kF32, {4, 1, 3, 3})}, {tensor(DType::kF32, {1, 4, 8, 8})});
  conv.epilogue = PointwiseProgram::parse("1 | relu(0) const(0.5) mul(1,2) | 3").value();
  conv.epilogue_base = 2;
  const Work work = work_of(conv);
  EXPECT_EQ(work.dense_ops, 0);
  EXPECT_EQ(work.other_ops, 2.0 * 256 * 9 + 2 * 256);
}

TEST(Work, AttentionCountsBothProducts) {
  const TensorDesc q = tensor(DType::kF16, {2, 3, 10, 16}), k = tensor(DType::kF16, {2, 3, 12, 16}), v = tensor(DType::kF16, {2, 3, 12, 8});
  EXPECT_EQ(work_of(problem("Attention", {q, k, v}, {tensor(DType::kF16, {2, 3, 10, 8})})).dense_ops, 2.0 * 2 * 3 * 10 * 12 * (16 + 8));
}

TEST(Work, GathersReadWhatTheyPick) {
  const Problem gather = problem("Gather", {tensor(DType::kF32, {1000, 64}), tensor(DType::kI64, {5})}, {tensor(DType::kF32, {5, 64})});
  EXPECT_EQ(work_of(gather).bytes, 4 * 5 * 64 * 2 + 8 * 5);
}

TEST(Work, AbsentInputsCostNothing) {
  Problem clip = problem("Clip", {tensor(DType::kF32, {10}), TensorDesc{}, TensorDesc{}}, {tensor(DType::kF32, {10})});
  clip.inputs[1].present = clip.inputs[2].present = false;
  EXPECT_EQ(work_of(clip).bytes, 80);
}

TEST(Work, TypesOfProducts) {
  Problem product = problem("MatMul", {tensor(DType::kF32, {1, 1}), tensor(DType::kF32, {1, 1})}, {tensor(DType::kF32, {1, 1})});
  EXPECT_EQ(dense_type(product), "f32");
  product.device.kind = DeviceKind::kCuda;
  EXPECT_EQ(dense_type(product), "tf32");
  product.precision.tf32 = false;
  EXPECT_EQ(dense_type(product), "f32");
}

}  // namespace
}  // namespace sinter
