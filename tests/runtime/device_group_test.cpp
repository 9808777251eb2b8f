// Groups of engines, here all on the processor: order of outputs, sizes beyond an engine's range, many callers,
// failures. tests/cuda/group_test.cpp has several GPUs of different speed, and faults.
#include "runtime/device_group.h"

#include <gtest/gtest.h>

#include <thread>

#include "support/plan_maker.h"

namespace sinter::runtime {
namespace {

using test::RegionMaker;

std::shared_ptr<const Engine> load(const engine::EngineContents& contents) {
  auto kept = std::make_shared<std::string>(engine::write_engine(contents).value());
  return Engine::from_memory(*kept, kept).value();
}

// y = relu(x) for f32[batch,4]; with `more` also the places that are not zero, whose number depends on data.
std::shared_ptr<const Engine> relu_engine(const std::string& batch, bool more = false, int64_t least = 1) {
  engine::EngineContents contents;
  RegionMaker main = test::add_region(contents, "main");
  if (batch == "batch") contents.plan.symbols.push_back({"batch", least, 4, 8});
  const std::string type = "f32[" + batch + ",4]";
  const int32_t x = main.input("x", type), y = main.arena("y", type);
  main.reference("Relu", {x}, {y});
  main.output(y);
  if (more) {
    const int32_t places = main.host("places", "i64[2,k]");
    main.reference("NonZero", {y}, {places});
    main.output(places);
  }
  return load(contents);
}

std::unique_ptr<DeviceGroup> group_of(const std::shared_ptr<const Engine>& engine, size_t engines,
                                      GroupOptions options = {}) {
  options.threads = 1;
  return DeviceGroup::make(std::vector<std::shared_ptr<const Engine>>(engines, engine), options).value();
}

Tensor ramp(int64_t rows, int64_t from) {
  Tensor tensor(DType::kF32, {rows, 4});
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.data<float>()[i] = static_cast<float>((from + i) % 1000 - 300);
  return tensor;
}

void expect_relu(const Result<std::vector<Value>>& outputs, const Tensor& x) {
  ASSERT_TRUE(outputs.ok()) << outputs.status().to_string();
  const Tensor& y = (*outputs)[0].tensor();
  ASSERT_EQ(y.dims(), x.dims());
  for (int64_t i = 0; i < x.count(); ++i) ASSERT_EQ(y.data<float>()[i], std::max(0.0f, x.data<float>()[i])) << i;
}

TEST(DeviceGroup, PutsDividedBatchesTogetherInOrder) {
  const auto group = group_of(relu_engine("batch"), 3);
  EXPECT_EQ(group->whole_because(), "");
  for (const int64_t rows : {1, 2, 3, 8, 9, 24, 25, 133}) {  // 8 is the most that the engine takes
    const Tensor x = ramp(rows, rows);
    expect_relu(group->submit({x})->wait(), x);
  }
  EXPECT_NE(group->json().find("\"splits\": true"), std::string::npos) << group->json();
  EXPECT_NE(group->json().find("\"retried\": 0"), std::string::npos) << group->json();
}

TEST(DeviceGroup, KeepsTheEnginesLeastBatch) {
  const auto group = group_of(relu_engine("batch", false, 3), 2);
  for (const int64_t rows : {3, 5, 6, 7, 40}) {
    const Tensor x = ramp(rows, rows);
    expect_relu(group->submit({x})->wait(), x);
  }
  const auto small = group->submit({ramp(2, 0)});
  EXPECT_EQ(small->wait().status().code(), Code::kInvalidArgument) << small->wait().status().to_string();
}

TEST(DeviceGroup, HandsWholeBatchesOut) {
  const auto fixed = group_of(relu_engine("5"), 2);
  EXPECT_EQ(fixed->whole_because(), "the inputs share no dynamic leading dim");
  const auto asked = group_of(relu_engine("batch"), 2, {.split = false});
  EXPECT_EQ(asked->whole_because(), "whole batches were asked for");
  const auto places = group_of(relu_engine("batch", true), 2);
  EXPECT_NE(places->whole_because().find("output 'places' is i64[2,k]"), std::string::npos) << places->whole_because();
  for (const auto* group : {&fixed, &asked, &places}) {
    std::vector<std::pair<Tensor, std::shared_ptr<Batch>>> batches;
    for (int i = 0; i < 20; ++i) {
      const Tensor x = ramp(5, 7 * i);
      batches.emplace_back(x, (*group)->submit({x}));
    }
    for (auto& [x, batch] : batches) expect_relu(batch->wait(), x);
  }
}

TEST(DeviceGroup, ServesManyCallers) {
  const auto group = group_of(relu_engine("batch"), 3);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < 25; ++round) {
        const Tensor a = ramp(1 + (caller + round) % 30, caller), b = ramp(2, round);
        const auto first = group->submit({a}), second = group->submit({b});
        expect_relu(second->wait(), b);
        expect_relu(first->wait(), a);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST(DeviceGroup, ABatchThatFailsLeavesTheOthersAlone) {
  const auto group = group_of(relu_engine("batch"), 2);
  const Tensor good = ramp(20, 0);
  const auto bad = group->submit({Tensor(DType::kI64, {20, 4})}), missing = group->submit({}),
             fine = group->submit({good});
  EXPECT_EQ(bad->wait().status().code(), Code::kInvalidArgument);
  EXPECT_FALSE(missing->wait().ok());
  expect_relu(fine->wait(), good);
}

TEST(DeviceGroup, WaitsForWhatWasSubmitted) {
  std::vector<std::pair<Tensor, std::shared_ptr<Batch>>> batches;
  {
    const auto group = group_of(relu_engine("batch"), 2);
    for (int i = 0; i < 30; ++i) {
      const Tensor x = ramp(20, i);
      batches.emplace_back(x, group->submit({x}));
    }
  }
  for (auto& [x, batch] : batches) expect_relu(batch->wait(), x);
}

TEST(DeviceGroup, RefusesWhatIsNoGroup) {
  const auto refused = [](std::vector<std::shared_ptr<const Engine>> engines, const GroupOptions& options,
                          const char* word) {
    const auto group = DeviceGroup::make(std::move(engines), options);
    ASSERT_FALSE(group.ok());
    EXPECT_EQ(group.status().code(), Code::kInvalidArgument);
    EXPECT_NE(group.status().message().find(word), std::string::npos) << group.status().message();
  };
  const auto engine = relu_engine("batch");
  refused({}, {}, "no engines");
  refused({engine}, {.contexts = 0}, "0 contexts");
  refused({engine, relu_engine("5")}, {}, "engines of one model");
}

}  // namespace
}  // namespace sinter::runtime
