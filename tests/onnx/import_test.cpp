// Importing: names, constants, functions, bodies, shapes, order; and what is refused.
#include "onnx/import.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "support/model_builder.h"

namespace sinter::onnx {
namespace {

using test::attribute;
using test::ModelBuilder;

ir::Model import(const ModelBuilder& builder, const ImportOptions& options = {}) {
  Result<ir::Model> model = import_bytes(builder.bytes(), "m.onnx", "", options);
  if (!model.ok()) throw std::runtime_error(model.status().to_string());
  return std::move(model).value();
}

std::string refusal(const ModelBuilder& builder, const ImportOptions& options = {}) {
  const Result<ir::Model> model = import_bytes(builder.bytes(), "m.onnx", "", options);
  EXPECT_FALSE(model.ok());
  return model.ok() ? "" : model.status().message();
}

std::vector<float> run(const ir::Model& model, std::vector<Value> inputs) {
  const Result<std::vector<Value>> outputs = ir::evaluate(*model.graph, std::move(inputs));
  if (!outputs.ok()) throw std::runtime_error(outputs.status().to_string());
  const std::vector<double> wide = (*outputs)[0].tensor().to_f64();
  return {wide.begin(), wide.end()};
}

TEST(Import, KeepsNamesAndModelFacts) {
  ModelBuilder builder(17);
  builder.model.set_producer_version("1.2");
  builder.input("in:0", "f32[2]")
      .output("out/x", "f32[2]")
      .node("Relu", {"in:0"}, {"mid"})
      .node("Neg", {"mid"}, {"out/x"});
  const ir::Model model = import(builder);
  EXPECT_EQ(model.producer_name, "test");
  EXPECT_EQ(model.ir_version, 8);
  EXPECT_EQ(model.opsets.at(""), 17);
  EXPECT_EQ(model.operator_histogram.at("Relu"), 1);
  EXPECT_EQ(model.content_hash.size(), 16u);
  ASSERT_EQ(model.graph->node_count(), 2u);
  const ir::Node& relu = *model.graph->nodes().front();
  EXPECT_EQ(relu.source_nodes, std::vector<std::string>{"Relu_mid"});
  EXPECT_EQ(relu.outputs[0]->onnx_names, std::vector<std::string>{"mid"});
  EXPECT_EQ(model.graph->outputs[0]->name, "out/x");
  EXPECT_EQ(model.graph->outputs[0]->type.to_string(), "f32[2]");
}

TEST(Import, SymbolsAndUnknownDims) {
  ModelBuilder builder;
  builder.input("x", "f32[batch,3]").output("y", "f32[*]").node("Relu", {"x"}, {"y"});
  TypeProto::Tensor* type = builder.graph().mutable_input(0)->mutable_type()->mutable_tensor_type();
  type->mutable_shape()->add_dim();                          // unknown, without a name
  type->mutable_shape()->add_dim()->set_dim_param("h * 2");  // no plain symbol
  const ir::Model model = import(builder);
  const Shape& shape = *model.graph->inputs[0]->type.shape;
  EXPECT_EQ(shape[0].symbol_name(), "batch");
  EXPECT_EQ(shape[2].symbol_name(), "x_d2");
  EXPECT_EQ(shape[3].symbol_name(), "h___2");
}

TEST(Import, GivenShapesBindSymbolsElsewhere) {
  ModelBuilder builder;
  builder.input("a", "f32[n,4]").input("b", "f32[n,m]").output("y", "f32[*]").node("Add", {"a", "b"}, {"y"});
  ImportOptions options;
  options.shapes["a"] = to_shape({3, 4});
  options.dims["m"] = 4;
  const ir::Model model = import(builder, options);
  EXPECT_EQ(model.graph->inputs[1]->type.to_string(), "f32[3,4]");
  EXPECT_EQ(model.graph->outputs[0]->type.to_string(), "f32[3,4]");
  options.shapes["b"] = to_shape({5, 4});
  EXPECT_NE(refusal(builder, options).find("the value of 'n' elsewhere"), std::string::npos);
  options.shapes = {{"nobody", to_shape({1})}};
  EXPECT_NE(refusal(builder, options).find("one of 'a', 'b'"), std::string::npos);
  options.shapes = {{"a", to_shape({1})}};
  EXPECT_NE(refusal(builder, options).find("rank 2"), std::string::npos);
}

TEST(Import, InitializersListedAsInputsAreConstants) {
  ModelBuilder builder(9, 3);
  builder.input("x", "f32[2]").input("w", "f32[2]").output("y", "f32[2]");
  builder.constant("w", Tensor::from_f32({3, 4}, {2})).constant("unused", Tensor::from_f32({1}, {1}));
  builder.node("Mul", {"x", "w"}, {"y"});
  const ir::Model model = import(builder);
  ASSERT_EQ(model.graph->inputs.size(), 1u);
  EXPECT_TRUE(model.graph->find_value("w")->is_constant());
  EXPECT_EQ(model.graph->find_value("unused"), nullptr);
  EXPECT_EQ(run(model, {Tensor::from_f32({1, 2}, {2})}), (std::vector<float>{3, 8}));
}

TEST(Import, ConstantNodesOfEveryKind) {
  ModelBuilder builder(13);
  builder.output("a", "f32[]").output("b", "i64[2]").output("c", "string[]").output("d", "f32[3]");
  builder.node("Constant", {}, {"a"}, {attribute("value_float", 2.5f)});
  builder.node("Constant", {}, {"b"}, {attribute("value_ints", std::vector<int64_t>{4, 5})});
  builder.node("Constant", {}, {"c"}, {attribute("value_string", "text")});
  builder.node("Constant", {}, {"d"});
  AttributeProto* sparse = builder.graph().mutable_node(3)->add_attribute();
  sparse->set_name("sparse_value");
  sparse->set_type(kAttrSparseTensor);
  *sparse->mutable_sparse_tensor()->mutable_values() = from_tensor(Tensor::from_f32({7}, {1}));
  *sparse->mutable_sparse_tensor()->mutable_indices() = from_tensor(Tensor::from_i64({1}));
  sparse->mutable_sparse_tensor()->add_dims(3);
  const ir::Model model = import(builder);
  EXPECT_EQ(model.graph->node_count(), 0u);
  EXPECT_EQ(model.graph->outputs[0]->constant.data<float>()[0], 2.5f);
  EXPECT_EQ(model.graph->outputs[1]->constant.to_i64(), (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(model.graph->outputs[2]->constant.data<std::string>()[0], "text");
  EXPECT_EQ(model.graph->outputs[3]->constant.to_f64(), (std::vector<double>{0, 7, 0}));
}

TEST(Import, OutputsThatAreInputsGetNamesOfTheirOwn) {
  ModelBuilder builder;
  builder.import(1, "local");
  FunctionProto* function = builder.model.add_functions();
  function->set_name("Pass");
  function->set_domain("local");
  function->add_input("a");
  function->add_output("a");
  function->add_opset_import()->set_version(18);
  builder.input("x", "f32[1]").output("y", "f32[1]").output("x", "f32[1]").node("Pass", {"x"}, {"y"}, {}, "local");
  const ir::Model model = import(builder);
  ASSERT_EQ(model.graph->outputs.size(), 2u);
  EXPECT_EQ(model.graph->outputs[0]->name, "y");
  EXPECT_EQ(model.graph->outputs[1]->name, "x");
}

// f(a; alpha) = g(a; alpha) + a, g(a; beta = 0.5) = leaky_relu(a; beta): nested, with references and a default.
ModelBuilder function_model(bool with_alpha) {
  ModelBuilder builder;
  builder.import(1, "local");
  FunctionProto* inner = builder.model.add_functions();
  inner->set_name("g");
  inner->set_domain("local");
  inner->add_input("a");
  inner->add_output("r");
  *inner->add_attribute_proto() = attribute("beta", 0.5f);
  inner->add_opset_import()->set_version(18);
  *inner->add_node() = test::node("LeakyRelu", {"a"}, {"r"}, {test::attribute_reference("alpha", "beta", kAttrFloat)});
  FunctionProto* outer = builder.model.add_functions();
  outer->set_name("f");
  outer->set_domain("local");
  outer->add_input("a");
  outer->add_output("r");
  outer->add_attribute("alpha");
  outer->add_opset_import()->set_version(18);
  OperatorSetIdProto* local = outer->add_opset_import();
  local->set_domain("local");
  local->set_version(1);
  *outer->add_node() = test::node("g", {"a"}, {"t"}, {test::attribute_reference("beta", "alpha", kAttrFloat)}, "local");
  *outer->add_node() = test::node("Add", {"t", "a"}, {"r"});
  builder.input("x", "f32[2]").output("y", "f32[2]");
  std::vector<AttributeProto> attributes;
  if (with_alpha) attributes.push_back(attribute("alpha", 0.25f));
  builder.node("f", {"x"}, {"y"}, attributes, "local");
  return builder;
}

TEST(Import, FunctionsAreInlined) {
  const ir::Model model = import(function_model(true));
  EXPECT_EQ(model.graph->node_count(), 2u);
  EXPECT_EQ(model.graph->outputs[0]->name, "y");
  EXPECT_NE(model.graph->find_value("f_y/t"), nullptr);
  EXPECT_EQ(run(model, {Tensor::from_f32({-4, 2}, {2})}), (std::vector<float>{-5, 4}));
  EXPECT_EQ(run(import(function_model(false)), {Tensor::from_f32({-4, 2}, {2})}), (std::vector<float>{-6, 4}));
}

TEST(Import, RecursiveFunctionsAreRefused) {
  ModelBuilder builder = function_model(true);
  builder.model.mutable_functions(0)->mutable_node(0)->set_op_type("f");
  builder.model.mutable_functions(0)->mutable_node(0)->set_domain("local");
  EXPECT_NE(refusal(builder).find("calls itself"), std::string::npos);
}

GraphProto branch(const std::string& op, const std::string& result) {
  GraphProto graph;
  *graph.add_node() = test::node(op, {"m"}, {result});
  *graph.add_output() = test::value_info(result, "f32[2]");
  return graph;
}

TEST(Import, BodiesSeeOuterValues) {
  ModelBuilder builder;
  builder.input("x", "f32[2]").input("c", "bool[]").output("y", "f32[2]").node("Relu", {"x"}, {"m"});
  builder.node("If", {"c"}, {"y"},
               {attribute("then_branch", branch("Neg", "p")), attribute("else_branch", branch("Identity", "q"))});
  const ir::Model model = import(builder);
  const ir::Node& node = *model.graph->nodes().back();
  ASSERT_EQ(node.subgraphs.size(), 2u);
  EXPECT_EQ(run(model, {Tensor::from_f32({-1, 2}, {2}), Tensor::scalar(DType::kBool, true)}),
            (std::vector<float>{0, -2}));
  EXPECT_EQ(run(model, {Tensor::from_f32({-1, 2}, {2}), Tensor::scalar(DType::kBool, false)}),
            (std::vector<float>{0, 2}));
}

TEST(Import, UnsortedNodesAreSortedWithAWarning) {
  ModelBuilder builder;
  builder.input("x", "f32[1]").output("y", "f32[1]").node("Neg", {"m"}, {"y"}).node("Relu", {"x"}, {"m"});
  std::vector<std::string> warnings;
  ImportOptions options;
  options.warn = [&](const Finding& finding) { warnings.push_back(finding.to_string()); };
  EXPECT_EQ(run(import(builder, options), {Tensor::from_f32({3}, {1})}), std::vector<float>{-3});
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("topological order"), std::string::npos);
}

TEST(Import, WrongDeclaredShapesAreIgnoredWithAWarning) {
  ModelBuilder builder;
  builder.input("x", "f32[2,3]").output("y", "f32[2,3]").node("Relu", {"x"}, {"m"}).node("Neg", {"m"}, {"y"});
  *builder.graph().add_value_info() = test::value_info("m", "f32[7,7]");
  std::vector<std::string> warnings;
  ImportOptions options;
  options.warn = [&](const Finding& finding) { warnings.push_back(finding.to_string()); };
  const ir::Model model = import(builder, options);
  EXPECT_EQ(model.graph->find_value("m")->type.to_string(), "f32[2,3]");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("f32[7,7]"), std::string::npos);
}

TEST(Import, RefusesWhatIsNoModel) {
  EXPECT_NE(import_bytes("", "m.onnx").status().message().find("empty"), std::string::npos);
  EXPECT_NE(import_bytes("no protobuf at all", "m.onnx").status().message().find("m.onnx"), std::string::npos);
  EXPECT_EQ(import_model("/nowhere/m.onnx").status().code(), Code::kNotFound);
  ModelBuilder old(6, 2);
  old.input("x", "f32[1]").output("y", "f32[1]").node("Relu", {"x"}, {"y"});
  EXPECT_NE(refusal(old).find("IR version 2"), std::string::npos);
}

}  // namespace
}  // namespace sinter::onnx
