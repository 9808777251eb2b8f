// --dynamic-batch: three different samples at once give what each gives alone; what would mix them is refused by name.
#include <gtest/gtest.h>

#include <random>
#include <stdexcept>

#include "onnx/import.h"
#include "support/model_builder.h"

namespace sinter::onnx {
namespace {

using test::attribute;
using test::ModelBuilder;

constexpr int64_t kSamples = 3;

Tensor random(Dims dims, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(static_cast<size_t>(product(dims)));
  for (float& value : values) value = uniform(engine);
  return Tensor::from_f32(values, std::move(dims));
}

Result<ir::Model> import(const ModelBuilder& builder, bool dynamic, std::map<std::string, Shape, std::less<>> shapes = {}) {
  ImportOptions options;
  options.dynamic_batch = dynamic;
  options.shapes = std::move(shapes);
  return import_bytes(builder.bytes(), "m.onnx", "", options);
}

std::vector<double> run(const ir::Model& model, const std::vector<Tensor>& inputs, Dims* dims = nullptr) {
  const auto outputs = ir::evaluate(*model.graph, {inputs.begin(), inputs.end()});
  if (!outputs.ok()) throw std::runtime_error(outputs.status().to_string());
  if (dims) *dims = (*outputs)[0].tensor().dims();
  return (*outputs)[0].tensor().to_f64();
}

// Sample by sample and at once, with the symbol and with the batch fixed at three: the same numbers, the batch leading.
void expect_same(const ModelBuilder& builder) {
  const auto single = import(builder, false), any = import(builder, true);
  ASSERT_TRUE(single.ok()) << single.status().to_string();
  ASSERT_TRUE(any.ok()) << any.status().to_string();
  EXPECT_EQ(any->graph->outputs[0]->type.shape->front().to_string(), "batch");
  std::map<std::string, Shape, std::less<>> shapes;
  std::vector<Tensor> joined;
  std::vector<std::vector<Tensor>> alone(kSamples);
  for (size_t i = 0; i < single->graph->inputs.size(); ++i) {
    Dims dims = *constant_dims(*single->graph->inputs[i]->type.shape);
    const bool batched = !dims.empty() && dims[0] == 1;
    if (batched) dims[0] = kSamples;
    joined.push_back(random(dims, static_cast<unsigned>(i + 7)));
    if (batched) shapes[single->graph->inputs[i]->name] = to_shape(dims);
    if (batched) dims[0] = 1;
    for (size_t n = 0; n < kSamples; ++n) {
      const float* data = joined.back().data<float>() + (batched ? n * static_cast<size_t>(product(dims)) : 0);
      alone[n].push_back(Tensor::from_f32({data, data + product(dims)}, dims));
    }
  }
  std::vector<double> wanted;
  for (const auto& inputs : alone) {
    for (double value : run(*single, inputs)) wanted.push_back(value);
  }
  const auto fixed = import(builder, true, shapes);
  ASSERT_TRUE(fixed.ok()) << fixed.status().to_string();
  EXPECT_TRUE(fixed->graph->outputs[0]->type.shape->front().is(kSamples)) << fixed->graph->outputs[0]->type.to_string();
  for (const ir::Model* model : {&*any, &*fixed}) {
    Dims dims;
    const std::vector<double> got = run(*model, joined, &dims);
    EXPECT_EQ(dims.front(), kSamples);
    ASSERT_EQ(got.size(), wanted.size());
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 1e-6) << i;
  }
}

std::string refusal(const ModelBuilder& builder) {
  EXPECT_TRUE(import(builder, false).ok()) << import(builder, false).status().to_string();
  const auto model = import(builder, true);
  EXPECT_FALSE(model.ok());
  return model.ok() ? "" : model.status().message();
}

void expect_refusal(const ModelBuilder& builder, const std::string& node, const std::string& reason) {
  const std::string message = refusal(builder);
  EXPECT_NE(message.find("node '" + node + "'"), std::string::npos) << message;
  EXPECT_NE(message.find(reason), std::string::npos) << message;
}

ModelBuilder one_input(const std::string& type = "f32[1,2,3]") {
  ModelBuilder builder;
  builder.input("x", type);
  return builder;
}

TEST(DynamicBatch, FixedReshapeTargets) {
  for (const std::vector<int64_t>& target : {std::vector<int64_t>{1, 6}, {1, -1}, {1, 3, 2}, {-1, 6}, {0, 6}, {1, 2, 3, 1}, {1, 1, 6}, {0, -1, 2}}) {
    const Dims dims(target.size(), -1);
    ModelBuilder builder = one_input();
    builder.constant("t", Tensor::from_i64(target)).node("Reshape", {"x", "t"}, {"r"}).node("Neg", {"r"}, {"y"}).output("y", "f32[*]");
    builder.graph().mutable_output(0)->mutable_type()->mutable_tensor_type()->clear_shape();
    SCOPED_TRACE(to_string(Dims(target)));
    expect_same(builder);
  }
}

// As exporters write attention: the batch behind the sequence, merged with it and with the heads, and back.
TEST(DynamicBatch, BatchInsideOtherAxes) {
  ModelBuilder builder = one_input("f32[1,5,8]");
  builder.constant("heads", Tensor::from_i64({5, 2, 4})).constant("four", Tensor::from_i64({1, 2, 5, 4})).constant("rows", Tensor::from_i64({5, 8}));
  builder.constant("back", Tensor::from_i64({5, 1, 8})).constant("w", random({8, 8}, 3));
  builder.node("Transpose", {"x"}, {"s"}, {attribute("perm", std::vector<int64_t>{1, 0, 2})})
      .node("Reshape", {"s", "heads"}, {"h"})
      .node("Transpose", {"h"}, {"ht"}, {attribute("perm", std::vector<int64_t>{1, 0, 2})})
      .node("Reshape", {"ht", "four"}, {"f"})
      .node("Softmax", {"f"}, {"p"}, {attribute("axis", -1)})
      .node("Transpose", {"p"}, {"q"}, {attribute("perm", std::vector<int64_t>{2, 0, 1, 3})})
      .node("Reshape", {"q", "rows"}, {"m"})
      .node("Gemm", {"m", "w"}, {"g"})
      .node("Reshape", {"g", "back"}, {"b"})
      .node("Transpose", {"b"}, {"y"}, {attribute("perm", std::vector<int64_t>{1, 0, 2})})
      .output("y", "f32[1,5,8]");
  expect_same(builder);
}

TEST(DynamicBatch, SharedValuesAreRepeatedWhereJoined) {
  ModelBuilder builder = one_input();
  builder.constant("token", random({1, 1, 3}, 5)).constant("shape", Tensor::from_i64({1, -1, -1}));
  builder.node("Abs", {"token"}, {"c"}).node("Concat", {"c", "x"}, {"y"}, {attribute("axis", 1)}).output("y", "f32[1,3,3]");
  expect_same(builder);
}

TEST(DynamicBatch, ShapesThatAreComputed) {
  ModelBuilder builder = one_input();
  builder.constant("zero", Tensor::from_i64({0})).constant("six", Tensor::from_i64({6})).constant("ones", random({1, 6}, 6));
  builder.node("Shape", {"x"}, {"s"})
      .node("Gather", {"s", "zero"}, {"n"})
      .node("Concat", {"n", "six"}, {"t"}, {attribute("axis", 0)})
      .node("Reshape", {"x", "t"}, {"r"})
      .node("Expand", {"ones", "t"}, {"e"})
      .node("Mul", {"r", "e"}, {"y"})
      .output("y", "f32[1,6]");
  expect_same(builder);
}

TEST(DynamicBatch, ResizeByScalesAndSizesBehindConstants) {
  for (const bool by_scales : {true, false}) {
    ModelBuilder builder = one_input("f32[1,2,3,4]");
    if (by_scales) builder.constant("a", Tensor::from_f32({1, 1}, {2})).constant("b", Tensor::from_f32({2, 2}, {2}));
    else builder.constant("a", Tensor::from_i64({1, 2})).constant("b", Tensor::from_i64({6, 8}));
    builder.node("Concat", {"a", "b"}, {"c"}, {attribute("axis", 0)});
    builder.node("Resize", by_scales ? std::vector<std::string>{"x", "", "c"} : std::vector<std::string>{"x", "", "", "c"}, {"y"}).output("y", "f32[1,2,6,8]");
    expect_same(builder);
  }
}

TEST(DynamicBatch, ConvolutionsPoolsNormsAndReductions) {
  ModelBuilder builder = one_input("f32[1,2,6,6]");
  builder.constant("w", random({4, 2, 3, 3}, 1)).constant("s", random({4}, 2)).constant("b", random({4}, 3)).constant("m", random({4}, 4));
  builder.constant("v", Tensor::from_f32({1, 2, 3, 4}, {4})).constant("axes", Tensor::from_i64({2, 3}));
  builder.node("Conv", {"x", "w"}, {"c"}, {attribute("pads", std::vector<int64_t>{1, 1, 1, 1})})
      .node("BatchNormalization", {"c", "s", "b", "m", "v"}, {"n"})
      .node("MaxPool", {"n"}, {"p"}, {attribute("kernel_shape", std::vector<int64_t>{2, 2})})
      .node("ReduceMean", {"p", "axes"}, {"y"}, {attribute("keepdims", 0)})
      .output("y", "f32[1,4]");
  expect_same(builder);
}

TEST(DynamicBatch, RecurrentStatesAreRepeated) {
  ModelBuilder builder = one_input("f32[1,5,3]");
  builder.constant("w", random({1, 16, 3}, 1)).constant("r", random({1, 16, 4}, 2)).constant("h", random({1, 1, 4}, 3));
  builder.node("Transpose", {"x"}, {"t"}, {attribute("perm", std::vector<int64_t>{1, 0, 2})})
      .node("LSTM", {"t", "w", "r", "", "", "h"}, {"", "yh"}, {attribute("hidden_size", 4)})
      .node("Transpose", {"yh"}, {"y"}, {attribute("perm", std::vector<int64_t>{1, 0, 2})})
      .output("y", "f32[1,1,4]");
  expect_same(builder);
}

TEST(DynamicBatch, SeveralInputsShareTheBatch) {
  ModelBuilder builder = one_input();
  builder.input("z", "f32[1,1,3]").input("bias", "f32[2,3]");
  builder.node("Mul", {"x", "z"}, {"m"}).node("Add", {"m", "bias"}, {"y"}).output("y", "f32[1,2,3]");
  expect_same(builder);
}

TEST(DynamicBatch, GathersAlongOtherAxes) {
  ModelBuilder builder = one_input("f32[1,4,3]");
  builder.constant("i", Tensor::from_i64({2, 0})).constant("starts", Tensor::from_i64({0, 1})).constant("ends", Tensor::from_i64({INT64_MAX, 3}));
  builder.constant("axes", Tensor::from_i64({0, 1}));
  builder.node("Slice", {"x", "starts", "ends", "axes"}, {"s"}).node("Gather", {"s", "i"}, {"y"}, {attribute("axis", 2)}).output("y", "f32[1,2,2]");
  expect_same(builder);
}

TEST(DynamicBatch, AModelWithADynamicBatchIsLeftAlone) {
  ModelBuilder builder = one_input("f32[n,2]");
  builder.node("Neg", {"x"}, {"y"}).output("y", "f32[n,2]");
  const auto model = import(builder, true);
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->graph->outputs[0]->type.to_string(), "f32[n,2]");
}

