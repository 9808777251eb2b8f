// Builder, engine and runtime together on a device: placement, transfers, staging, graphs, errors, lifetimes.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "cuda/environment.h"
#include "cuda/nets.h"

namespace sinter::testing {
namespace {

// NonZero has no CUDA tactic and a size that depends on data; Det has none either.
const char* const kMixedNet = R"ir(graph net(%x: f32[4,6,6]) -> (%y, %n) {
  %a = Tanh(%x)
  %d = Det(%a)
  %y = Exp(%d)
  %n = NonZero(%a)
}
)ir";

Result<builder::BuildReport> build_report(const ir::Graph& graph, builder::Fallback fallback) {
  builder::BuildOptions options;
  options.device = harness_device();
  options.fallback = fallback;
  SINTER_ASSIGN(const builder::BuildResult built, builder::build_plan(graph, options));
  return built.report;
}

TEST(Whole, results_equal_the_reference_run_after_run) {
  Loaded net = load_net(kDeviceNet);
  ASSERT_NE(net.context, nullptr);
  for (uint32_t round = 0; round < 4; ++round) {  // plain, captured, replayed twice
    const std::vector<Value> inputs{random_tensor({2, 3, 17, 19}, round)};
    const auto wanted = ir::evaluate(*net.graph, inputs);
    ASSERT_TRUE(wanted.ok());
    ASSERT_TRUE(net.context->set_input(0, inputs[0]).ok());
    const Status status = net.context->execute();
    ASSERT_TRUE(status.ok()) << status.to_string();
    expect_near({net.context->output(0)}, *wanted);
  }
  EXPECT_GT(net.context->device_bytes(), 0);
  EXPECT_GT(net.engine->device_weight_bytes(), 0);
}

TEST(Whole, host_steps_between_device_steps_where_the_fallback_allows_it) {
  auto graph = parse_net(kMixedNet);
  const auto refused = build_report(*graph, builder::Fallback::kError);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kUnsupported);
  EXPECT_NE(refused.status().message().find("Det"), std::string::npos) << refused.status().message();
  EXPECT_NE(refused.status().message().find("--fallback=cpu"), std::string::npos) << refused.status().message();
  for (const auto fallback : {builder::Fallback::kCpu, builder::Fallback::kReference}) {
    const auto report = build_report(*graph, fallback);
    ASSERT_TRUE(report.ok());
    EXPECT_GE(report->transfers, 2);
    EXPECT_GE(report->reference_layers, 1);
    Loaded net = load_net(kMixedNet, fallback);
    ASSERT_NE(net.context, nullptr);
    for (uint32_t round = 0; round < 3; ++round) {
      const std::vector<Value> inputs{random_tensor({4, 6, 6}, round)};
      const auto wanted = ir::evaluate(*net.graph, inputs);
      ASSERT_TRUE(wanted.ok());
      ASSERT_TRUE(net.context->set_input(0, inputs[0]).ok());
      const Status status = net.context->execute();
      ASSERT_TRUE(status.ok()) << status.to_string();
      expect_near({net.context->output(0), net.context->output(1)}, *wanted);
    }
  }
}

// Work in bodies is done on the device as in the main region; what they capture is read where it lies, in the order of one stream.
const char* const kBodiesNet = R"ir(graph net(%x: f32[3,8], %turns: i64[], %twice: bool[]) -> (%y, %all) {
  %a = Tanh(%x)
  %on = const bool[] {1}
  %y, %all = Loop(%turns, %on, %a)
    body body graph turn(%i: i64[], %go: bool[], %s: f32[3,8]) captures(%a, %x, %twice) -> (%next, %t, %u) {
    %e = Sigmoid(%a)
    %next = Identity(%go)
    %c = If(%twice)
      body then_branch graph yes() captures(%s, %e) -> (%r) {
      %q = Mul(%s, %e)
      %r = Mul(%q, %q)
      }
      body else_branch graph no() captures(%s, %x) -> (%r) {
      %r = Sub(%s, %x)
      }
    %t = Sin(%c)
    %u = Add(%t, %e)
    }
}
)ir";

