// Models made smaller: what goes, what stays ONNX in its own opset, what is refused, and that differences are found.
#include "session/simplify.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "base/files.h"
#include "onnx/import.h"
#include "onnx/inspect.h"
#include "support/model_builder.h"
#include "support/temporary.h"

namespace sinter::session {
namespace {

using test::attribute;
using test::ModelBuilder;

struct Case {
  sinter::testing::TemporaryFolder folder;
  SimplifyOptions options;
  BuildRequest engines;

  Result<SimplifyReport> run(const ModelBuilder& builder) {
    EXPECT_TRUE(write_file(folder.path("in.onnx"), builder.bytes()).ok());
    return simplify(folder.path("in.onnx"), options, engines, folder.path("out.onnx"));
  }
  onnx::ModelInfo written() { return std::move(onnx::inspect_model(folder.path("out.onnx"))).value(); }
};

int64_t count(const Result<SimplifyReport>& report, const std::string& op) {
  if (!report.ok()) throw std::runtime_error(report.status().to_string());
  const auto found = report->after.operators.find(op);
  return found == report->after.operators.end() ? 0 : found->second;
}

// Conv, BatchNormalization, Dropout, Identity, and a Reshape whose target is computed from shapes, in opset 11.
ModelBuilder classifier() {
  ModelBuilder builder(11, 6);
  std::vector<float> weights(8 * 3 * 9), ramp(8);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(static_cast<int>(i * 7 % 13) - 6) / 20;
  for (size_t i = 0; i < ramp.size(); ++i) ramp[i] = 0.5f + static_cast<float>(i) / 8;
  builder.input("x", "f32[1,3,8,8]").output("y", "f32[*]");
  builder.constant("w", Tensor::from_f32(weights, {8, 3, 3, 3})).constant("ramp", Tensor::from_f32(ramp, {8}));
  builder.node("Conv", {"x", "w"}, {"c"}).node("BatchNormalization", {"c", "ramp", "ramp", "ramp", "ramp"}, {"b"});
  builder.node("Dropout", {"b"}, {"d"}).node("Identity", {"d"}, {"i"}).node("Relu", {"i"}, {"r"});
  builder.node("Shape", {"r"}, {"s"}).constant("zero", Tensor::scalar<int64_t>(DType::kI64, 0)).node("Gather", {"s", "zero"}, {"n"});
  builder.node("Unsqueeze", {"n"}, {"u"}, {attribute("axes", std::vector<int64_t>{0})}).constant("rest", Tensor::from_i64({-1}));
  builder.node("Concat", {"u", "rest"}, {"t"}, {attribute("axis", 0)}).node("Reshape", {"r", "t"}, {"f"});
  builder.node("Transpose", {"f"}, {"a"}).node("Transpose", {"a"}, {"z"}).node("Softmax", {"z"}, {"y"}, {attribute("axis", 1)});
  return builder;
}

TEST(Simplify, WhatIsKnownOrChangesNothingGoes) {
  Case with;
  with.options.checks = 3;
  const auto report = with.run(classifier());
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_EQ(report->before.operators.at("BatchNormalization"), 1);
  const std::map<std::string, int64_t> wanted = {{"Conv", 1}, {"Relu", 1}, {"Reshape", 1}, {"Softmax", 1}};
  EXPECT_EQ(report->after.operators, wanted);
  EXPECT_EQ(report->opset_after, 11);
  EXPECT_EQ(with.written().opsets.at(""), 11);
  EXPECT_EQ(with.written().inputs[0].name, "x");
  EXPECT_EQ(with.written().outputs[0].name, "y");
  EXPECT_EQ(report->checked, 3) << report->not_checked;
  EXPECT_TRUE(report->agrees);
  EXPECT_LT(report->outputs[0].relative_l2, 1e-5);
  EXPECT_TRUE(onnx::check_model(with.folder.path("out.onnx")).empty());
}

TEST(Simplify, PartsCanBeLeftOut) {
  {
    Case with;
    with.options.skip_fuse_batch_norm = true;
    EXPECT_EQ(count(with.run(classifier()), "BatchNormalization"), 1);
  }
  {
    Case with;
    with.options.skip_constant_folding = true;
    with.options.skipped = {"eliminate_reshape"};  // it would join the Reshape with the one that a Transpose becomes
    const auto report = with.run(classifier());
    EXPECT_EQ(count(report, "BatchNormalization"), 0);
    EXPECT_EQ(count(report, "Shape"), 1);
  }
  {
    Case with;
    with.options.skip_optimization = true;
    const auto report = with.run(classifier());
    EXPECT_EQ(count(report, "Identity"), 1);
    EXPECT_EQ(count(report, "Shape"), 0);
  }
  {
    Case with;
    with.options.skipped = {"eliminate_transpose"};
    EXPECT_EQ(count(with.run(classifier()), "Transpose"), 2);
  }
  Case wrong;
  wrong.options.skipped = {"fuse_pointwise"};
  EXPECT_EQ(wrong.run(classifier()).status().code(), Code::kNotFound) << "it would leave ONNX's operators";
}

TEST(Simplify, ShapesOfInputsAreOverwritten) {
  ModelBuilder builder(17);
  builder.input("x", "f32[n,4]").output("y", "f32[*]").node("Shape", {"x"}, {"s"}).node("Expand", {"one", "s"}, {"e"});
  builder.constant("one", Tensor::from_f32({1}, {1})).node("Add", {"x", "e"}, {"y"});
  Case open;
  const auto dynamic = open.run(builder);
  ASSERT_TRUE(dynamic.ok()) << dynamic.status().to_string();
  EXPECT_EQ(open.written().inputs[0].type.to_string(), "f32[n,4]");
  Case fixed;
  fixed.options.input_shapes[""] = {3, 4};
  const auto report = fixed.run(builder);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_EQ(fixed.written().inputs[0].type.to_string(), "f32[3,4]");
  EXPECT_EQ(fixed.written().outputs[0].type.to_string(), "f32[3,4]");
  EXPECT_EQ(report->after.operators, (std::map<std::string, int64_t>{{"Add", 1}}));
  EXPECT_TRUE(report->agrees);
  Case wrong;
  wrong.options.input_shapes["z"] = {3, 4};
  EXPECT_FALSE(wrong.run(builder).ok());
}

TEST(Simplify, BranchesFunctionsAndOutputs) {
  onnx::GraphProto then_branch, else_branch;
  then_branch.set_name("then");
  *then_branch.add_node() = test::node("Identity", {"x"}, {"i"});
  *then_branch.add_node() = test::node("Relu", {"i"}, {"t"});
  *then_branch.add_output() = test::value_info("t", "f32[2]");
  else_branch.set_name("else");
  *else_branch.add_initializer() = onnx::from_tensor(Tensor::from_f32({1, 2}, {2}), "p");
  *else_branch.add_initializer() = onnx::from_tensor(Tensor::from_f32({3, 4}, {2}), "q");
  *else_branch.add_node() = test::node("Add", {"p", "q"}, {"e"});
  *else_branch.add_output() = test::value_info("e", "f32[2]");
  ModelBuilder builder(17);
  builder.input("x", "f32[2]").input("c", "bool[]").output("y", "f32[2]").output("spare", "f32[2]");
  builder.node("If", {"c"}, {"y"}, {attribute("then_branch", then_branch), attribute("else_branch", else_branch)}).node("Exp", {"x"}, {"spare"});
  Case with;
  with.options.unused_outputs = {"spare"};
  with.options.checks = 4;
  const auto report = with.run(builder);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_EQ(report->after.operators.count("Exp"), 0u);
  EXPECT_EQ(report->after.operators.count("Add"), 0u) << "folded inside the branch";
  EXPECT_EQ(report->after.operators.at("Relu"), 1);
  EXPECT_TRUE(report->agrees) << to_json(*report);
  EXPECT_EQ(with.written().outputs.size(), 1u);
  Case none;
  none.options.unused_outputs = {"nothing"};
  EXPECT_EQ(none.run(builder).status().code(), Code::kNotFound);
}

TEST(Simplify, QuantizedWeightsStayWholeNumbers) {
  ModelBuilder builder(17);
  Tensor whole(DType::kI8, {4, 4});
  for (int i = 0; i < 16; ++i) whole.data<int8_t>()[i] = static_cast<int8_t>(i * 11 - 80);
  builder.input("x", "f32[2,4]").output("y", "f32[*]").constant("w", whole).constant("s", Tensor::from_f32({0.02f}, {})).constant("z", Tensor::scalar<int8_t>(DType::kI8, 0));
  builder.node("DequantizeLinear", {"w", "s", "z"}, {"f"}).node("MatMul", {"x", "f"}, {"y"});
  Case with;
  const auto report = with.run(builder);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_EQ(report->after.operators.at("DequantizeLinear"), 1);
}

TEST(Simplify, AModelThatCannotBeRunIsWrittenWithAWarning) {
  ModelBuilder builder(17);
  builder.input("x", "seq(f32[2])").output("y", "i64[]").node("SequenceLength", {"x"}, {"l"}).node("Identity", {"l"}, {"y"});
  Case with;
  const auto report = with.run(builder);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_EQ(report->checked, 0);
  EXPECT_NE(report->not_checked, "");
  EXPECT_EQ(report->after.operators, (std::map<std::string, int64_t>{{"SequenceLength", 1}}));
}

}  // namespace
}  // namespace sinter::session
