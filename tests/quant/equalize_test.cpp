// Equalization: the function stays the same, channels come nearer to one another, and nothing is scaled that may not be.
#include "quant/equalize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "ir/text.h"
#include "quant/insert.h"

namespace sinter::quant {
namespace {

class EqualizeTest : public ::testing::Test {
 protected:
  // Weights are named by their dims in the text: "#w0", "#w1", … in the order given. Rows of very different sizes make channels of different sizes.
  void load(const std::string& text, const std::vector<Dims>& weights) {
    ir::BlobMap blobs;
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    for (size_t w = 0; w < weights.size(); ++w) {
      Tensor filled(DType::kF32, weights[w]);
      const int64_t rows = weights[w][0], each = filled.count() / rows;
      for (int64_t i = 0; i < filled.count(); ++i) filled.data<float>()[i] = normal(random) * std::pow(4.0f, static_cast<float>(i / each % 4) - 2);
      blobs.emplace(fmt::format("w{}", w), filled);
    }
    auto parsed = ir::parse(text, &blobs);
    ASSERT_TRUE(parsed.ok()) << parsed.status().to_string();
    graph = std::move(*parsed);
    ASSERT_TRUE(ir::infer_types(*graph).ok());
    for (const auto& [id, value] : graph->values()) value->onnx_names = {value->name};
    x = Tensor(DType::kF32, to_dims(*graph->inputs[0]->type.shape));
    for (int64_t i = 0; i < x.count(); ++i) x.data<float>()[i] = normal(random);
  }
  static Dims to_dims(const Shape& shape) {
    Dims dims;
    for (const Dim& dim : shape) dims.push_back(dim.value());
    return dims;
  }
  // Of every value, along `axis`.
  ChannelPeaks peaks(const ir::Graph& of, int axis) {
    ChannelPeaks found;
    EXPECT_TRUE(ir::evaluate(of, {Value(x)}, [&](const ir::Value& value, const Value& content) {
      const Tensor& tensor = content.tensor();
      if (tensor.dtype() != DType::kF32 || tensor.rank() <= axis) return;
      const int at = axis < 0 ? tensor.rank() - 1 : axis;
      std::vector<float>& channels = found[value.name];
      channels.resize(static_cast<size_t>(tensor.dim(at)));
      const int64_t inner = product(tensor.dims(), static_cast<size_t>(at) + 1);
      for (int64_t i = 0; i < tensor.count(); ++i) {
        float& peak = channels[static_cast<size_t>(i / inner % tensor.dim(at))];
        peak = std::max(peak, std::abs(tensor.data<float>()[i]));
      }
    }).ok());
    return found;
  }
  static double spread(const std::vector<float>& peaks) {
    const auto [least, most] = std::minmax_element(peaks.begin(), peaks.end());
    return *most / std::max(*least, 1e-9f);
  }
  // The equalized graph gives what the graph gave.
  EqualizeReport check(const ChannelPeaks& known, const EqualizeOptions& options = {}) {
    const auto before = ir::evaluate(*graph, {Value(x)}).value();
    const auto report = equalize(*graph, known, options);
    EXPECT_TRUE(report.ok()) << report.status().to_string();
    const auto after = ir::evaluate(*graph, {Value(x)}).value();
    for (size_t o = 0; o < before.size(); ++o) {
      const std::vector<double> a = before[o].tensor().to_f64(), b = after[o].tensor().to_f64();
      double largest = 0;
      for (double value : a) largest = std::max(largest, std::abs(value));
      for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 2e-5 * largest) << "output " << o << " at " << i;
    }
    return report.ok() ? *report : EqualizeReport();
  }
  std::unique_ptr<ir::Graph> graph;
  Tensor x;
};

TEST_F(EqualizeTest, DepthwiseConvolutionsGetTheWholeRangeOfEachChannel) {
  load(R"(graph n(%x: f32[2,3,6,6]) -> (%y) {
    %w0 = const f32[8,3,1,1] #w0
    %b0 = const f32[8] #w1
    %w1 = const f32[8,1,3,3] #w2
    %w2 = const f32[5,8,1,1] #w3
    %a = Conv(%x, %w0, %b0)
    %r = Relu(%a)
    %d = Conv(%r, %w1) [pads=[1,1,1,1], group=8]
    %p = MaxPool(%d) [kernel_shape=[2,2]]
    %y = Conv(%p, %w2)
  })", {{8, 3, 1, 1}, {8}, {8, 1, 3, 3}, {5, 8, 1, 1}});
  const ChannelPeaks before = peaks(*graph, 1);
  ASSERT_GT(spread(before.at("r")), 10);
  const EqualizeReport report = check(before);
  EXPECT_EQ(report.layers, 2);
  EXPECT_EQ(report.explicit_layers, 0);
  const ChannelPeaks after = peaks(*graph, 1);
  EXPECT_LT(spread(after.at("r")), std::max(1.01, spread(before.at("r")) / 31));  // channels may gain a factor of 32
  EXPECT_LT(spread(after.at("p")), spread(before.at("p")) / 2);
  EXPECT_EQ(graph->find_value("r")->onnx_names[0], "r@equalized");
  EXPECT_EQ(graph->find_value("y")->onnx_names[0], "y");
  EXPECT_EQ(graph->find_value("x")->onnx_names[0], "x");
}