TEST(Whole, bodies_run_on_the_device) {
  auto graph = parse_net(kBodiesNet);
  const auto report = build_report(*graph, builder::Fallback::kError);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_EQ(report->cpu_layers, 0);
  Loaded net = load_net(kBodiesNet);
  ASSERT_NE(net.context, nullptr);
  for (uint32_t round = 0; round < 4; ++round) {
    Tensor turns(DType::kI64, {}), twice(DType::kBool, {});
    *turns.data<int64_t>() = 1 + round;
    *static_cast<uint8_t*>(twice.raw()) = round % 2;
    const std::vector<Value> inputs{random_tensor({3, 8}, round), turns, twice};
    const auto wanted = ir::evaluate(*net.graph, inputs);
    ASSERT_TRUE(wanted.ok()) << wanted.status().to_string();
    const auto got = net.context->run(inputs);
    ASSERT_TRUE(got.ok()) << got.status().to_string();
    expect_near(*got, *wanted);
  }
  EXPECT_GT(net.context->device_bytes(), 0);
}

TEST(Whole, device_memory_of_the_caller_is_used_in_place) {
  Loaded net = load_net(kDeviceNet);
  ASSERT_NE(net.context, nullptr);
  Device& device = *harness_device();
  const DeviceScope scope(&device);
  const Tensor x = random_tensor({2, 3, 17, 19}, 5);
  auto in = DeviceBuffer::make(&device, x.bytes()), out = DeviceBuffer::make(&device, x.bytes());
  const DeviceStream stream = *device.make_stream();
  ASSERT_TRUE(device.copy(in->data(), x.raw(), x.bytes(), CopyKind::kHostToDevice, stream).ok());
  ASSERT_TRUE(net.context->set_input_device_data(0, DType::kF32, x.dims(), in->data()).ok());
  ASSERT_TRUE(net.context->set_output_device_data(0, out->data(), out->bytes()).ok());
  const auto wanted = ir::evaluate(*net.graph, std::vector<Value>{x});
  for (int round = 0; round < 3; ++round) {
    const Status status = net.context->enqueue(stream);
    ASSERT_TRUE(status.ok()) << status.to_string();
    Tensor y(DType::kF32, {2, 17, 19, 3});
    ASSERT_TRUE(device.copy(y.raw(), out->data(), y.bytes(), CopyKind::kDeviceToHost, stream).ok());
    ASSERT_TRUE(device.wait(stream).ok());
    expect_near({y}, *wanted);
  }
  EXPECT_EQ(net.context->output(0).tensor().raw(), out->data());
  // Host memory can't be put on a stream.
  ASSERT_TRUE(net.context->set_input(0, x).ok());
  const Status refused = net.context->enqueue(stream);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.message().find("'x'"), std::string::npos) << refused.message();
  ASSERT_TRUE(net.context->execute().ok());
  net.context.reset();
  device.release_stream(stream);
}

TEST(Whole, two_contexts_share_the_weights) {
  Loaded net = load_net(kDeviceNet);
  auto second = runtime::ExecutionContext::create(net.engine, {});
  ASSERT_TRUE(second.ok());
  const Tensor x = random_tensor({2, 3, 17, 19}, 1), y = random_tensor({2, 3, 17, 19}, 2);
  const auto of_x = ir::evaluate(*net.graph, std::vector<Value>{x}), of_y = ir::evaluate(*net.graph, std::vector<Value>{y});
  for (int round = 0; round < 3; ++round) {
    expect_near(*net.context->run(std::vector<Value>{x}), *of_x);
    expect_near(*(*second)->run(std::vector<Value>{y}), *of_y);
  }
}

TEST(Whole, profile_takes_the_device_times) {
  Loaded net = load_net(kDeviceNet, builder::Fallback::kError, {.profile = true});
  ASSERT_TRUE(net.context->run(std::vector<Value>{random_tensor({2, 3, 17, 19}, 1)}).ok());
  const auto times = net.context->profile();
  ASSERT_EQ(times.size(), 4u);
  for (const auto& time : times) EXPECT_EQ(time.runs, 1);
}