TEST(DynamicBatch, NodesThatMixSamplesAreNamed) {
  ModelBuilder mixing = one_input("f32[1,2,6]");
  mixing.constant("t", Tensor::from_i64({2, 6})).constant("a", Tensor::from_i64({0})).constant("w", random({2, 6}, 1));
  ModelBuilder reduce = mixing, softmax = mixing, squeeze = mixing, slice = mixing, add = mixing, topk = mixing;
  reduce.node("ReduceSum", {"x", "a"}, {"y"}).output("y", "f32[1,2,6]");
  expect_refusal(reduce, "ReduceSum_y", "works along axis 0");
  softmax.node("Softmax", {"x"}, {"y"}, {attribute("axis", 0)}).output("y", "f32[1,2,6]");
  expect_refusal(softmax, "Softmax_y", "works along axis 0");
  squeeze.node("Squeeze", {"x", "a"}, {"y"}).output("y", "f32[2,6]");
  expect_refusal(squeeze, "Squeeze_y", "drops axis 0");
  slice.constant("one", Tensor::from_i64({1})).node("Slice", {"x", "a", "one", "a"}, {"y"}).output("y", "f32[1,2,6]");
  expect_refusal(slice, "Slice_y", "takes part of axis 0");
  // [1,2,6] -> [2,6] keeps the samples in order, but adding a different row to each of two does not work for more.
  add.node("Reshape", {"x", "t"}, {"r"}).node("Add", {"r", "w"}, {"y"}).output("y", "f32[2,6]");
  expect_refusal(add, "Add_y", "spread over the samples' axis");
  topk.node("NonZero", {"x"}, {"y"}).output("y", "i64[3,n]");
  expect_refusal(topk, "NonZero_y", "not known");
}

