// Writing ONNX files: what is written imports as the same graph; opsets, types, external data, and what cannot be written.
#include "onnx/export.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/files.h"
#include "onnx/import.h"
#include "onnx/inspect.h"
#include "support/model_builder.h"
#include "support/temporary.h"

namespace sinter::onnx {
namespace {

namespace fs = std::filesystem;
using test::attribute;
using test::ModelBuilder;

Result<ir::Model> import(const std::string& bytes) { return import_bytes(bytes, "m.onnx"); }

ModelProto parse(const std::string& bytes) {
  ModelProto proto;
  EXPECT_TRUE(proto.ParseFromString(bytes));
  return proto;
}

// import → write → import gives the same graph, and writing that gives the same bytes.
void expect_round_trip(const ir::Model& model, const std::string& label) {
  const auto bytes = export_bytes(model);
  ASSERT_TRUE(bytes.ok()) << label << ": " << bytes.status().to_string();
  const auto again = import_bytes(*bytes, label);
  ASSERT_TRUE(again.ok()) << label << ": " << again.status().to_string();
  const auto second = export_bytes(*again);
  ASSERT_TRUE(second.ok()) << label << ": " << second.status().to_string();
  const auto third = import_bytes(*second, label);
  ASSERT_TRUE(third.ok()) << label << ": " << third.status().to_string();
  EXPECT_EQ(ir::print(*again->graph, -1), ir::print(*third->graph, -1)) << label;
  EXPECT_EQ(model.graph->node_count(), again->graph->node_count()) << label;
  EXPECT_EQ(model.metadata, again->metadata) << label;
  EXPECT_EQ(model.doc, again->doc) << label;
  for (size_t i = 0; i < model.graph->outputs.size(); ++i) {
    EXPECT_EQ(model.graph->outputs[i]->name, again->graph->outputs[i]->name) << label;
    EXPECT_EQ(model.graph->outputs[i]->type.to_string(), again->graph->outputs[i]->type.to_string()) << label;
  }
}

int64_t opset_of(const ModelProto& proto) {
  for (const OperatorSetIdProto& entry : proto.opset_import()) {
    if (entry.domain().empty()) return entry.version();
  }
  return 0;
}

const NodeProto* find(const ModelProto& proto, const std::string& op_type) {
  for (const NodeProto& node : proto.graph().node()) {
    if (node.op_type() == op_type) return &proto.graph().node(static_cast<int>(&node - &proto.graph().node(0)));
  }
  return nullptr;
}

// One node of an old opset comes back as it was.
void expect_kept(int64_t opset, const std::string& op_type, const std::vector<AttributeProto>& attributes, const std::string& type = "f32[2,3,4,4]") {
  ModelBuilder builder(opset);
  builder.input("x", type).output("y", "f32[*]").node(op_type, {"x"}, {"y"}, attributes);
  const auto model = import(builder.bytes());
  ASSERT_TRUE(model.ok()) << op_type << ": " << model.status().to_string();
  const auto bytes = export_bytes(*model);
  ASSERT_TRUE(bytes.ok()) << op_type << ": " << bytes.status().to_string();
  const ModelProto proto = parse(*bytes);
  EXPECT_EQ(opset_of(proto), opset) << op_type;
  const NodeProto* node = find(proto, op_type);
  ASSERT_NE(node, nullptr) << op_type;
  EXPECT_EQ(node->input_size(), 1) << op_type;
  EXPECT_EQ(proto.graph().initializer_size(), 0) << op_type;
  const auto again = import(*bytes);
  ASSERT_TRUE(again.ok()) << op_type << ": " << again.status().to_string();
  EXPECT_EQ(ir::print(*model->graph, -1), ir::print(*again->graph, -1)) << op_type;
}

TEST(Export, OldOpsetsAreKept) {
  expect_kept(11, "ReduceMean", {attribute("axes", std::vector<int64_t>{2, 3}), attribute("keepdims", 0)});
  expect_kept(12, "Unsqueeze", {attribute("axes", std::vector<int64_t>{0})});
  expect_kept(11, "Squeeze", {attribute("axes", std::vector<int64_t>{1})}, "f32[2,1,4]");
  expect_kept(11, "Softmax", {attribute("axis", 3)});
  expect_kept(7, "Softmax", {attribute("axis", 1)}, "f32[1,1000,1,1]");
  expect_kept(9, "Clip", {attribute("min", 0.0f), attribute("max", 6.0f)});
  expect_kept(9, "Slice", {attribute("starts", std::vector<int64_t>{1}), attribute("ends", std::vector<int64_t>{3}), attribute("axes", std::vector<int64_t>{2})});
  expect_kept(9, "Pad", {attribute("pads", std::vector<int64_t>{0, 0, 1, 1, 0, 0, 1, 1}), attribute("value", 2.0f)});
  expect_kept(10, "Dropout", {attribute("ratio", 0.25f)});
}

TEST(Export, OldSplitAndTopK) {
  ModelBuilder builder(11);
  builder.input("x", "f32[2,6]").output("a", "f32[*]").output("b", "f32[*]");
  builder.node("Split", {"x"}, {"a", "b"}, {attribute("axis", 1), attribute("split", std::vector<int64_t>{2, 4})});
  const auto model = import(builder.bytes());
  ASSERT_TRUE(model.ok());
  const ModelProto proto = parse(export_bytes(*model).value());
  EXPECT_EQ(opset_of(proto), 11);
  EXPECT_EQ(find(proto, "Split")->input_size(), 1);
  expect_round_trip(*model, "split");

  ModelBuilder equal(13);
  equal.input("x", "f32[2,6]").output("a", "f32[*]").output("b", "f32[*]").node("Split", {"x"}, {"a", "b"}, {attribute("axis", 1)});
  const auto halves = import(equal.bytes());
  ASSERT_TRUE(halves.ok());
  EXPECT_EQ(opset_of(parse(export_bytes(*halves).value())), 13);
}

TEST(Export, OpsetIsRaisedWhereANodeNeedsIt) {
  // Axes that are not known cannot be an attribute.
  ModelBuilder builder(18);
  builder.input("x", "f32[2,3]").input("axes", "i64[1]").output("y", "f32[*]").node("ReduceMax", {"x", "axes"}, {"y"});
  const auto model = import(builder.bytes());
  ASSERT_TRUE(model.ok()) << model.status().to_string();
  ExportOptions options;
  options.opset = 12;
  EXPECT_EQ(export_opset(*model, options).value(), 18);
  // A type that the operator takes only since opset 14; an attribute of opset 18.
  ModelBuilder integers(14);
  integers.input("x", "i32[2]").output("y", "i32[2]").node("Relu", {"x"}, {"y"});
  const auto relu = import(integers.bytes());
  ASSERT_TRUE(relu.ok());
  options.opset = 11;
  EXPECT_EQ(export_opset(*relu, options).value(), 14);
  options.opset = 99;
  EXPECT_FALSE(export_opset(*relu, options).ok());
  options.opset = 6;
  EXPECT_NE(export_opset(*relu, options).status().message().find("7 to"), std::string::npos);
}

TEST(Export, SoftmaxOfAnInnerAxisNeedsOpset13) {
  ModelBuilder builder(17);
  builder.input("x", "f32[2,3,4]").output("y", "f32[*]").node("Softmax", {"x"}, {"y"}, {attribute("axis", 1)});
  const auto model = import(builder.bytes());
  ExportOptions options;
  options.opset = 11;
  EXPECT_EQ(export_opset(*model, options).value(), 13);
}

TEST(Export, BodiesCaptureAndSharedConstants) {
  GraphProto then_branch, else_branch;
  then_branch.set_name("then");
  *then_branch.add_node() = test::node("Add", {"x", "weights"}, {"t"});
  *then_branch.add_output() = test::value_info("t", "f32[2]");
  else_branch.set_name("else");
  *else_branch.add_initializer() = from_tensor(Tensor::from_f32({5, 6}, {2}), "own");
  *else_branch.add_node() = test::node("Mul", {"x", "own"}, {"e"});
  *else_branch.add_output() = test::value_info("e", "f32[2]");
  ModelBuilder builder(16);
  builder.input("x", "f32[2]").input("c", "bool[]").output("y", "f32[2]").constant("weights", Tensor::from_f32({1, 2}, {2}));
  builder.node("If", {"c"}, {"y"}, {attribute("then_branch", then_branch), attribute("else_branch", else_branch)});
  builder.model.set_doc_string("what it is");
  builder.model.set_model_version(7);
  StringStringEntryProto* entry = builder.model.add_metadata_props();
  entry->set_key("names");
  entry->set_value("{0: 'cat'}");
  const auto model = import(builder.bytes());
  ASSERT_TRUE(model.ok()) << model.status().to_string();
  expect_round_trip(*model, "if");
  const ModelProto proto = parse(export_bytes(*model).value());
  EXPECT_EQ(proto.model_version(), 7);
  EXPECT_EQ(proto.doc_string(), "what it is");
  EXPECT_EQ(proto.graph().initializer_size(), 1) << "the captured one; the other is the body's";
  const auto again = import(export_bytes(*model).value());
  for (const float condition : {0.0f, 1.0f}) {
    Tensor flag(DType::kBool, {});
    *flag.data<uint8_t>() = condition != 0;
    std::vector<Value> inputs{Tensor::from_f32({10, 20}, {2}), flag};
    const auto wanted = ir::evaluate(*model->graph, inputs), got = ir::evaluate(*again->graph, inputs);
    ASSERT_TRUE(wanted.ok() && got.ok());
    EXPECT_TRUE((*wanted)[0].tensor().identical((*got)[0].tensor()));
  }
}

TEST(Export, ABodyThatReturnsAnOuterValueGetsAnIdentity) {
  GraphProto then_branch, else_branch;
  then_branch.set_name("then");
  *then_branch.add_node() = test::node("Relu", {"x"}, {"t"});
  *then_branch.add_output() = test::value_info("t", "f32[2]");
  else_branch.set_name("else");
  *else_branch.add_initializer() = from_tensor(Tensor::from_f32({5, 6}, {2}), "e");
  *else_branch.add_output() = test::value_info("e", "f32[2]");
  ModelBuilder builder(16);
  builder.input("x", "f32[2]").input("c", "bool[]").output("y", "f32[2]");
  builder.node("If", {"c"}, {"y"}, {attribute("then_branch", then_branch), attribute("else_branch", else_branch)});
  const auto model = import(builder.bytes());
  ASSERT_TRUE(model.ok()) << model.status().to_string();
  const ModelProto proto = parse(export_bytes(*model).value());
  for (const AttributeProto& branch : find(proto, "If")->attribute()) {
    EXPECT_EQ(branch.g().node_size(), 1);
    EXPECT_EQ(branch.g().node(0).output(0), branch.g().output(0).name());
  }
}

TEST(Export, TypesAndStrings) {
  ModelBuilder builder(21, 10);
  builder.input("s", "string[n]").input("x", "f32[2,n]").output("t", "string[n]").output("q", "i4[2,n]").output("c", "bf16[2,n]");
  Tensor scale = Tensor::from_f32({0.5f}, {}), zero(DType::kI4, {});
  *zero.data<uint8_t>() = 0;
  Tensor words(DType::kString, {1});
  *words.data<std::string>() = std::string("a\0\xff", 3);
  builder.constant("scale", scale).constant("zero", zero).constant("words", words);
  builder.node("StringConcat", {"s", "words"}, {"t"}).node("QuantizeLinear", {"x", "scale", "zero"}, {"q"});
  builder.node("Cast", {"x"}, {"c"}, {attribute("to", 16)});
  const auto model = import(builder.bytes());
  ASSERT_TRUE(model.ok()) << model.status().to_string();
  expect_round_trip(*model, "types");
}

ir::Model weights(int64_t elements) {
  ModelBuilder builder(17);
  std::vector<float> values(static_cast<size_t>(elements));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  builder.input("x", "f32[n]").output("y", "f32[*]").constant("w", Tensor::from_f32(values, {elements})).constant("one", Tensor::from_f32({1}, {1}));
  builder.node("Mul", {"x", "w"}, {"p"}).node("Add", {"p", "one"}, {"y"});
  return std::move(import(builder.bytes()).value());
}

TEST(Export, ExternalData) {
  const sinter::testing::TemporaryFolder folder;
  const std::string path = folder.path("m.onnx");
  const ir::Model model = weights(5000);
  ExportOptions options;
  options.external = ExternalWeights::kAlways;
  ASSERT_TRUE(export_model(model, path, options).ok());
  const auto info = inspect_model(path);
  ASSERT_TRUE(info.ok());
  ASSERT_EQ(info->external_files.size(), 1u);
  EXPECT_EQ(info->external_files[0].location, "m.onnx.data");
  EXPECT_EQ(info->external_files[0].bytes, 20000);
  EXPECT_EQ(info->external_files[0].tensors, 1) << "small tensors stay in the file";
  const auto again = import_model(path);
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_EQ(ir::print(*again->graph, -1), ir::print(*model.graph, -1));
  // In place over itself: the weights are read while they are written.
  ASSERT_TRUE(export_model(*again, path, options).ok());
  EXPECT_EQ(ir::print(*import_model(path)->graph, -1), ir::print(*model.graph, -1));
  options.external_name = "../elsewhere";
  EXPECT_FALSE(export_model(model, path, options).ok());
  options.external_name = "m.onnx";
  EXPECT_FALSE(export_model(model, path, options).ok());
  EXPECT_EQ(export_model(model, folder.path("no/such/m.onnx")).code(), Code::kNotFound);
}

TEST(Export, EqualModelsGiveEqualBytes) {
  EXPECT_EQ(export_bytes(weights(100)).value(), export_bytes(weights(100)).value());
}

TEST(Export, InternalOperatorsAreRefused) {
  auto graph = ir::parse("graph(%x: f32[4]) -> (%y) {\n  %y = sinter.Pointwise(%x) [program=\"1 | relu(0) | 1\", dtypes=[1]]\n}\n");
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  ir::Model model;
  model.graph = std::move(graph).value();
  EXPECT_NE(export_bytes(model).status().message().find("internal operator"), std::string::npos);
}

TEST(Export, RealModels) {
  for (const char* folder : {"/../shared/models/real", "/../shared/models/quantized", "/examples/digits"}) {
    std::error_code error;
    for (fs::directory_iterator it(SINTER_SOURCE_DIR + std::string(folder), error), end; !error && it != end; it.increment(error)) {
      if (it->path().extension() != ".onnx") continue;
      const auto model = import_model(it->path().string());
      ASSERT_TRUE(model.ok()) << it->path() << model.status().to_string();
      expect_round_trip(*model, it->path().filename().string());
    }
  }
}

// Every operator's cases of ONNX's own tests: opset and graph are those of the file.
TEST(Export, BackendTests) {
  int64_t models = 0, kept = 0;
  for (const char* suite : {"node", "simple", "pytorch-operator"}) {
    std::error_code error;
    for (fs::directory_iterator it(SINTER_SOURCE_DIR + std::string("/../shared/onnx-backend-tests/") + suite, error), end; !error && it != end; it.increment(error)) {
      const auto model = import_model((it->path() / "model.onnx").string());
      if (!model.ok()) continue;
      const auto bytes = export_bytes(*model);
      EXPECT_TRUE(bytes.ok()) << it->path() << ": " << bytes.status().to_string();
      if (!bytes.ok()) continue;
      const auto again = import_bytes(*bytes, it->path().filename().string());
      EXPECT_TRUE(again.ok()) << it->path() << ": " << again.status().to_string();
      if (!again.ok()) continue;
      ++models;
      const auto own = model->opsets.find("");
      kept += own == model->opsets.end() || own->second <= 6 || again->opsets.at("") == own->second;
      EXPECT_EQ(model->graph->node_count(), again->graph->node_count()) << it->path();
    }
  }
  if (models == 0) GTEST_SKIP() << "no ../shared/onnx-backend-tests";
  std::printf("%lld models, %lld in their own opset\n", static_cast<long long>(models), static_cast<long long>(kept));
  EXPECT_GE(kept, models * 98 / 100);
}

}  // namespace
}  // namespace sinter::onnx