// Timed runs are made twice behind a filler, and give what other runs give; each layer says what it has to do.
TEST(Whole, profiled_runs_give_the_same_and_know_their_work) {
  Loaded net = load_net(kDeviceNet, builder::Fallback::kError, {.profile = true});
  const Tensor x = random_tensor({2, 3, 17, 19}, 5);
  const auto wanted = ir::evaluate(*net.graph, std::vector<Value>{x});
  for (int round = 0; round < 3; ++round) expect_near(*net.context->run(std::vector<Value>{x}), *wanted);
  double operations = 0;
  for (const auto& time : net.context->profile()) {
    EXPECT_EQ(time.runs, 3);
    EXPECT_GE(time.median_us, time.min_us);
    EXPECT_LE(time.min_us, time.total_us / 3 + 1e-3);
    EXPECT_GT(time.work.bytes, 0) << time.step;
    operations += time.work.dense_ops + time.work.other_ops;
  }
  EXPECT_GT(operations, 0);
  net.context->set_profile(false);
  expect_near(*net.context->run(std::vector<Value>{x}), *wanted);
}

class MockOnly : public ::testing::Test {
 protected:
  void SetUp() override {
    if (on_real_gpu()) GTEST_SKIP() << "needs the mock driver";
  }
  void TearDown() override {
    if (on_real_gpu()) return;
    fail_next("", 0, 0);
    limit_memory(size_t{4} << 30);
  }
};

TEST_F(MockOnly, the_second_run_is_captured_and_later_ones_are_replayed) {
  Loaded net = load_net(kDeviceNet);
  ASSERT_TRUE(net.context->set_input(0, random_tensor({2, 3, 17, 19}, 1)).ok());
  std::vector<MockCounts> seen{counts()};
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(net.context->execute().ok());
    seen.push_back(counts());
  }
  EXPECT_EQ(seen[1].captures, seen[0].captures);
  EXPECT_GT(seen[1].launches, seen[0].launches);
  EXPECT_EQ(seen[2].captures, seen[1].captures + 1);
  EXPECT_EQ(seen[2].graph_launches, seen[1].graph_launches);  // the graph is made beside the run
  for (int round = 0; round < 1000 && counts().graph_launches == seen[2].graph_launches; ++round) {
    ASSERT_TRUE(net.context->execute().ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  seen.push_back(counts());
  ASSERT_TRUE(net.context->execute().ok());
  seen.push_back(counts());
  EXPECT_EQ(seen[3].captures, seen[2].captures);
  EXPECT_EQ(seen[4].graph_launches, seen[3].graph_launches + 1);
  EXPECT_EQ(seen[4].launches, seen[3].launches);
  EXPECT_EQ(seen[4].allocations, seen[1].allocations);
  EXPECT_EQ(seen[4].waits - seen[3].waits, 1);
}

TEST_F(MockOnly, everything_is_given_back) {
  const MockCounts before = counts();
  {
    Loaded net = load_net(kDeviceNet);
    auto second = runtime::ExecutionContext::create(net.engine, {});
    const std::vector<Value> inputs{random_tensor({2, 3, 17, 19}, 1)};
    for (int round = 0; round < 3; ++round) ASSERT_TRUE((*second)->run(inputs).ok());
    net.engine.reset();
    net.context.reset();
    ASSERT_TRUE((*second)->run(inputs).ok());  // keeps the engine
  }
  const MockCounts after = counts();
  EXPECT_EQ(after.live_allocations, before.live_allocations);
  EXPECT_EQ(after.live_graphs, before.live_graphs);
  EXPECT_EQ(after.live_streams, before.live_streams);
  EXPECT_EQ(after.live_events, before.live_events);
  EXPECT_EQ(after.live_modules, before.live_modules);
  EXPECT_EQ(after.damaged, before.damaged);
}

TEST(Whole, every_device_step_carries_its_code) {
  Loaded net = load_net(kDeviceNet);
  for (const plan::Step& step : net.engine->plan().regions[0].steps) EXPECT_GE(step.code, 0) << step.name;
}

TEST_F(MockOnly, out_of_memory_names_sizes_and_leaves_the_rest_running) {
  Loaded net = load_net(kDeviceNet);
  const std::vector<Value> inputs{random_tensor({2, 3, 17, 19}, 1)};
  ASSERT_TRUE(net.context->run(inputs).ok());
  limit_memory(static_cast<size_t>(counts().live_bytes) + 64);
  auto second = runtime::ExecutionContext::create(net.engine, {});
  ASSERT_TRUE(second.ok());
  const auto failed = (*second)->run(inputs);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.status().code(), Code::kOutOfMemory);
  EXPECT_NE(failed.status().message().find("CUDA_ERROR_OUT_OF_MEMORY"), std::string::npos) << failed.status().message();
  EXPECT_NE(failed.status().message().find("bytes wanted"), std::string::npos) << failed.status().message();
  EXPECT_TRUE(net.context->run(inputs).ok());
  limit_memory(size_t{4} << 30);
  EXPECT_TRUE((*second)->run(inputs).ok());
}

