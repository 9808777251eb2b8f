// Implicit quantization: where it goes, what the passes make of it, and that results stay close to f32.
#include "quant/insert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "ir/text.h"
#include "passes/pass.h"
#include "quant/weights.h"

namespace sinter::quant {
namespace {

// Two branches that meet in a Concat, a pooling, a residual sum, a depthwise convolution, a mean and a product.
const char* const kNet = R"ir(graph net(%x: f32[2,3,8,8]) -> (%y) {
  %w1 = const f32[8,3,3,3] #w1
  %w2 = const f32[8,3,1,1] #w2
  %w3 = const f32[16,16,1,1] #w3
  %w4 = const f32[16,1,3,3] #w4
  %w5 = const f32[16,10] #w5
  %a = Conv(%x, %w1) [pads=[1,1,1,1]]
  %b = Conv(%x, %w2)
  %ra = Relu(%a)
  %rb = Relu(%b)
  %c = Concat(%ra, %rb) [axis=1]
  %p = MaxPool(%c) [kernel_shape=[2,2], strides=[2,2]]
  %d = Conv(%p, %w3)
  %s = Add(%d, %p)
  %e = Conv(%s, %w4) [pads=[1,1,1,1], group=16]
  %m = GlobalAveragePool(%e)
  %f = Flatten(%m)
  %y = MatMul(%f, %w5)
}
)ir";

std::unique_ptr<ir::Graph> make_net() {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  ir::BlobMap weights;
  const auto add = [&](const char* name, Dims dims) {
    Tensor filled(DType::kF32, dims);
    const float scale = 1 / std::sqrt(static_cast<float>(filled.count()) / static_cast<float>(dims[0]));
    for (int64_t i = 0; i < filled.count(); ++i) filled.data<float>()[i] = normal(random) * scale;
    weights.emplace(name, filled);
  };
  add("w1", {8, 3, 3, 3});
  add("w2", {8, 3, 1, 1});
  add("w3", {16, 16, 1, 1});
  add("w4", {16, 1, 3, 3});
  add("w5", {16, 10});
  auto graph = ir::parse(kNet, &weights);
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  EXPECT_TRUE(ir::infer_types(**graph).ok());
  EXPECT_TRUE(passes::run_pipeline(**graph, {}).ok());
  return std::move(*graph);
}

Tensor random_image() {
  Tensor x(DType::kF32, {2, 3, 8, 8});
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < x.count(); ++i) x.data<float>()[i] = normal(random);
  return x;
}

// The largest |x| of every value that nodes make, and of the input.
Calibration measure(const ir::Graph& net) {
  const auto graph = net.clone();
  graph->outputs.clear();
  for (const auto& [id, value] : graph->values()) {
    if (!value->is_constant() && value->type.dtype == DType::kF32) graph->outputs.push_back(value.get());
  }
  Calibration calibration;
  const auto results = ir::evaluate(*graph, std::vector<Value>{random_image()});
  EXPECT_TRUE(results.ok());
  for (size_t i = 0; results.ok() && i < results->size(); ++i) {
    const Tensor& tensor = (*results)[i].tensor();
    float& range = calibration.ranges[graph->outputs[i]->name];
    for (int64_t k = 0; k < tensor.count(); ++k) range = std::max(range, std::abs(tensor.data<float>()[k]));
  }
  return calibration;
}

int count(const ir::Graph& graph, std::string_view op, std::string_view domain = "") {
  int found = 0;
  for (const auto& node : graph.nodes()) found += node->is(op, domain);
  return found;
}

double relative_error(const Tensor& got, const Tensor& wanted) {
  double error = 0, norm = 0;
  for (int64_t i = 0; i < wanted.count(); ++i) {
    error += std::pow(got.data<float>()[i] - wanted.data<float>()[i], 2);
    norm += std::pow(wanted.data<float>()[i], 2);
  }
  return std::sqrt(error / norm);
}