TEST(DynamicBatch, ShapesThatMoveSamplesAreNamed) {
  ModelBuilder inside = one_input("f32[1,4,6]");
  inside.constant("t", Tensor::from_i64({3, 8}));
  inside.node("Transpose", {"x"}, {"s"}, {attribute("perm", std::vector<int64_t>{1, 0, 2})}).node("Reshape", {"s", "t"}, {"y"}).output("y", "f32[3,8]");
  expect_refusal(inside, "Reshape_y", "moves samples");
  ModelBuilder elsewhere = one_input("f32[1,4]");
  elsewhere.node("Transpose", {"x"}, {"y"}).output("y", "f32[4,1]");
  EXPECT_NE(refusal(elsewhere).find("output 'y' has its samples in axis 1"), std::string::npos);
  ModelBuilder counts = one_input("f32[1,4]");
  counts.node("Shape", {"x"}, {"s"}).node("Cast", {"s"}, {"f"}, {attribute("to", 1)}).node("ReduceSum", {"f"}, {"c"}).node("Mul", {"x", "c"}, {"y"});
  counts.output("y", "f32[1,4]");
  expect_refusal(counts, "Cast_f", "computes with the number of samples");
  ModelBuilder constant = one_input("f32[1,4]");
  constant.constant("k", random({1, 4}, 1)).node("Neg", {"x"}, {"unused"}).node("Neg", {"k"}, {"y"}).output("y", "f32[1,4]");
  EXPECT_NE(refusal(constant).find("the same for any number of samples"), std::string::npos);
}

TEST(DynamicBatch, AShapeWithoutANameIsTheOnlyInputs) {
  ModelBuilder builder = one_input("f32[1,2]");
  builder.node("Neg", {"x"}, {"y"}).output("y", "f32[1,2]");
  const auto model = import(builder, true, {{"", {Dim(4), Dim(2)}}});
  ASSERT_TRUE(model.ok()) << model.status().to_string();
  EXPECT_EQ(model->graph->outputs[0]->type.to_string(), "f32[4,2]");
  builder.input("z", "f32[1,2]");
  EXPECT_FALSE(import(builder, true, {{"", {Dim(4), Dim(2)}}}).ok());
}

TEST(DynamicBatch, InputsMustAgreeOnTheBatchAsked) {
  ModelBuilder builder = one_input("f32[1,2]");
  builder.input("z", "f32[1,2]").node("Add", {"x", "z"}, {"y"}).output("y", "f32[1,2]");
  const auto model = import(builder, true, {{"x", {Dim(4), Dim(2)}}, {"z", {Dim(5), Dim(2)}}});
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.status().message().find("give one number of samples"), std::string::npos) << model.status().message();
}

}  // namespace
}  // namespace sinter::onnx