TEST_F(EqualizeTest, SumsAndConcatenationsScaleTogether) {
  load(R"(graph n(%x: f32[1,3,6,6]) -> (%y, %z) {
    %w0 = const f32[4,3,1,1] #w0
    %w1 = const f32[4,3,3,3] #w1
    %w2 = const f32[4,3,1,1] #w2
    %w3 = const f32[6,8,1,1] #w3
    %w4 = const f32[6,4] #w4
    %c = const f32[1,4,1,1] {1, 2, 30, 5}
    %a = Conv(%x, %w0)
    %b = Conv(%x, %w1) [pads=[1,1,1,1]]
    %s = Add(%a, %b)
    %t = Add(%s, %c)
    %d = Conv(%x, %w2)
    %e = LeakyRelu(%d) [alpha=0.1]
    %k = Concat(%t, %e) [axis=1]
    %r = Relu(%k)
    %f = Conv(%r, %w3)
    %g = GlobalAveragePool(%f)
    %h = Flatten(%g)
    %y = MatMul(%h, %w4)
    %z = Sigmoid(%f)
  })", {{4, 3, 1, 1}, {4, 3, 3, 3}, {4, 3, 1, 1}, {6, 8, 1, 1}, {6, 4}});
  const ChannelPeaks known = peaks(*graph, 1);
  const EqualizeReport report = check(known);
  EXPECT_EQ(report.layers, 1);  // %f is read by a Sigmoid, so that what the product reads stays
  EXPECT_LT(spread(peaks(*graph, 1).at("r")), spread(known.at("r")) / 2);
}

TEST_F(EqualizeTest, AClipBoundsOnlyWhatReachesItsBound) {
  load(R"(graph n(%x: f32[1,3,8,8]) -> (%y) {
    %w0 = const f32[8,3,1,1] #w0
    %w1 = const f32[8,1,3,3] #w1
    %low = const f32[] {0}
    %high = const f32[] {6}
    %a = Conv(%x, %w0)
    %r = Clip(%a, %low, %high)
    %y = Conv(%r, %w1) [group=8]
  })", {{8, 3, 1, 1}, {8, 1, 3, 3}});
  const ChannelPeaks known = peaks(*graph, 1);
  EXPECT_EQ(*std::max_element(known.at("r").begin(), known.at("r").end()), 6.0f);
  const EqualizeReport report = check(known);
  EXPECT_EQ(report.layers, 1);
  const ChannelPeaks after = peaks(*graph, 1);
  EXPECT_LT(spread(after.at("r")), spread(known.at("r")));
  EXPECT_LE(*std::max_element(after.at("r").begin(), after.at("r").end()), 6.0f);
}

