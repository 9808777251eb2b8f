// What a model will take of a device's memory: the parts, the budget, the largest batch, and how near engines come to it.
#include "session/memory_estimate.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "base/files.h"
#include "session/run.h"
#include "support/model_builder.h"
#include "support/temporary.h"

namespace sinter::session {
namespace {

using test::attribute;
using test::ModelBuilder;

constexpr int64_t kMiB = 1 << 20;

// Three convolutions of 64 channels: 64·64·9 weights each after the first.
ModelBuilder network(const std::string& type) {
  ModelBuilder builder(17);
  builder.input("x", type).output("y", "f32[*]");
  std::string from = "x";
  for (int i = 0; i < 3; ++i) {
    const int64_t inputs = i == 0 ? 3 : 64;
    std::vector<float> weights(static_cast<size_t>(64 * inputs * 9));
    for (size_t k = 0; k < weights.size(); ++k) weights[k] = static_cast<float>(k % 17) / 100;
    const std::string w = "w" + std::to_string(i), c = "c" + std::to_string(i), r = i == 2 ? "y" : "r" + std::to_string(i);
    builder.constant(w, Tensor::from_f32(weights, {64, inputs, 3, 3}));
    builder.node("Conv", {from, w}, {c}, {attribute("pads", std::vector<int64_t>{1, 1, 1, 1})}).node("Relu", {c}, {r});
    from = r;
  }
  return builder;
}

Result<MemoryEstimate> estimate(const ModelBuilder& builder, const MemoryOptions& options, const std::string& shapes = "") {
  const sinter::testing::TemporaryFolder folder;
  EXPECT_TRUE(write_file(folder.path("m.onnx"), builder.bytes()).ok());
  BuildRequest request;
  request.model_path = folder.path("m.onnx");
  if (!shapes.empty()) request.shapes = std::move(parse_shapes(shapes)).value();
  return estimate_memory(request, options);
}

const MemoryRow& row(const MemoryEstimate& estimate, const std::string& precision, int64_t batch) {
  for (const MemoryRow& row : estimate.rows) {
    if (row.precision == precision && row.batch == batch) return row;
  }
  throw std::runtime_error("no such row");
}

TEST(MemoryEstimate, PartsAndPrecisions) {
  const auto made = estimate(network("f32[n,3,64,64]"), {});
  ASSERT_TRUE(made.ok()) << made.status().to_string();
  EXPECT_TRUE(made->any_batch);
  const MemoryRow one = row(*made, "fp32", 1), four = row(*made, "fp32", 4);
  const double weights = 4.0 * (64 * 27 + 2 * 64 * 64 * 9);
  EXPECT_GE(static_cast<double>(one.weights), weights);
  EXPECT_LE(static_cast<double>(one.weights), 1.2 * weights);
  EXPECT_EQ(four.weights, one.weights) << "weights do not grow with the batch";
  // Two values of 64·64·64 floats live at once: what a convolution reads and what it writes; the last writes the output.
  EXPECT_EQ(one.activations, 2 * 64 * 64 * 64 * 4);
  EXPECT_EQ(four.activations, 4 * one.activations);
  EXPECT_EQ(one.io, (3 + 64) * 64 * 64 * 4);
  EXPECT_EQ(row(*made, "fp16", 1).activations, one.activations / 2);
  EXPECT_LT(row(*made, "int8", 1).total(), row(*made, "fp16", 1).total());
  EXPECT_EQ(made->budget, (8192 - 800 - 200 - 100) * kMiB);
}

TEST(MemoryEstimate, TheLargestBatchIsTheLastThatFits) {
  MemoryOptions options;
  options.device = "64MiB";
  const auto made = estimate(network("f32[n,3,64,64]"), options);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->budget, 64 * kMiB);
  for (const auto& [precision, batch] : made->largest) {
    ASSERT_GT(batch, 1) << precision;
    options.batches = {batch, batch + 1};
    const auto around = estimate(network("f32[n,3,64,64]"), options);
    EXPECT_LE(row(*around, precision, batch).total(), around->budget) << precision;
    EXPECT_GT(row(*around, precision, batch + 1).total(), around->budget) << precision;
  }
  options.device = "1MiB";
  options.batches = {};
  EXPECT_EQ(estimate(network("f32[n,3,64,64]"), options)->largest[0].batch, 0);
}

TEST(MemoryEstimate, ABatchOfOneMayBecomeAny) {
  EXPECT_TRUE(estimate(network("f32[1,3,32,32]"), {})->any_batch);
  // A sum over the samples mixes them.
  ModelBuilder mixing(17);
  mixing.input("x", "f32[1,8]").output("y", "f32[*]").node("ReduceSum", {"x"}, {"y"}, {attribute("keepdims", 0)});
  const auto fixed = estimate(mixing, {});
  ASSERT_TRUE(fixed.ok()) << fixed.status().to_string();
  EXPECT_FALSE(fixed->any_batch);
  EXPECT_NE(fixed->fixed_why, "");
  EXPECT_EQ(fixed->rows.size(), 3u);
}

TEST(MemoryEstimate, DynamicSidesNeedSizes) {
  EXPECT_NE(estimate(network("f32[n,3,h,w]"), {}).status().message().find("'h'"), std::string::npos);
  const auto made = estimate(network("f32[n,3,h,w]"), {}, "x:2x3x64x64");
  ASSERT_TRUE(made.ok()) << made.status().to_string();
  EXPECT_EQ(row(*made, "fp32", 2).io, 2 * (3 + 64) * 64 * 64 * 4);
}

TEST(MemoryEstimate, DevicesAndDesktops) {
  MemoryOptions options;
  options.device = "orin-nano-4gb";
  options.desktop = true;
  EXPECT_EQ(estimate(network("f32[1,3,8,8]"), options)->budget, (4096 - 800 - 800 - 200 - 100) * kMiB);
  options.device = "orin";
  EXPECT_NE(estimate(network("f32[1,3,8,8]"), options).status().message().find("orin-nano-8gb"), std::string::npos);
}

}  // namespace
}  // namespace sinter::session
