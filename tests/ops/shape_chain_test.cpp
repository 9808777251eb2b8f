// Symbolic shape rules: what exporters' shape chains come to when batch or sequence is a symbol.
#include <gtest/gtest.h>

#include "ops/op_harness.h"

namespace sinter::testing {
namespace {

Attributes attrs(const std::string& name, AttrValue value) {
  Attributes attributes;
  attributes.set(name, std::move(value));
  return attributes;
}

void expect_infer(const std::string& op, const Attributes& attributes, const std::vector<SymbolicInput>& inputs,
                  const std::string& type, const std::string& elements = "") {
  const auto outputs = infer_symbolic(op, attributes, inputs);
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(outputs[0].type, type) << op;
  EXPECT_EQ(outputs[0].elements, elements) << op;
}

TEST(Chain, ShapeAndArithmetic) {
  expect_infer("Shape", {}, {{"f32[n,3,h]", ""}}, "i64[3]", "n 3 h");
  expect_infer("Shape", attrs("start", int64_t{1}), {{"f32[n,3,h]", ""}}, "i64[2]", "3 h");
  expect_infer("Size", {}, {{"f32[n,3]", ""}}, "i64[]", "3*n");
  expect_infer("Gather", {}, {{"i64[3]", "n 3 h"}, {"i64[]", "-1"}}, "i64[]", "h");
  expect_infer("Unsqueeze", {}, {{"i64[]", "h"}, {"i64[1]", "0"}}, "i64[1]", "h");
  expect_infer("Concat", attrs("axis", int64_t{0}), {{"i64[1]", "n"}, {"i64[2]", "-1 64"}}, "i64[3]", "n -1 64");
  expect_infer("Mul", {}, {{"i64[2]", "h w"}, {"i64[]", "2"}}, "i64[2]", "2*h 2*w");
  expect_infer("Add", {}, {{"i64[]", "h"}, {"i64[]", "1"}}, "i64[]", "h+1");
  expect_infer("Div", {}, {{"i64[]", "2*h"}, {"i64[]", "2"}}, "i64[]", "h");
  expect_infer("Div", {}, {{"i64[]", "h"}, {"i64[]", "0"}}, "i64[]");
  expect_infer("Slice", {},
               {{"i64[4]", "n 3 h w"}, {"i64[1]", "2"}, {"i64[1]", "9223372036854775807"}, {"i64[1]", "0"}}, "i64[2]",
               "h w");
  expect_infer("Cast", attrs("to", int64_t{6}), {{"i64[2]", "n 4"}}, "i32[2]", "n 4");
  expect_infer("ReduceProd", attrs("keepdims", int64_t{0}), {{"i64[2]", "n 4"}}, "i64[]", "4*n");
  expect_infer("Range", {}, {{"i64[]", "0"}, {"i64[]", "n"}, {"i64[]", "1"}}, "i64[n]");
}

TEST(Chain, ExpandByWhere) {
  // torch's expand: Where(shape == -1, ones, shape).
  expect_infer("ConstantOfShape", attrs("value", i64({1}, {1})), {{"i64[1]", "2"}}, "i64[2]", "1 1");
  expect_infer("Equal", {}, {{"i64[2]", "n -1"}, {"i64[2]", "-1 -1"}}, "bool[2]", "0 1");
  expect_infer("Where", {}, {{"bool[2]", "0 1"}, {"i64[2]", "1 1"}, {"i64[2]", "n -1"}}, "i64[2]", "n 1");
  expect_infer("Expand", {}, {{"f32[1,4]", ""}, {"i64[2]", "n 1"}}, "f32[n,4]");
}

TEST(Chain, Reshape) {
  expect_infer("Reshape", {}, {{"f32[n,s,768]", ""}, {"i64[4]", "n s 12 -1"}}, "f32[n,s,12,64]");
  expect_infer("Reshape", {}, {{"f32[n,s,768]", ""}, {"i64[4]", "0 0 12 64"}}, "f32[n,s,12,64]");
  expect_infer("Reshape", {}, {{"f32[n,512,1,1]", ""}, {"i64[2]", "-1 512"}}, "f32[n,512]");
  expect_infer("Reshape", {}, {{"f32[n,c,h,w]", ""}, {"i64[3]", "n c -1"}}, "f32[n,c,h*w]");
  expect_infer("Reshape", {}, {{"i64[1]", "n"}, {"i64[0]", ""}}, "i64[]");
  expect_infer("Flatten", {}, {{"f32[n,3,h]", ""}}, "f32[n,3*h]");
}

TEST(Chain, Slices) {
  expect_infer("Slice", {}, {{"f32[n,s]", ""}, {"i64[1]", "0"}, {"i64[1]", "s"}, {"i64[1]", "1"}}, "f32[n,s]");
  expect_infer("Slice", {}, {{"f32[n,512]", ""}, {"i64[1]", "0"}, {"i64[1]", "s"}, {"i64[1]", "1"}},
               "f32[n,min(512,s)]");
  expect_infer("Slice", {}, {{"f32[n,s]", ""}, {"i64[1]", "1"}, {"i64[1]", "2147483647"}, {"i64[1]", "1"}},
               "f32[n,max(0,s-1)]");
}

TEST(Chain, Sizes) {
  expect_infer("Pad", {}, {{"f32[n,h]", ""}, {"i64[4]", "0 1 0 2"}}, "f32[n,h+3]");
  expect_infer("Tile", {}, {{"f32[n,h]", ""}, {"i64[2]", "1 3"}}, "f32[n,3*h]");
  expect_infer("Transpose", attrs("perm", Dims{1, 0}), {{"f32[n,h]", ""}}, "f32[h,n]");
  expect_infer("Squeeze", {}, {{"f32[n,1]", ""}, {"i64[1]", "1"}}, "f32[n]");
  expect_infer("Squeeze", {}, {{"f32[n,1]", ""}}, "f32[*]");
  expect_infer("DepthToSpace", attrs("blocksize", int64_t{2}), {{"f32[n,8,h,w]", ""}}, "f32[n,2,2*h,2*w]");
  expect_infer("Concat", attrs("axis", int64_t{1}), {{"f32[n,p,64]", ""}, {"f32[n,1,64]", ""}}, "f32[n,p+1,64]");
  expect_infer("OneHot", {}, {{"i64[n]", ""}, {"i64[]", "10"}, {"f32[2]", ""}}, "f32[n,10]");
  expect_infer("Einsum", attrs("equation", std::string("bhid,bhjd->bhij")),
               {{"f32[b,8,s,64]", ""}, {"f32[b,8,t,64]", ""}}, "f32[b,8,s,t]");
  expect_infer("TopK", {}, {{"f32[n,100]", ""}, {"i64[1]", "5"}}, "f32[n,5]");
  const auto pieces = infer_symbolic("Split", attrs("axis", int64_t{1}), {{"f32[n,6]", ""}}, 3);
  ASSERT_EQ(pieces.size(), 3u);
  for (const auto& piece : pieces) EXPECT_EQ(piece.type, "f32[n,2]");
}

}  // namespace
}  // namespace sinter::testing