TEST_F(EqualizeTest, GainsOfNormalizationsAndProductsOfTheirOwn) {
  const char* const text = R"(graph n(%x: f32[2,5,8]) -> (%y, %n) {
    %g = const f32[8] #w0
    %b = const f32[8] #w1
    %w0 = const f32[8,12] #w2
    %w1 = const f32[12,4] #w3
    %n = LayerNormalization(%x, %g, %b) [axis=-1]
    %m = LayerNormalization(%n, %g, %b) [axis=-1]
    %h = MatMul(%m, %w0)
    %s = Gelu(%h)
    %k = MatMul(%n, %w0)
    %t = Add(%s, %k)
    %y = MatMul(%t, %w1)
  })";
  const std::vector<Dims> weights{{8}, {8}, {8, 12}, {12, 4}};
  load(text, weights);
  const EqualizeReport inner = check(peaks(*graph, -1));
  EXPECT_EQ(inner.layers, 1);  // of %m alone: %n is an output, %t comes from a Gelu
  load(text, weights);
  const EqualizeReport all = check(peaks(*graph, -1), {0.5, true});
  EXPECT_EQ(all.layers, 3);
  EXPECT_EQ(all.explicit_layers, 2);
  EXPECT_NE(graph->find_node("n_scaled"), nullptr);
}

TEST_F(EqualizeTest, LayersWhoseDataWasNotSeenStayAsTheyAre) {
  load(R"(graph n(%x: f32[1,3,6,6]) -> (%y) {
    %w0 = const f32[8,3,1,1] #w0
    %w1 = const f32[4,8,1,1] #w1
    %a = Conv(%x, %w0)
    %r = Relu(%a)
    %y = Conv(%r, %w1)
  })", {{8, 3, 1, 1}, {4, 8, 1, 1}});
  ChannelPeaks known = peaks(*graph, 1);
  known["r"].pop_back();
  EXPECT_EQ(check(known, {0.5, true}).layers, 0);
  known["r"].assign(8, 0.0f);
  EXPECT_EQ(check(known, {0.5, true}).layers, 0);
  known["r"].assign(8, INFINITY);
  EXPECT_EQ(check(known, {0.5, true}).layers, 0);
  EXPECT_EQ(check({}).layers, 0);
}

// Values that hardly go below zero have 255 steps, zero exactly among them.
TEST_F(EqualizeTest, LopsidedActivationsGetAZeroPoint) {
  load(R"(graph n(%x: f32[1,3,6,6]) -> (%y) {
    %w0 = const f32[8,3,1,1] #w0
    %w1 = const f32[4,8,1,1] #w1
    %a = Conv(%x, %w0)
    %s = Sigmoid(%a)
    %r = Mul(%a, %s)
    %y = Conv(%r, %w1)
  })", {{8, 3, 1, 1}, {4, 8, 1, 1}});
  Calibration calibration;
  calibration.ranges = {{"x", 1.0f}, {"r", 6.0f}};
  InsertOptions options;
  options.lows = {{"x", 0.0f}, {"r", -0.278f}};
  ASSERT_TRUE(insert_quantization(*graph, calibration, options).ok());
  const auto zero_of = [&](const char* name) -> const Tensor& { return graph->find_node(std::string(name) + "_quantize")->input(2)->constant; };
  const auto scale_of = [&](const char* name) { return *graph->find_node(std::string(name) + "_quantize")->input(1)->constant.data<float>(); };
  EXPECT_EQ(zero_of("x").dtype(), DType::kU8);
  EXPECT_EQ(*zero_of("x").data<uint8_t>(), 0);
  EXPECT_FLOAT_EQ(scale_of("x"), 1.0f / 255);
  const int zero = *zero_of("r").data<uint8_t>();
  EXPECT_EQ(zero, 12);  // ceil(255 · 0.278 / 6.278)
  EXPECT_GE(scale_of("r") * static_cast<float>(255 - zero), 6.0f - 1e-4f);
  EXPECT_GE(scale_of("r") * static_cast<float>(zero), 0.278f - 1e-5f);
}

}  // namespace
}  // namespace sinter::quant
