// Adapters: models of older opsets give what those opsets meant.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <stdexcept>

#include "onnx/adapt/adapt.h"
#include "onnx/import.h"
#include "support/model_builder.h"

namespace sinter::onnx {
namespace {

using test::attribute;
using test::ModelBuilder;

std::vector<Value> run(const ModelBuilder& builder, std::vector<Value> inputs) {
  const Result<ir::Model> model = import_bytes(builder.bytes(), "m.onnx");
  if (!model.ok()) throw std::runtime_error(model.status().to_string());
  Result<std::vector<Value>> outputs = ir::evaluate(*model->graph, std::move(inputs));
  if (!outputs.ok()) throw std::runtime_error(outputs.status().to_string());
  return std::move(outputs).value();
}

std::vector<double> run1(const ModelBuilder& builder, std::vector<Value> inputs) {
  return run(builder, std::move(inputs))[0].tensor().to_f64();
}

Tensor counting(Dims dims) {
  std::vector<float> values(static_cast<size_t>(product(dims)));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) * 0.125f - 1;
  return Tensor::from_f32(values, std::move(dims));
}

ModelBuilder unary(int64_t opset, const std::string& op, const std::vector<AttributeProto>& attributes,
                   const std::string& type = "f32[2,3,4]") {
  ModelBuilder builder(opset);
  builder.input("x", type).output("y", "f32[*]").node(op, {"x"}, {"y"}, attributes);
  return builder;
}

double sum(const std::vector<double>& values, size_t begin, size_t end) {
  double total = 0;
  for (size_t i = begin; i < end; ++i) total += values[i];
  return total;
}

TEST(Adapt, SoftmaxUntil12NormalizesAllFromTheAxisOn) {
  const auto groups = run1(unary(12, "Softmax", {}), {counting({2, 3, 4})});
  EXPECT_NEAR(sum(groups, 0, 12), 1, 1e-6);
  EXPECT_NEAR(sum(groups, 12, 24), 1, 1e-6);
  const auto whole = run1(unary(12, "Softmax", {attribute("axis", 0)}), {counting({2, 3, 4})});
  EXPECT_NEAR(sum(whole, 0, 24), 1, 1e-6);
  const auto last = run1(unary(12, "Softmax", {attribute("axis", -1)}), {counting({2, 3, 4})});
  EXPECT_NEAR(sum(last, 0, 4), 1, 1e-6);
  const auto modern = run1(unary(13, "Softmax", {}), {counting({2, 3, 4})});
  EXPECT_NEAR(sum(modern, 0, 4), 1, 1e-6);
  const auto image = run1(unary(12, "Softmax", {}, "f32[1,5,1,1]"), {counting({1, 5, 1, 1})});
  EXPECT_NEAR(sum(image, 0, 5), 1, 1e-6);
}

TEST(Adapt, SoftmaxOnOneLongAxisStaysOneNode) {
  const Result<ir::Model> model = import_bytes(unary(9, "Softmax", {}, "f32[n,5,1,1]").bytes(), "m.onnx");
  ASSERT_TRUE(model.ok()) << model.status().to_string();
  ASSERT_EQ(model->graph->node_count(), 1u);
  EXPECT_EQ(model->graph->nodes().front()->attributes.i("axis"), 1);
}

TEST(Adapt, BinaryOperatorsUntil6AlignAtTheAxis) {
  ModelBuilder builder(6, 3);
  builder.input("a", "f32[2,3,4]").input("b", "f32[3]").output("y", "f32[*]");
  builder.node("Mul", {"a", "b"}, {"y"}, {attribute("broadcast", 1), attribute("axis", 1)});
  const Tensor ones = Tensor::from_f32(std::vector<float>(24, 1), {2, 3, 4});
  const auto y = run1(builder, {ones, Tensor::from_f32({5, 6, 7}, {3})});
  for (size_t i = 0; i < 24; ++i) EXPECT_EQ(y[i], 5.0 + static_cast<double>(i / 4 % 3));
}

TEST(Adapt, PReluUntil6HasASlopePerChannel) {
  ModelBuilder builder(6, 3);
  builder.input("x", "f32[1,2,2]").input("s", "f32[2]").output("y", "f32[*]").node("PRelu", {"x", "s"}, {"y"});
  EXPECT_EQ(run1(builder, {Tensor::from_f32({-1, -1, -1, -1}, {1, 2, 2}), Tensor::from_f32({2, 3}, {2})}),
            (std::vector<double>{-2, -2, -3, -3}));
}

TEST(Adapt, AttributesThatBecameInputs) {
  EXPECT_EQ(run1(unary(6, "Clip", {attribute("min", 0.0f)}, "f32[2]"), {Tensor::from_f32({-3, 4}, {2})}),
            (std::vector<double>{0, 4}));
  EXPECT_EQ(run1(unary(10, "Clip", {attribute("max", 1.0f)}, "f32[2]"), {Tensor::from_f32({-3, 4}, {2})}),
            (std::vector<double>{-3, 1}));
  EXPECT_EQ(
      run1(unary(12, "ReduceSum", {attribute("axes", std::vector<int64_t>{0}), attribute("keepdims", 0)}, "f32[2,2]"),
           {Tensor::from_f32({1, 2, 3, 4}, {2, 2})}),
      (std::vector<double>{4, 6}));
  EXPECT_EQ(
      run1(unary(17, "ReduceMax", {attribute("axes", std::vector<int64_t>{1}), attribute("keepdims", 0)}, "f32[2,2]"),
           {Tensor::from_f32({1, 2, 3, 4}, {2, 2})}),
      (std::vector<double>{2, 4}));
  EXPECT_EQ(run1(unary(9, "Slice",
                       {attribute("starts", std::vector<int64_t>{1}), attribute("ends", std::vector<int64_t>{3}),
                        attribute("axes", std::vector<int64_t>{0})},
                       "f32[4]"),
                 {Tensor::from_f32({1, 2, 3, 4}, {4})}),
            (std::vector<double>{2, 3}));
  EXPECT_EQ(run1(unary(10, "Pad", {attribute("pads", std::vector<int64_t>{1, 0}), attribute("value", 9.0f)}, "f32[2]"),
                 {Tensor::from_f32({1, 2}, {2})}),
            (std::vector<double>{9, 1, 2}));
  EXPECT_EQ(run1(unary(1, "Pad", {attribute("paddings", std::vector<int64_t>{0, 1})}, "f32[2]"),
                 {Tensor::from_f32({1, 2}, {2})}),
            (std::vector<double>{1, 2, 0}));
  ModelBuilder top(9);
  top.input("x", "f32[4]").output("y", "f32[*]").node("TopK", {"x"}, {"y", ""}, {attribute("k", 2)});
  EXPECT_EQ(run1(top, {Tensor::from_f32({1, 4, 3, 2}, {4})}), (std::vector<double>{4, 3}));
  EXPECT_EQ(run1(unary(4, "Reshape", {attribute("shape", std::vector<int64_t>{3})}, "f32[1,3]"),
                 {Tensor::from_f32({1, 2, 3}, {1, 3})}),
            (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(
      run(unary(12, "Unsqueeze", {attribute("axes", std::vector<int64_t>{0, 3})}, "f32[2,2]"), {counting({2, 2})})[0]
          .tensor()
          .dims(),
      (Dims{1, 2, 2, 1}));
  EXPECT_EQ(
      run(unary(12, "Squeeze", {attribute("axes", std::vector<int64_t>{0})}, "f32[1,2,1]"), {counting({1, 2, 1})})[0]
          .tensor()
          .dims(),
      (Dims{2, 1}));
  EXPECT_EQ(run1(unary(5, "Cast", {attribute("to", "INT64")}, "f32[2]"), {Tensor::from_f32({1.5f, -2.5f}, {2})}),
            (std::vector<double>{1, -2}));
}

TEST(Adapt, SplitUntil12) {
  ModelBuilder sized(11);
  sized.input("x", "f32[3]").output("a", "f32[*]").output("b", "f32[*]");
  sized.node("Split", {"x"}, {"a", "b"}, {attribute("split", std::vector<int64_t>{1, 2})});
  EXPECT_EQ(run(sized, {Tensor::from_f32({1, 2, 3}, {3})})[1].tensor().to_f64(), (std::vector<double>{2, 3}));
  ModelBuilder even(13);
  even.input("x", "f32[4]").output("a", "f32[*]").output("b", "f32[*]").node("Split", {"x"}, {"a", "b"});
  EXPECT_EQ(run(even, {Tensor::from_f32({1, 2, 3, 4}, {4})})[1].tensor().to_f64(), (std::vector<double>{3, 4}));
}

TEST(Adapt, UpsampleTakesTheFloor) {
  const auto y = run1(unary(8, "Upsample", {[] {
                              AttributeProto scales;
                              scales.set_name("scales");
                              scales.set_type(kAttrFloats);
                              scales.add_floats(1.5f);
                              return scales;
                            }()},
                            "f32[4]"),
                      {Tensor::from_f32({1, 2, 3, 4}, {4})});
  EXPECT_EQ(y, (std::vector<double>{1, 1, 2, 3, 3, 4}));
}

TEST(Adapt, DropoutOfEveryAgeIsTheIdentity) {
  for (const int64_t opset : {6, 7, 10, 11, 12, 22}) {
    std::vector<AttributeProto> attributes;
    if (opset < 12) attributes.push_back(attribute("ratio", 0.7f));
    if (opset < 7) attributes.push_back(attribute("is_test", 1));
    EXPECT_EQ(run1(unary(opset, "Dropout", attributes, "f32[2]"), {Tensor::from_f32({1, 2}, {2})}),
              (std::vector<double>{1, 2}))
        << opset;
  }
}

TEST(Adapt, BatchNormalizationUntil8PerElement) {
  for (const int64_t opset : {6, 7, 8}) {
    ModelBuilder builder(opset);
    builder.input("x", "f32[2,1,2]").output("y", "f32[*]");
    builder.constant("s", Tensor::from_f32({2, 3}, {1, 2})).constant("b", Tensor::from_f32({1, -1}, {1, 2}));
    builder.constant("m", Tensor::from_f32({1, 2}, {1, 2})).constant("v", Tensor::from_f32({4, 0.25f}, {1, 2}));
    std::vector<AttributeProto> attributes{attribute("spatial", 0), attribute("epsilon", 0.0f), attribute("momentum", 0.5f)};
    if (opset < 7) attributes.push_back(attribute("is_test", 1));
    builder.node("BatchNormalization", {"x", "s", "b", "m", "v"}, {"y"}, attributes);
    EXPECT_EQ(run1(builder, {Tensor::from_f32({1, 2, 5, 3}, {2, 1, 2})}), (std::vector<double>{1, -1, 5, 5})) << opset;
  }
}

TEST(Adapt, GroupNormalizationUntil20ScalesGroups) {
  const auto model = [](int64_t opset, const std::vector<float>& scale) {
    ModelBuilder builder(opset);
    builder.input("x", "f32[1,4,2]").output("y", "f32[*]");
    builder.constant("s", Tensor::from_f32(scale, {static_cast<int64_t>(scale.size())}));
    builder.constant("b", Tensor::from_f32(scale, {static_cast<int64_t>(scale.size())}));
    builder.node("GroupNormalization", {"x", "s", "b"}, {"y"}, {attribute("num_groups", 2)});
    return builder;
  };
  const auto old_form = run1(model(18, {2, 3}), {counting({1, 4, 2})}),
             new_form = run1(model(21, {2, 2, 3, 3}), {counting({1, 4, 2})});
  EXPECT_EQ(old_form, new_form);
  ModelBuilder bare(18);
  bare.input("x", "f32[1,4,2]").output("y", "f32[*]").constant("s", Tensor::from_f32({2, 3}, {2}));
  bare.node("GroupNormalization", {"x", "s"}, {"y"}, {attribute("num_groups", 2)});
  const Result<ir::Model> refused = import_bytes(bare.bytes(), "m.onnx");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find("expected scale and bias"), std::string::npos) << refused.status().message();
}

TEST(Adapt, ScanOfOpset8WithABatchOfOne) {
  GraphProto body;
  *body.add_input() = test::value_info("s", "f32[2]");
  *body.add_input() = test::value_info("e", "f32[2]");
  *body.add_node() = test::node("Add", {"s", "e"}, {"t"});
  *body.add_node() = test::node("Identity", {"t"}, {"o"});
  *body.add_output() = test::value_info("t", "f32[2]");
  *body.add_output() = test::value_info("o", "f32[2]");
  ModelBuilder builder(8);
  builder.input("i", "f32[1,2]").input("x", "f32[1,3,2]").output("f", "f32[1,2]").output("z", "f32[1,3,2]");
  builder.node("Scan", {"", "i", "x"}, {"f", "z"}, {attribute("body", body), attribute("num_scan_inputs", 1)});
  const auto outputs =
      run(builder, {Tensor::from_f32({0, 0}, {1, 2}), Tensor::from_f32({1, 2, 3, 4, 5, 6}, {1, 3, 2})});
  EXPECT_EQ(outputs[0].tensor().to_f64(), (std::vector<double>{9, 12}));
  EXPECT_EQ(outputs[1].tensor().dims(), (Dims{1, 3, 2}));
}

// An operator whose schema only serves opsets from N on needs an adapter that brings older files there, unless N is its
// first version. Opset 7 is the oldest that must be read.
TEST(Adapt, EveryOperatorCanBeReadFromOldFiles) {
  std::ifstream schemas(SINTER_SOURCE_DIR "/../shared/reference/onnx-schemas.jsonl");
  if (!schemas) GTEST_SKIP() << "../shared/reference/onnx-schemas.jsonl is not there";
  std::map<std::string, int64_t> first;
  for (std::string line; std::getline(schemas, line);) {
    const std::string begin = "{\"domain\":\"ai.onnx\",\"name\":\"";
    if (line.rfind(begin, 0) != 0) continue;
    const std::string name = line.substr(begin.size(), line.find('"', begin.size()) - begin.size());
    const int64_t since = std::atoll(line.c_str() + line.find("\"since\":") + 8);
    first.emplace(name, since);  // oldest first in the file
  }
  EXPECT_GT(first.size(), 150u);
  for (const OpDef* op : all_ops()) {
    if (!op->domain.empty() || op->since <= 7 || has_adapter(op->name, op->since) || !first.count(op->name)) continue;
    EXPECT_LE(op->since, first[op->name]) << op->name << ": older files need an adapter";
  }
}

}  // namespace
}  // namespace sinter::onnx
