// What no operator may follow: sizes that no machine has, indices and axes that are not there, steps of 0. Given as inputs while it runs and as constants while it is
// built, each is one error that names the node, what was found and what to do; nothing of that size is allocated.
#include <gtest/gtest.h>

#include <limits>

#include "ops/op_harness.h"
#include "session/run.h"

namespace sinter::testing {
namespace {

constexpr int64_t kHuge = int64_t{1} << 62, kLeast = std::numeric_limits<int64_t>::min();

struct Refusal {
  const char* op;
  std::vector<Tensor> inputs;  // undefined: absent
  Attributes attributes = {};
  const char* domain = "";
};

Attributes with(const std::string& name, AttrValue value) {
  Attributes attributes;
  attributes.set(name, std::move(value));
  return attributes;
}
Tensor zeros(Dims dims) { return f32(dims, std::vector<double>(static_cast<size_t>(product(dims)), 0)); }
Tensor vector(std::vector<int64_t> values) { return Tensor::from_i64(values); }
Tensor number(int64_t value) { return Tensor::scalar(DType::kI64, value); }
Tensor real(double value) { return f32({}, {value}); }

// The message of the refusal; a test failure without one.
std::string refuse(const Refusal& row, bool constants) {
  static const onnx::ModelRunner runner = session::engine_runner(session::BuildRequest());
  const OpDef* op = find_op(row.domain, row.op);
  if (!op) {
    ADD_FAILURE() << "no operator " << row.op;
    return "";
  }
  ir::Model model;
  model.graph = std::make_unique<ir::Graph>();
  std::vector<ir::Value*> values;
  std::vector<Value> inputs;
  for (size_t i = 0; i < row.inputs.size(); ++i) {
    const Tensor& tensor = row.inputs[i];
    const std::string name = fmt::format("x{}", i);
    if (!tensor.defined()) {
      values.push_back(nullptr);
    } else if (constants && (i > 0 || row.inputs.size() == 1)) {
      values.push_back(model.graph->add_constant(name, tensor));
    } else {
      values.push_back(model.graph->add_input(name, tensor.type()));
      inputs.emplace_back(tensor);
    }
  }
  ir::Node* node = model.graph->add_node(op, "victim", values, {"y"}, row.attributes);
  model.graph->outputs.push_back(node->output());
  const Status inferred = ir::infer_types(*model.graph);
  if (!inferred.ok()) return inferred.to_string();
  const auto outputs = runner(model, inputs);
  EXPECT_FALSE(outputs.ok()) << row.op << (constants ? ", constants" : ", inputs");
  return outputs.status().to_string();
}

void expect_refused(const std::vector<Refusal>& rows) {
  for (const Refusal& row : rows) {
    for (const bool constants : {false, true}) {
      std::string given;
      for (const Tensor& input : row.inputs) given += input.defined() && input.dtype() == DType::kI64 && input.count() == 1 ? fmt::format(" {}", input.to_i64()[0]) : " -";
      SCOPED_TRACE(fmt::format("{}{}, {}", row.op, given, constants ? "constants" : "inputs"));
      const std::string message = refuse(row, constants);
      EXPECT_NE(message.find("victim"), std::string::npos) << message;
      EXPECT_NE(message.find("expected"), std::string::npos) << message;
      EXPECT_NE(message.find(';'), std::string::npos) << message;
    }
  }
}

TEST(Refusals, SizesThatNoMachineHas) {
  std::vector<Refusal> rows;
  for (const auto& sizes : {std::vector<int64_t>{kHuge}, {-2}, {int64_t{1} << 33, int64_t{1} << 33}, {kLeast}, {kHuge, 4, kHuge}}) {
    rows.push_back({"Expand", {zeros({1}), vector(sizes)}});
    rows.push_back({"ConstantOfShape", {vector(sizes)}});
    rows.push_back({"Reshape", {zeros({6}), vector(sizes)}});
    if (sizes.size() != 1) continue;
    rows.push_back({"Tile", {zeros({3}), vector(sizes)}});
    rows.push_back({"CenterCropPad", {zeros({4}), vector(sizes)}});
    rows.push_back({"AffineGrid", {zeros({1, 2, 3}), vector({1, 1, sizes[0], 4})}});
    rows.push_back({"Col2Im", {zeros({1, 4, 4}), vector({sizes[0], 4}), vector({2, 2})}});
    rows.push_back({"HannWindow", {number(sizes[0])}});
    rows.push_back({"MelWeightMatrix", {number(sizes[0]), number(16), number(8000), real(0), real(4000)}});
    rows.push_back({"OneHot", {vector({1, 2}), number(sizes[0]), f32({2}, {0, 1})}});
    rows.push_back({"DFT", {zeros({1, 4, 1}), number(sizes[0])}});
    rows.push_back({"Resize", {zeros({1, 1, 2, 2}), Tensor(), Tensor(), vector({1, 1, sizes[0], 2})}});
    rows.push_back({"TopK", {zeros({3}), vector(sizes)}});
    rows.push_back({"RandomUniform", {}, with("shape", sizes)});
  }
  rows.pop_back();
  for (const auto& pads : {std::vector<int64_t>{kHuge, 0}, {0, kHuge}, {-5, 0}, {kLeast, 0}, {1, 2, 3}, {kHuge, kHuge}}) {
    for (const char* mode : {"constant", "reflect", "edge", "wrap"}) rows.push_back({"Pad", {zeros({3}), vector(pads)}, with("mode", std::string(mode))});
  }
  for (const double scale : {1e30, std::nan(""), static_cast<double>(INFINITY), -1.0, 0.0}) {
    rows.push_back({"Resize", {zeros({1, 1, 2, 2}), Tensor(), f32({4}, {1, 1, scale, 1})}});
    rows.push_back({"Upsample", {zeros({1, 1, 2, 2}), f32({4}, {1, 1, scale, 1})}});
  }
  std::erase_if(rows, [](const Refusal& row) { return row.inputs.empty(); });
  expect_refused(rows);
}

TEST(Refusals, RangesThatDoNotEnd) {
  std::vector<Refusal> rows;
  for (const auto& [from, to, step] : {std::tuple<int64_t, int64_t, int64_t>{0, kHuge, 1}, {0, 9, 0}, {0, -kHuge, -1}, {kLeast, kHuge, 1}})
    rows.push_back({"Range", {number(from), number(to), number(step)}});
  rows.push_back({"Range", {real(0), real(std::nan("")), real(1)}});
  rows.push_back({"Range", {real(0), real(INFINITY), real(1)}});
  rows.push_back({"Range", {real(0), real(1), real(1e-30)}});
  expect_refused(rows);
}

TEST(Refusals, IndicesAndAxesThatAreNotThere) {
  std::vector<Refusal> rows;
  for (const int64_t index : {int64_t{5}, int64_t{-6}, kHuge, kLeast}) {
    rows.push_back({"Gather", {zeros({5, 2}), vector({index})}});
    rows.push_back({"GatherElements", {zeros({5}), vector({index})}});
    rows.push_back({"GatherND", {zeros({5, 2}), vector({index})}});
    rows.push_back({"ScatterND", {zeros({5, 2}), i64({1, 1}, {0}), zeros({1, 2})}});
    rows.back().inputs[1].data<int64_t>()[0] = index;
    rows.push_back({"ScatterElements", {zeros({5}), vector({index}), zeros({1})}});
    rows.push_back({"Scatter", {zeros({5}), vector({index}), zeros({1})}});
    rows.push_back({"TensorScatter", {zeros({1, 5, 2}), zeros({1, 1, 2}), vector({index})}});
    rows.push_back({"MaxUnpool", {zeros({1, 1, 1, 1}), vector({index}).reshaped({1, 1, 1, 1})}, with("kernel_shape", std::vector<int64_t>{2, 2})});
    rows.push_back({"RoiAlign", {zeros({1, 1, 4, 4}), zeros({1, 4}), vector({index})}});
    rows.push_back({"ReverseSequence", {zeros({4, 1}), vector({index})}});
    rows.push_back({"NegativeLogLikelihoodLoss", {zeros({1, 5}), vector({index})}});
    rows.push_back({"SoftmaxCrossEntropyLoss", {zeros({1, 5}), vector({index})}});
    rows.push_back({"RotaryEmbedding", {zeros({1, 1, 1, 4}), zeros({5, 2}), zeros({5, 2}), vector({index}).reshaped({1, 1})}});
    rows.push_back({"Slice", {zeros({4}), vector({0}), vector({2}), vector({index})}});
    rows.push_back({"Split", {zeros({4}), vector({index})}});
    rows.push_back({"CumSum", {zeros({5, 2}), number(index)}});
    for (const char* op : {"Squeeze", "Unsqueeze", "ReduceSum", "ReduceMax"}) rows.push_back({op, {zeros({1, 2}), vector({index})}});
    for (const char* op : {"Softmax", "Flatten", "Hardmax", "LpNormalization", "ArgMax"}) rows.push_back({op, {zeros({1, 2})}, with("axis", index)});
    rows.push_back({"ArrayFeatureExtractor", {zeros({1, 3}), vector({index})}, {}, "ai.onnx.ml"});
  }
  rows.push_back({"Slice", {zeros({4}), vector({0}), vector({2}), vector({0}), vector({0})}});
  rows.push_back({"Slice", {zeros({4, 4}), vector({0, 0}), vector({2, 2}), vector({0, 0})}});
  rows.push_back({"LSTM", {zeros({2, 1, 2}), zeros({1, 8, 2}), zeros({1, 8, 2}), Tensor(), typed(DType::kI32, {1}, {99})}, with("hidden_size", int64_t{2})});
  expect_refused(rows);
}

TEST(Refusals, AttributesOutOfRange) {
  const Tensor image = zeros({1, 4, 4, 4}), filter = zeros({1, 4, 3, 3});
  const std::vector<int64_t> huge{kHuge, kHuge};
  std::vector<Refusal> rows;
  for (const char* name : {"strides", "dilations"})
    for (const auto& values : {huge, std::vector<int64_t>{0, 1}, {-1, 1}, {1}}) rows.push_back({"Conv", {image, filter}, with(name, values)});
  rows.push_back({"Conv", {image, filter}, with("pads", std::vector<int64_t>(4, kHuge))});
  rows.push_back({"Conv", {image, filter}, with("group", int64_t{0})});
  rows.push_back({"ConvTranspose", {image, zeros({4, 1, 3, 3})}, with("strides", huge)});
  rows.push_back({"ConvTranspose", {image, zeros({4, 1, 3, 3})}, with("output_shape", huge)});
  for (const char* op : {"MaxPool", "AveragePool", "LpPool"})
    for (const auto& values : {huge, std::vector<int64_t>{0, 2}, {-1, 2}}) rows.push_back({op, {image}, with("kernel_shape", values)});
  for (const int64_t size : {kHuge, int64_t{0}, int64_t{-1}}) {
    rows.push_back({"DepthToSpace", {image}, with("blocksize", size)});
    rows.push_back({"SpaceToDepth", {image}, with("blocksize", size)});
    rows.push_back({"GroupNormalization", {image, zeros({4}), zeros({4})}, with("num_groups", size)});
    rows.push_back({"LSTM", {zeros({2, 1, 2}), zeros({1, 8, 2}), zeros({1, 8, 2})}, with("hidden_size", size)});
  }
  rows.push_back({"Cast", {image}, with("to", int64_t{77})});
  rows.push_back({"Transpose", {image}, with("perm", std::vector<int64_t>{0, 0, 1, 2})});
  rows.push_back({"Transpose", {image}, with("perm", std::vector<int64_t>{0, 1, 2, 9})});
  rows.push_back({"GridSample", {image, zeros({1, 2, 2, 2})}, with("mode", std::string("magic"))});
  rows.push_back({"Einsum", {zeros({2, 3}), zeros({3, 4})}, with("equation", std::string("ij,jk->il"))});
  rows.push_back({"QuantizeLinear", {zeros({2, 3}), zeros({2})}, with("axis", int64_t{5})});
  expect_refused(rows);
}

}  // namespace
}  // namespace sinter::testing
