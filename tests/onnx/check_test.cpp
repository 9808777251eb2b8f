// The checker: every problem of a file, each with node, operator, what was found, what was expected and what to do.
#include <gtest/gtest.h>

#include "onnx/import.h"
#include "onnx/inspect.h"
#include "support/model_builder.h"

namespace sinter::onnx {
namespace {

using test::attribute;
using test::ModelBuilder;

std::vector<Finding> check(const ModelBuilder& builder) { return check_bytes(builder.bytes(), "m.onnx"); }

bool mentions(const std::vector<Finding>& findings, const std::string& text) {
  for (const Finding& finding : findings) {
    if (finding.to_string().find(text) != std::string::npos) return true;
  }
  return false;
}

std::string all(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) text += finding.to_string() + "\n";
  return text;
}

ModelBuilder unary(const std::string& op, const std::vector<AttributeProto>& attributes = {}) {
  ModelBuilder builder;
  builder.input("x", "f32[2,3]").output("y", "f32[*]").node(op, {"x"}, {"y"}, attributes);
  return builder;
}

TEST(Check, GoodModelsHaveNoFindings) { EXPECT_TRUE(check(unary("Relu")).empty()) << all(check(unary("Relu"))); }

TEST(Check, UnknownOperatorNamesAllThatHelps) {
  const auto findings = check(unary("Rellu"));
  ASSERT_EQ(findings.size(), 1u) << all(findings);
  EXPECT_EQ(findings[0].op, "Rellu");
  EXPECT_EQ(findings[0].opset, 18);
  EXPECT_EQ(findings[0].node, "Rellu_y");
  EXPECT_EQ(findings[0].code, Code::kUnsupported);
  const std::string text = findings[0].to_string();
  EXPECT_NE(text.find("m.onnx: node 'Rellu_y' (Rellu, opset 18): operator 'Rellu' of domain 'ai.onnx'"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("the nearest is 'Relu'"), std::string::npos) << text;
  const size_t simplify = text.find("simplify"), opset = text.find("another opset"), surgery = text.find("surgery"),
               plugin = text.find("plugin");
  EXPECT_TRUE(simplify < opset && opset < surgery && surgery < plugin && plugin != std::string::npos) << text;
}

TEST(Check, ReportsAllProblemsAndEachOnce) {
  ModelBuilder builder;
  builder.input("x", "f32[2]").input("i", "i64[2]").output("y", "f32[*]").output("nowhere", "f32[*]");
  builder.node("Strange", {"x"}, {"a"}).node("Relu", {"a"}, {"b"}).node("Neg", {"b"}, {"c"});  // one cause, one finding
  builder.node("Relu", {"ghost"}, {"d"});
  builder.node("Add", {"x", "i"}, {"e"});
  builder.node("Add", {"x"}, {"f"});
  builder.node("LeakyRelu", {"x"}, {"g"}, {attribute("alpha", 1)});
  builder.node("Relu", {"x"}, {"h"}, {attribute("beta", 1.0f)});
  builder.node("Relu", {"x"}, {"h"});
  builder.node("Relu", {"x"}, {"y"}, {}, "my.domain");
  const auto findings = check(builder);
  EXPECT_EQ(findings.size(), 9u) << all(findings);
  EXPECT_TRUE(mentions(findings, "operator 'Strange'"));
  EXPECT_TRUE(mentions(findings, "'ghost', which nothing defines"));
  EXPECT_TRUE(mentions(findings, "the same element type"));
  EXPECT_TRUE(mentions(findings, "1 inputs; expected 2"));
  EXPECT_TRUE(mentions(findings, "attribute 'alpha' is of kind int; expected float"));
  EXPECT_TRUE(mentions(findings, "attribute 'beta', which the operator does not have"));
  EXPECT_TRUE(mentions(findings, "'h' is defined a second time"));
  EXPECT_TRUE(mentions(findings, "no opset is imported for domain 'my.domain'"));
  EXPECT_TRUE(mentions(findings, "'nowhere' is not defined"));
  const Result<ir::Model> model = import_bytes(builder.bytes(), "m.onnx");
  EXPECT_NE(model.status().message().find("8 more: sinter check m.onnx"), std::string::npos)
      << model.status().message();
}

TEST(Check, WrongElementType) {
  ModelBuilder builder;
  builder.input("x", "string[2]").output("y", "f32[*]").node("Relu", {"x"}, {"y"});
  EXPECT_TRUE(mentions(check(builder), "input 0 ('x') is string[2]; expected")) << all(check(builder));
}

TEST(Check, CyclesNameTheirNodes) {
  ModelBuilder builder;
  builder.input("x", "f32[1]").output("y", "f32[1]");
  builder.node("Add", {"x", "c"}, {"a"})
      .node("Relu", {"a"}, {"b"})
      .node("Neg", {"b"}, {"c"})
      .node("Relu", {"c"}, {"y"});
  const auto findings = check(builder);
  ASSERT_EQ(findings.size(), 1u) << all(findings);
  EXPECT_TRUE(mentions(findings, "a cycle: ")) << all(findings);
  for (const char* name : {"'Add_a'", "'Relu_b'", "'Neg_c'"}) EXPECT_TRUE(mentions(findings, name)) << all(findings);
}

TEST(Check, ShapeRulesThatFail) {
  ModelBuilder builder;
  builder.input("a", "f32[2,3]").input("b", "f32[4,5]").output("y", "f32[*]").node("MatMul", {"a", "b"}, {"y"});
  const auto findings = check(builder);
  ASSERT_EQ(findings.size(), 1u) << all(findings);
  EXPECT_TRUE(mentions(findings, "MatMul_y")) << all(findings);
}

TEST(Check, BadInitializers) {
  ModelBuilder builder;
  builder.input("x", "f32[2]")
      .output("y", "f32[2]")
      .constant("w", Tensor::from_f32({1, 2}, {2}))
      .node("Add", {"x", "w"}, {"y"});
  builder.graph().mutable_initializer(0)->set_raw_data("1234");
  const auto findings = check(builder);
  ASSERT_EQ(findings.size(), 1u) << all(findings);
  EXPECT_TRUE(mentions(findings, "initializer 'w': raw_data has 4 bytes but f32[2] needs 8")) << all(findings);
}

TEST(Check, MissingFileIsOneFinding) {
  const auto findings = check_model("/nowhere/m.onnx");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, Code::kNotFound);
}

}  // namespace
}  // namespace sinter::onnx