TEST(Insert, EveryDenseLayerWorksOnWholeNumbersAndTheResultStaysClose) {
  const auto plain = make_net();
  auto graph = plain->clone();
  const auto report = insert_quantization(*graph, measure(*graph));
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_EQ(report->layers.size(), 5u);
  for (const LayerDecision& layer : report->layers) EXPECT_TRUE(layer.quantized) << layer.node << ": " << layer.reason;
  const auto passes = passes::run_pipeline(*graph, {});
  ASSERT_TRUE(passes.ok()) << passes.status().to_string();
  EXPECT_EQ(count(*graph, "QuantizedConv", "sinter"), 4) << ir::print(*graph);
  EXPECT_EQ(count(*graph, "QuantizedMatMul", "sinter"), 1);
  EXPECT_EQ(count(*graph, "Conv") + count(*graph, "MatMul") + count(*graph, "DequantizeLinear") + count(*graph, "QuantizeLinear"), 0);
  // Concat and MaxPool move bytes, without a sign behind Relu; the input's quantization and the mean's are the only programs of their own.
  for (const auto& node : graph->nodes()) {
    const bool moves = node->is("Concat") || node->is("MaxPool");
    EXPECT_TRUE(!moves || node->output()->type.dtype == DType::kU8) << ir::print(*graph);
  }
  EXPECT_LE(count(*graph, "Pointwise", "sinter"), 3) << ir::print(*graph);
  const std::vector<Value> inputs{random_image()};
  const auto wanted = ir::evaluate(*plain, inputs), got = ir::evaluate(*graph, inputs);
  ASSERT_TRUE(wanted.ok() && got.ok());
  EXPECT_LT(relative_error(got->front().tensor(), wanted->front().tensor()), 0.06);
}

TEST(Insert, WhatIsKeptOrHasNoRangeStaysInF32) {
  auto graph = make_net();
  Calibration calibration = measure(*graph);
  calibration.ranges.erase("x");
  calibration.ranges["nobody"] = 1;
  InsertOptions options;
  options.keep = {"y"};
  const auto report = insert_quantization(*graph, calibration, options);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_EQ(report->unused, std::vector<std::string>{"nobody"});
  int quantized = 0;
  for (const LayerDecision& layer : report->layers) quantized += layer.quantized;
  EXPECT_EQ(quantized, 2);
  ASSERT_TRUE(passes::run_pipeline(*graph, {}).ok());
  EXPECT_EQ(count(*graph, "Conv"), 2);
  EXPECT_EQ(count(*graph, "MatMul"), 1);
}

TEST(Weights, ScalesFollowTheChannelsAndZerosAreHarmless) {
  Tensor weights(DType::kF32, {3, 2});
  const float values[] = {1, -127, 0, 0, 1e-45f, -1e-45f};
  std::copy(std::begin(values), std::end(values), weights.data<float>());
  const QuantizedWeights rows = quantize_weights(weights, 0);
  EXPECT_EQ(rows.scales.data<float>()[0], 1);
  EXPECT_EQ(rows.scales.data<float>()[1], 1);
  EXPECT_EQ(rows.values.data<int8_t>()[0], 1);
  EXPECT_EQ(rows.values.data<int8_t>()[1], -127);
  EXPECT_EQ(rows.values.data<int8_t>()[4], 0);
}

// The bias makes up for what rounded weights do to the mean of each output, whichever way the weights lie.
TEST(Insert, BiasesOfProductsAreCorrected) {
  for (const bool transposed : {false, true}) {
    ir::BlobMap blobs;
    Tensor weights(DType::kF32, transposed ? Dims{3, 40} : Dims{40, 3});
    std::mt19937 random(11);
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < weights.count(); ++i) weights.data<float>()[i] = normal(random);
    blobs.emplace("w", weights);
    const auto graph = ir::parse(fmt::format(R"(graph n(%x: f32[1,40]) -> (%y) {{
      %w = const {} #w
      %b = const f32[3] {{1, 2, 3}}
      %y = Gemm(%x, %w, %b) [transB={}]
    }})", weights.type().to_string(), transposed ? 1 : 0), &blobs);
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    ASSERT_TRUE(ir::infer_types(**graph).ok());
    Calibration calibration;
    calibration.ranges = {{"x", 40.0f}};
    InsertOptions options;
    std::vector<double>& means = options.input_means["x"];
    for (int i = 0; i < 40; ++i) means.push_back(i);
    ASSERT_TRUE(insert_quantization(**graph, calibration, options).ok());
    const ir::Node* gemm = (*graph)->find_value("y")->producer;
    const QuantizedWeights whole = quantize_weights(weights, transposed ? 0 : 1);
    for (int64_t o = 0; o < 3; ++o) {
      double expected = static_cast<double>(o + 1);
      for (int64_t k = 0; k < 40; ++k) {
        const int64_t at = transposed ? o * 40 + k : k * 3 + o;
        expected -= (static_cast<double>(whole.values.data<int8_t>()[at]) * whole.scales.data<float>()[o] - weights.data<float>()[at]) * means[static_cast<size_t>(k)];
      }
      EXPECT_NEAR(gemm->input(2)->constant.data<float>()[o], expected, 1e-4) << o << (transposed ? " transposed" : "");
    }
  }
}

}  // namespace
}  // namespace sinter::quant
