// Several GPUs: batches divided by their speed, whole ones handed out, and faults of one of them, on the mock (two
// devices, of which the second may be slower). Each in a child process, because faults last as long as the process.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/log.h"
#include "cuda/environment.h"
#include "cuda/nets.h"
#include "runtime/device_group.h"

namespace sinter::testing {
namespace {

const char* const kRowsNet = R"ir(graph net(%x: f32[n,3,8,8]) -> (%y) {
  %w = const f32[3,1,1] #w
  %a = Mul(%x, %w)
  %b = Transpose(%a) [perm=[0,2,3,1]]
  %y = Tanh(%b)
}
)ir";

struct Group {
  std::unique_ptr<ir::Graph> graph;
  std::unique_ptr<runtime::DeviceGroup> group;

  explicit Group(const std::vector<int>& gpus, const runtime::GroupOptions& options = {}) : graph(parse_net(kRowsNet)) {
    builder::BuildOptions build;
    build.symbols = {{"n", {"n", 1, 8, 64}}};
    const auto contents = build_contents(*graph, build);
    EXPECT_TRUE(contents.ok()) << contents.status().to_string();
    std::vector<std::shared_ptr<const runtime::Engine>> engines;
    for (const int gpu : gpus) {
      auto engine = runtime::Engine::from_contents(*contents, runtime::LoadOptions(engine::Verify::kTarget, gpu));
      EXPECT_TRUE(engine.ok()) << engine.status().to_string();
      engines.push_back(std::move(engine).value());
    }
    group = runtime::DeviceGroup::make(std::move(engines), options).value();
  }
  void expect_right(int64_t rows, uint32_t seed) const {
    const std::vector<Value> inputs{random_tensor({rows, 3, 8, 8}, seed)};
    const auto outputs = group->submit(inputs)->wait();
    ASSERT_TRUE(outputs.ok()) << outputs.status().to_string();
    expect_near(*outputs, *ir::evaluate(*graph, inputs));
  }
  nlohmann::json state() const { return nlohmann::json::parse(group->json()); }
};

std::vector<double> shares_of(const Group& gpus) {
  std::vector<double> shares;
  const auto state = gpus.state();
  for (const auto& device : state["devices"]) shares.push_back(device["share"]);
  return shares;
}

void expect_child(const std::string& test, const std::string& variables) {
  if (on_real_gpu()) GTEST_SKIP() << "the mock has several devices; docs/bench.md says how to try those of a machine";
  const Child child = run_child("GroupChild." + test, "ASAN_OPTIONS=detect_leaks=0 SINTER_MOCK_DEVICES=2 " + variables);
  EXPECT_EQ(child.code, 0) << child.text;
  EXPECT_NE(child.text.find("[  PASSED  ] 1 test"), std::string::npos) << child.text;
}
// Here and on a GPU: two engines of one GPU.
TEST(DeviceGroup, two_engines_on_one_gpu) {
  const Group gpus({0, 0});
  for (const int64_t rows : {1, 2, 9, 16, 16, 16, 16, 200}) gpus.expect_right(rows, static_cast<uint32_t>(rows));
}

#define IN_CHILD() \
  if (!is_child()) GTEST_SKIP() << "runs in children"

TEST(GroupChild, equal) {
  IN_CHILD();
  const Group gpus({0, 1});
  for (const int64_t rows : {1, 2, 9, 16, 16, 16, 16, 200}) gpus.expect_right(rows, static_cast<uint32_t>(rows));
  const auto state = gpus.state();
  for (const auto& device : state["devices"]) EXPECT_GT(device["rows"], 0);
}
TEST(DeviceGroup, divides_among_gpus) { expect_child("equal", ""); }

// The second GPU's kernels take three times as long: so a third of the first's rows, measured before the first batch,
// or kept up from batch to batch.
TEST(GroupChild, slower) {
  IN_CHILD();
  const Group gpus({0, 1}, {.contexts = 1});
  EXPECT_LT(shares_of(gpus)[1], 0.42);
  for (int round = 0; round < 12; ++round) gpus.expect_right(32, 1);
  const std::vector<double> shares = shares_of(gpus);
  EXPECT_LT(shares[1], 0.42);
  EXPECT_GT(shares[1], 0.05);
  EXPECT_LT(gpus.state()["devices"][1]["rows"], gpus.state()["devices"][0]["rows"]);
}
TEST(DeviceGroup, follows_their_speed) { expect_child("slower", "SINTER_MOCK_DELAY_US=10000,30000"); }

