// Plugins of TensorRT, against plain definitions in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "ops/op_harness.h"

namespace sinter::testing {
namespace {

OpRow plugin(const char* name) { return OpRow(name, "TRT"); }

OpRow efficient(int64_t most, double iou = 0.5, double score = 0.3) {
  return plugin("EfficientNMS_TRT").attr("max_output_boxes", most).attr("iou_threshold", static_cast<float>(iou)).attr("score_threshold", static_cast<float>(score)).attr("background_class", int64_t{-1}).attr("score_activation", int64_t{0}).attr("class_agnostic", int64_t{0}).attr("box_coding", int64_t{0}).outputs(4);
}

// Three boxes: the second overlaps the first by 1/3, the third by nothing.
const std::vector<double> kBoxes{0, 0, 2, 2, 0, 1, 2, 3, 5, 5, 6, 6};

TEST(EfficientNms, KeepsTheBestOfEachClass) {
  const Tensor boxes = f32({1, 3, 4}, kBoxes), scores = f32({1, 3, 2}, {0.9, 0.1, 0.8, 0.7, 0.2, 0.3});
  const auto counts = [](int32_t n) { return typed(DType::kI32, {1, 1}, {static_cast<double>(n)}); };
  const auto labels = [](std::vector<double> of) { return typed(DType::kI32, {1, 4}, of); };
  // iou_threshold is reached: dropped. score_threshold is reached: kept (as f32 both are 0.3).
  efficient(4, 1.0 / 3).input(boxes).input(scores).expect_all({counts(3), f32({1, 4, 4}, {0, 0, 2, 2, 0, 1, 2, 3, 5, 5, 6, 6, 0, 0, 0, 0}), f32({1, 4}, {0.9, 0.7, 0.3, 0}), labels({0, 1, 1, 0})});
  efficient(4, 0.34).input(boxes).input(scores).expect_all({counts(4), f32({1, 4, 4}, {0, 0, 2, 2, 0, 1, 2, 3, 0, 1, 2, 3, 5, 5, 6, 6}), f32({1, 4}, {0.9, 0.8, 0.7, 0.3}), labels({0, 0, 1, 1})});
  efficient(4, 0.3).attr("class_agnostic", int64_t{1}).input(boxes).input(scores).expect_all({counts(2), f32({1, 4, 4}, {0, 0, 2, 2, 5, 5, 6, 6, 0, 0, 0, 0, 0, 0, 0, 0}), f32({1, 4}, {0.9, 0.3, 0, 0}), labels({0, 1, 0, 0})});
  efficient(1).attr("background_class", int64_t{0}).input(boxes).input(scores).expect_all({counts(1), f32({1, 1, 4}, {0, 1, 2, 3}), f32({1, 1}, {0.7}), typed(DType::kI32, {1, 1}, {1})});
  // NaN is no score; none is left.
  efficient(1).input(boxes).input(f32({1, 3, 2}, std::vector<double>(6, std::nan("")))).expect_all({counts(0), f32({1, 1, 4}, {0, 0, 0, 0}), f32({1, 1}, {0}), typed(DType::kI32, {1, 1}, {0})});
  efficient(2).input(f32({1, 0, 4}, {})).input(f32({1, 0, 2}, {})).run();
  efficient(-1).input(boxes).input(scores).expect_infer_error("max_output_boxes");
  efficient(1).input(boxes).input(f32({1, 2, 2}, {1, 1, 1, 1})).expect_error("[B,N,C]");
}

TEST(EfficientNms, CentresAnchorsAndSigmoid) {
  const auto one = [](double score) { return f32({1, 1, 1}, {score}); };
  const auto result = [](std::vector<double> box, double score) { return std::vector<Tensor>{typed(DType::kI32, {1, 1}, {1}), f32({1, 1, 4}, box), f32({1, 1}, {score}), typed(DType::kI32, {1, 1}, {0})}; };
  efficient(1).attr("box_coding", int64_t{1}).attr("score_activation", int64_t{1}).input(f32({1, 1, 4}, {5, 6, 2, 4})).input(one(0)).expect_all(result({4, 4, 6, 8}, 0.5), 1e-6);
  efficient(1).attr("box_coding", int64_t{1}).input(f32({1, 1, 4}, {1, 0, 0, std::log(2.0)})).input(one(1)).input(f32({1, 1, 4}, {5, 6, 2, 4})).expect_all(result({6, 2, 8, 10}, 1), 1e-6);
  efficient(1).input(f32({1, 1, 4}, {1, 1, 1, 2})).input(one(1)).input(f32({1, 1, 4}, {5, 6, 7, 8})).expect_all(result({6, 7, 8, 10}, 1));
  // sigmoid(-0.85) = 0.2994… is below the threshold of 0.3.
  efficient(1).attr("score_activation", int64_t{1}).input(f32({1, 1, 4}, {0, 0, 1, 1})).input(one(-0.85)).expect_all({typed(DType::kI32, {1, 1}, {0}), f32({1, 1, 4}, {0, 0, 0, 0}), f32({1, 1}, {0}), typed(DType::kI32, {1, 1}, {0})});
}

TEST(EfficientNms, Indices) {
  const auto row = [](int64_t most) { return plugin("EfficientNMS_ONNX_TRT").attr("max_output_boxes_per_class", most).attr("iou_threshold", 0.3f).attr("score_threshold", 0.25f).attr("center_point_box", int64_t{0}); };
  const Tensor boxes = f32({1, 3, 4}, kBoxes), scores = f32({1, 3, 1}, {0.5, 0.9, 0.3});
  row(3).input(boxes).input(scores).expect(typed(DType::kI32, {3, 3}, {0, 0, 1, 0, 0, 2, 0, 0, 2}));
  row(1).input(boxes).input(scores).expect(typed(DType::kI32, {1, 3}, {0, 0, 1}));
  row(2).input(boxes).input(f32({1, 3, 1}, {0, 0, 0})).expect(typed(DType::kI32, {2, 3}, {-1, -1, -1, -1, -1, -1}));
}

OpRow batched(const char* name, int64_t top, int64_t keep) {
  return plugin(name).attr("backgroundLabelId", int64_t{-1}).attr("caffeSemantics", int64_t{1}).attr("clipBoxes", int64_t{0}).attr("iouThreshold", 0.3f).attr("isNormalized", int64_t{1}).attr("keepTopK", keep).attr("scoreThreshold", 0.25f).attr("shareLocation", int64_t{1}).attr("topK", top).outputs(4);
}

TEST(BatchedNms, SuppressesAClassThenSortsAll) {
  const Tensor boxes = f32({1, 3, 1, 4}, kBoxes), scores = f32({1, 3, 2}, {0.9, 0.1, 0.8, 0.7, 0.25, 0.95});
  for (const char* name : {"BatchedNMS_TRT", "BatchedNMSDynamic_TRT"}) {
    batched(name, 3, 4).input(boxes).input(scores).expect_all({typed(DType::kI32, {1, 1}, {3}), f32({1, 4, 4}, {5, 5, 6, 6, 0, 0, 2, 2, 0, 1, 2, 3, 0, 0, 0, 0}), f32({1, 4}, {0.95, 0.9, 0.7, 0}), f32({1, 4}, {1, 0, 1, -1})});
    batched(name, 1, 2).attr("clipBoxes", int64_t{1}).input(boxes).input(scores).expect_all({typed(DType::kI32, {1, 1}, {2}), f32({1, 2, 4}, {1, 1, 1, 1, 0, 0, 1, 1}), f32({1, 2}, {0.95, 0.9}), f32({1, 2}, {1, 0})});
  }
  batched("BatchedNMS_TRT", 1, 2).attr("shareLocation", int64_t{0}).input(boxes).input(scores).expect_error("[B,N,2,4]");
  // In pixels the overlap is 6/12.
  batched("BatchedNMS_TRT", 3, 1).attr("isNormalized", int64_t{0}).attr("iouThreshold", 0.49f).attr("backgroundLabelId", int64_t{1}).input(boxes).input(scores).expect_all({typed(DType::kI32, {1, 1}, {1}), f32({1, 1, 4}, {0, 0, 2, 2}), f32({1, 1}, {0.9}), f32({1, 1}, {0})});
}

// The definition of EfficientNMS again, by marking what is worse than each box that stays.
TEST(EfficientNms, AgainstThePlainDefinition) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> place(0, 8), size(0.5, 3), chance(0, 1);
  constexpr int64_t kCount = 60, kClasses = 3;
  std::vector<double> boxes, scores;
  for (int64_t i = 0; i < kCount; ++i) {
    const double y = place(random), x = place(random);
    for (const double n : {y, x, y + size(random), x + size(random)}) boxes.push_back(static_cast<float>(n));
    for (int64_t c = 0; c < kClasses; ++c) scores.push_back(static_cast<float>(chance(random)));
  }
  std::vector<std::pair<double, int64_t>> order;
  for (int64_t i = 0; i < kCount * kClasses; ++i)
    if (scores[static_cast<size_t>(i)] >= static_cast<double>(0.3f)) order.emplace_back(-scores[static_cast<size_t>(i)], i);
  std::sort(order.begin(), order.end());
  const auto area = [](const double* b) { return (b[2] - b[0]) * (b[3] - b[1]); };
  std::vector<double> kept_scores, kept_labels;
  std::vector<int64_t> kept;
  for (const auto& [negative, i] : order) {
    const double* a = &boxes[static_cast<size_t>(i / kClasses * 4)];
    const bool fresh = std::none_of(kept.begin(), kept.end(), [&](int64_t j) {
      const double* b = &boxes[static_cast<size_t>(j / kClasses * 4)];
      const double both = std::max(0.0, std::min(a[2], b[2]) - std::max(a[0], b[0])) * std::max(0.0, std::min(a[3], b[3]) - std::max(a[1], b[1]));
      return i % kClasses == j % kClasses && both / (area(a) + area(b) - both) >= static_cast<double>(0.4f);
    });
    if (!fresh) continue;
    kept.push_back(i);
    kept_scores.push_back(-negative);
    kept_labels.push_back(static_cast<double>(i % kClasses));
  }
  const auto most = static_cast<int64_t>(kept.size());
  const std::vector<Tensor> got = efficient(most, 0.4).input(f32({1, kCount, 4}, boxes)).input(f32({1, kCount, kClasses}, scores)).run();
  ASSERT_EQ(got.size(), 4u);
  EXPECT_EQ(got[0].to_i64()[0], most);
  EXPECT_EQ(got[2].to_f64(), kept_scores);
  EXPECT_EQ(got[3].to_f64(), kept_labels);
}

// Weight of pixel (i, j) for a place (y, x): a tent around it.
TEST(MultiscaleDeformableAttention, AgainstThePlainDefinition) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> any(-1, 1), place(-0.2, 1.2);
  constexpr int64_t kBatch = 2, kHeads = 2, kDepth = 3, kQueries = 4, kLevels = 2, kPoints = 3, kPlaces = 3 * 4 + 1 * 2;
  const std::array<std::array<int64_t, 3>, 2> levels{{{3, 4, 0}, {1, 2, 12}}};
  const auto fill = [&](int64_t count, auto& of) {
    std::vector<double> values;
    for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(of(random)));
    return values;
  };
  const std::vector<double> value = fill(kBatch * kPlaces * kHeads * kDepth, any), places = fill(kBatch * kQueries * kHeads * kLevels * kPoints * 2, place),
                            weights = fill(kBatch * kQueries * kHeads * kLevels * kPoints, any);
  std::vector<double> wanted(static_cast<size_t>(kBatch * kQueries * kHeads * kDepth), 0);
  for (size_t sample = 0; sample < weights.size(); ++sample) {
    const auto s = static_cast<int64_t>(sample);
    const auto& [height, width, start] = levels[static_cast<size_t>(s / kPoints % kLevels)];
    const int64_t line = s / (kPoints * kLevels), head = line % kHeads, image = line / (kHeads * kQueries);
    const double x = places[sample * 2] * static_cast<double>(width) - 0.5, y = places[sample * 2 + 1] * static_cast<double>(height) - 0.5;
    for (int64_t p = 0; p < height * width; ++p) {
      const double tent = std::max(0.0, 1 - std::fabs(y - static_cast<double>(p / width))) * std::max(0.0, 1 - std::fabs(x - static_cast<double>(p % width)));
      for (int64_t d = 0; d < kDepth; ++d)
        wanted[static_cast<size_t>(line * kDepth + d)] += weights[sample] * tent * value[static_cast<size_t>(((image * kPlaces + start + p) * kHeads + head) * kDepth + d)];
    }
  }
  const auto row = [&](std::vector<double> sizes) {
    return plugin("MultiscaleDeformableAttnPlugin_TRT").input(f32({kBatch, kPlaces, kHeads, kDepth}, value)).input(typed(DType::kI32, {kLevels, 2}, sizes)).input(typed(DType::kI32, {kLevels}, {0, 12})).input(f32({kBatch, kQueries, kHeads, kLevels, kPoints, 2}, places)).input(f32({kBatch, kQueries, kHeads, kLevels, kPoints}, weights));
  };
  row({3, 4, 1, 2}).expect(f32({kBatch, kQueries, kHeads, kDepth}, wanted), 1e-6);
  row({3, 5, 1, 2}).expect_error("level 0");
  row({3, 4, 1 << 30, 1 << 30}).expect_error("level 1");
  row({3, 4, -1, 2}).expect_error("level 1");
}

}  // namespace
}  // namespace sinter::testing