TEST_F(MockOnly, failures_of_the_driver_name_call_error_and_step) {
  Loaded net = load_net(kDeviceNet);
  const std::vector<Value> inputs{random_tensor({2, 3, 17, 19}, 1)};
  fail_next("cuLaunchKernel", 1, 1);
  const auto launch = net.context->run(inputs);
  ASSERT_FALSE(launch.ok());
  const std::string text = launch.status().to_string();
  EXPECT_NE(text.find("cuLaunchKernel failed with CUDA_ERROR_INVALID_VALUE"), std::string::npos) << text;
  EXPECT_NE(text.find("while running step '"), std::string::npos) << text;
  EXPECT_TRUE(net.context->run(inputs).ok());
}

TEST_F(MockOnly, a_capture_that_fails_is_an_error_and_the_next_run_works) {
  Loaded net = load_net(kDeviceNet);
  const std::vector<Value> inputs{random_tensor({2, 3, 17, 19}, 1)};
  ASSERT_TRUE(net.context->set_input(0, inputs[0]).ok());
  ASSERT_TRUE(net.context->execute().ok());
  fail_next("cuStreamBeginCapture_v2", 0, 1);
  const Status failed = net.context->execute();
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.to_string().find("capturing"), std::string::npos) << failed.to_string();
  EXPECT_TRUE(net.context->execute().ok());
}

TEST_F(MockOnly, without_a_graph_runs_go_on_as_before) {
  Loaded net = load_net(kDeviceNet);
  const std::vector<Value> inputs{random_tensor({2, 3, 17, 19}, 1)};
  ASSERT_TRUE(net.context->set_input(0, inputs[0]).ok());
  const MockCounts before = counts();
  fail_next("cuGraphInstantiateWithFlags", 0, 2);
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(net.context->execute().ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(counts().graph_launches, before.graph_launches);
  EXPECT_EQ(counts().captures, before.captures + 1);  // it is not tried again and again
  expect_near({net.context->output(0)}, *ir::evaluate(*net.graph, inputs));
}

TEST_F(MockOnly, wrong_device_numbers_are_refused) {
  const auto device = find_device({DeviceKind::kCuda, 3});
  ASSERT_FALSE(device.ok());
  EXPECT_NE(device.status().message().find("'cuda:3': this machine has 1 CUDA device"), std::string::npos) << device.status().message();
  EXPECT_FALSE(parse_device("gpu").ok());
  EXPECT_FALSE(parse_device("cuda:").ok());
  EXPECT_FALSE(parse_device("cuda:x").ok());
  EXPECT_EQ(parse_device("cuda:12")->ordinal, 12);
}

}  // namespace
}  // namespace sinter::testing
