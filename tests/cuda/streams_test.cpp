// Several contexts at once: threads, streams, shared scratch, pinned memory, outputs that stay on the device.
#include <gtest/gtest.h>

#include <thread>

#include "cuda/environment.h"
#include "cuda/nets.h"

namespace sinter::testing {
namespace {

const Dims kShape{2, 3, 17, 19};

// Three values alive at once, so that there is an arena; all on the device.
const char* const kArenaNet = R"ir(graph net(%x: f32[2,3,17,19]) -> (%y) {
  %a = Transpose(%x) [perm=[0,2,3,1]]
  %b = Transpose(%a) [perm=[0,3,1,2]]
  %c = Softmax(%b) [axis=1]
  %d = Transpose(%c) [perm=[0,2,3,1]]
  %y = Transpose(%d) [perm=[1,0,2,3]]
}
)ir";

TEST(Streams, contexts_on_threads_do_not_disturb_each_other) {
  Loaded net = load_net(kDeviceNet);
  constexpr int kThreads = 4, kRounds = 8;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const auto context = runtime::ExecutionContext::create(net.engine, {});
      ASSERT_TRUE(context.ok());
      for (int round = 0; round < kRounds; ++round) {
        const std::vector<Value> inputs{random_tensor(kShape, static_cast<uint32_t>(100 * t + round))};
        ASSERT_TRUE((*context)->set_input(0, inputs[0]).ok());
        const Status status = (*context)->execute();
        ASSERT_TRUE(status.ok()) << status.to_string();
        expect_near({(*context)->output(0)}, *ir::evaluate(*net.graph, inputs));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Each context puts runs on a stream of the caller; only the streams are waited for.
TEST(Streams, runs_on_many_streams_of_the_caller) {
  Loaded net = load_net(kDeviceNet);
  Device& device = *harness_device();
  const DeviceScope scope(&device);
  constexpr int kStreams = 3;
  struct Lane {
    DeviceStream stream;
    std::unique_ptr<runtime::ExecutionContext> context;
    Tensor x;
    DeviceBuffer in, out;
  };
  std::vector<Lane> lanes(kStreams);
  for (int s = 0; s < kStreams; ++s) {
    Lane& lane = lanes[static_cast<size_t>(s)];
    lane.stream = *device.make_stream();
    lane.context = std::move(runtime::ExecutionContext::create(net.engine, {})).value();
    lane.x = random_tensor(kShape, static_cast<uint32_t>(s));
    lane.in = *DeviceBuffer::make(&device, lane.x.bytes());
    lane.out = *DeviceBuffer::make(&device, lane.x.bytes());
    ASSERT_TRUE(lane.context->set_input_device_data(0, DType::kF32, kShape, lane.in.data()).ok());
    ASSERT_TRUE(lane.context->set_output_device_data(0, lane.out.data(), lane.out.bytes()).ok());
  }
  for (int round = 0; round < 3; ++round) {
    for (Lane& lane : lanes) {
      ASSERT_TRUE(device.copy(lane.in.data(), lane.x.raw(), lane.x.bytes(), CopyKind::kHostToDevice, lane.stream).ok());
      const Status status = lane.context->enqueue(lane.stream);
      ASSERT_TRUE(status.ok()) << status.to_string();
    }
    for (Lane& lane : lanes) {
      Tensor y(DType::kF32, {2, 17, 19, 3});
      ASSERT_TRUE(device.copy(y.raw(), lane.out.data(), y.bytes(), CopyKind::kDeviceToHost, lane.stream).ok());
      ASSERT_TRUE(device.wait(lane.stream).ok());
      expect_near({y}, *ir::evaluate(*net.graph, std::vector<Value>{lane.x}));
    }
  }
  for (Lane& lane : lanes) {
    lane.context.reset();
    device.release_stream(lane.stream);
  }
}

TEST(Streams, contexts_share_one_arena_in_turn) {
  Loaded net = load_net(kArenaNet);
  const auto wanted_bytes = runtime::device_arena_bytes(*net.engine);
  ASSERT_TRUE(wanted_bytes.ok()) << wanted_bytes.status().to_string();
  ASSERT_GT(*wanted_bytes, 0);
  const auto arena = runtime::SharedArena::make(harness_device());
  ASSERT_TRUE(arena.ok());
  runtime::ContextOptions options;
  options.arena = *arena;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      const auto context = runtime::ExecutionContext::create(net.engine, options);
      ASSERT_TRUE(context.ok());
      for (int round = 0; round < 6; ++round) {
        const std::vector<Value> inputs{random_tensor(kShape, static_cast<uint32_t>(100 * t + round))};
        ASSERT_TRUE((*context)->set_input(0, inputs[0]).ok());
        const Status status = (*context)->execute();
        ASSERT_TRUE(status.ok()) << status.to_string();
        expect_near({(*context)->output(0)}, *ir::evaluate(*net.graph, inputs));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ((*arena)->bytes(), *wanted_bytes);  // what was said before there was a context, once for all
}

TEST(Streams, an_arena_in_memory_of_the_caller) {
  Loaded net = load_net(kArenaNet);
  const int64_t bytes = *runtime::device_arena_bytes(*net.engine);
  const DeviceScope scope(harness_device());
  auto memory = DeviceBuffer::make(harness_device(), bytes);
  const std::vector<Value> inputs{random_tensor(kShape, 7)};
  for (const int64_t given : {bytes, bytes - kDeviceAlignment}) {
    runtime::ContextOptions options;
    options.arena = *runtime::SharedArena::in(harness_device(), memory->data(), given);
    const auto context = runtime::ExecutionContext::create(net.engine, options);
    ASSERT_TRUE(context.ok());
    const auto results = (*context)->run(inputs);
    ASSERT_EQ(results.ok(), given == bytes) << results.status().to_string();
    if (results.ok()) {
      expect_near(*results, *ir::evaluate(*net.graph, inputs));
    } else {
      EXPECT_EQ(results.status().code(), Code::kOutOfMemory);
      EXPECT_NE(results.status().message().find(std::to_string(bytes)), std::string::npos) << results.status().message();
    }
  }
  EXPECT_FALSE(runtime::SharedArena::in(harness_device(), memory->data() + 16, 64).ok());
  EXPECT_FALSE(runtime::SharedArena::in(harness_device(), nullptr, 64).ok());
  runtime::ContextOptions wrong;
  wrong.arena = *runtime::SharedArena::make(*find_device({DeviceKind::kCpu, 0}));
  EXPECT_FALSE(runtime::ExecutionContext::create(net.engine, wrong).ok());
}

TEST(Streams, pinned_memory_of_the_caller_needs_no_staging) {
  Loaded net = load_net(kDeviceNet);
  Device& device = *harness_device();
  const DeviceScope scope(&device);
  const Tensor x = random_tensor(kShape, 9);
  auto* const in = static_cast<uint8_t*>(*device.allocate_host(x.bytes()));
  auto* const out = static_cast<uint8_t*>(*device.allocate_host(x.bytes()));
  ASSERT_TRUE(net.context->set_input_data(0, DType::kF32, kShape, in).ok());
  ASSERT_TRUE(net.context->set_output_data(0, out, x.bytes()).ok());
  for (uint32_t round = 0; round < 4; ++round) {
    const Tensor value = random_tensor(kShape, round);
    std::memcpy(in, value.raw(), static_cast<size_t>(value.bytes()));
    ASSERT_TRUE(net.context->execute().ok());
    expect_near({Tensor::view(DType::kF32, {2, 17, 19, 3}, out)}, *ir::evaluate(*net.graph, std::vector<Value>{value}));
  }
  EXPECT_EQ(net.context->output(0).tensor().raw(), out);
  net.context.reset();
  device.release_host(in);
  device.release_host(out);
}

TEST(Streams, outputs_that_stay_on_the_device_live_as_long_as_they_are_held) {
  Loaded net = load_net(kDeviceNet);
  Device& device = *harness_device();
  const DeviceScope scope(&device);
  ASSERT_TRUE(net.context->keep_output_on_device(0, true).ok());
  std::vector<std::shared_ptr<const DeviceBuffer>> held;
  std::vector<Tensor> inputs;
  for (uint32_t round = 0; round < 12; ++round) {
    inputs.push_back(random_tensor(kShape, round));
    ASSERT_TRUE(net.context->set_input(0, inputs.back()).ok());
    const Status status = net.context->execute();
    ASSERT_TRUE(status.ok()) << status.to_string();
    auto shared = net.context->share_output(0);
    ASSERT_NE(shared, nullptr);
    EXPECT_EQ(net.context->output(0).tensor().raw(), shared->data());
    held.push_back(std::move(shared));
  }
  net.context.reset();
  net.engine.reset();
  const DeviceStream stream = *device.make_stream();
  for (size_t i = 0; i < held.size(); ++i) {
    Tensor y(DType::kF32, {2, 17, 19, 3});
    ASSERT_TRUE(device.copy(y.raw(), held[i]->data(), y.bytes(), CopyKind::kDeviceToHost, stream).ok());
    ASSERT_TRUE(device.wait(stream).ok());
    expect_near({y}, *ir::evaluate(*net.graph, std::vector<Value>{inputs[i]}));
  }
  device.release_stream(stream);
}

// Without a holder the memory is used again, so that a graph of the run stays good.
TEST(Streams, outputs_on_the_device_that_nobody_holds_are_reused) {
  Loaded net = load_net(kDeviceNet);
  ASSERT_TRUE(net.context->keep_output_on_device(0, true).ok());
  ASSERT_TRUE(net.context->set_input(0, random_tensor(kShape, 1)).ok());
  ASSERT_TRUE(net.context->execute().ok());
  const void* const first = net.context->output(0).tensor().raw();
  const int64_t bytes = net.context->device_bytes();
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(net.context->execute().ok());
    EXPECT_EQ(net.context->output(0).tensor().raw(), first);
  }
  EXPECT_EQ(net.context->device_bytes(), bytes);
}

}  // namespace
}  // namespace sinter::testing