TEST(GroupChild, whole) {
  IN_CHILD();
  const Group gpus({0, 1}, {.contexts = 2, .split = false});
  std::vector<std::thread> callers;
  for (uint32_t caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&, caller] {
      for (uint32_t round = 0; round < 4; ++round) gpus.expect_right(4, 10 * caller + round);
    });
  }
  for (std::thread& caller : callers) caller.join();
  const auto devices = gpus.state()["devices"];
  EXPECT_GT(devices[1]["parts"], 0);
  EXPECT_GT(devices[0]["parts"], devices[1]["parts"]);  // which is free sooner
}
TEST(DeviceGroup, hands_whole_batches_to_whoever_is_free) { expect_child("whole", "SINTER_MOCK_DELAY_US=1000,20000"); }

// A fault on the second GPU: its part is run again by the first, and the group goes on without it.
TEST(GroupChild, fault) {
  IN_CHILD();
  std::vector<std::string> messages;
  set_log_sink([&](Severity severity, const std::string& message) {
    if (severity == Severity::kWarning) messages.push_back(message);
  });
  {
    const Group gpus({0, 1});
    gpus.expect_right(16, 1);
    fail_next("cuMemcpyHtoDAsync_v2@1", 0, 700);
    for (uint32_t round = 0; round < 6; ++round) gpus.expect_right(16, round);
    const auto state = gpus.state();
    EXPECT_EQ(state["devices"][0]["lost"], "");
    EXPECT_NE(state["devices"][1]["lost"].get<std::string>().find("CUDA_ERROR_ILLEGAL_ADDRESS"), std::string::npos)
        << state;
    EXPECT_EQ(state["devices"][1]["share"], 0);
    EXPECT_GE(state["retried"], 1);
    // A batch that is wrong costs nobody anything.
    EXPECT_FALSE(gpus.group->submit({Tensor(DType::kI64, {16, 3, 8, 8})})->wait().ok());
    gpus.expect_right(16, 9);
    // Without any GPU, batches under way and later ones fail, and say why.
    fail_next("cuMemcpyHtoDAsync_v2@0", 0, 700);
    const auto last = gpus.group->submit({random_tensor({16, 3, 8, 8}, 1)}),
               late = gpus.group->submit({random_tensor({16, 3, 8, 8}, 1)});
    for (const auto& batch : {last, late, gpus.group->submit({random_tensor({2, 3, 8, 8}, 1)})}) {
      ASSERT_FALSE(batch->wait().ok());
      EXPECT_NE(batch->wait().status().to_string().find("cuda:0"), std::string::npos)
          << batch->wait().status().to_string();
    }
  }
  set_log_sink({});
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_NE(messages[0].find("cuda:1 is left out from now on"), std::string::npos) << messages[0];
  EXPECT_NE(messages[1].find("cuda:0 was the last device"), std::string::npos) << messages[1];
}
TEST(DeviceGroup, goes_on_without_a_gpu_that_is_lost) { expect_child("fault", ""); }

// Many callers while a GPU is lost: nothing is lost with it.
TEST(GroupChild, fault_under_load) {
  IN_CHILD();
  const Group gpus({0, 1});
  std::vector<std::thread> callers;
  for (uint32_t caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      for (uint32_t round = 0; round < 8; ++round) gpus.expect_right(3 + 5 * (round % 3), 10 * caller + round);
    });
  }
  fail_next("cuMemcpyHtoDAsync_v2@1", 7, 719);
  for (std::thread& caller : callers) caller.join();
  EXPECT_NE(gpus.state()["devices"][1]["lost"], "");
}
TEST(DeviceGroup, loses_no_batch_under_load) { expect_child("fault_under_load", ""); }

TEST(GroupChild, devices) {
  IN_CHILD();
  const auto all = find_devices("cuda:all"), one = find_devices("cuda:1"), list = find_devices("cuda:1,0");
  ASSERT_TRUE(all.ok() && one.ok() && list.ok());
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[1], (*one)[0]);
  EXPECT_EQ((*list)[0], (*one)[0]);
  EXPECT_NE(find_devices("cuda:0,2").status().message().find("'cuda:2': this machine has 2 CUDA devices"),
            std::string::npos);
  EXPECT_NE(find_devices("cuda:1,1").status().message().find("cuda:1 is there twice"), std::string::npos);
}
TEST(DeviceGroup, names_of_devices) { expect_child("devices", ""); }

}  // namespace
}  // namespace sinter::testing
