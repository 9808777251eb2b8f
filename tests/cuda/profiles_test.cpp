// Several optimization profiles on a device: weights are there once, contexts change between plans, allocators give device memory, and nothing stays behind.
#include <gtest/gtest.h>

#include "cuda/environment.h"
#include "cuda/nets.h"
#include "session/profiles.h"

namespace sinter::testing {
namespace {

const char* const kNet = R"ir(graph net(%x: f32[n,8]) -> (%y) {
  %w = const f32[1,8] #w
  %p = Mul(%x, %w)
  %y = Tanh(%p)
}
)ir";

class ProfilesOnDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    const ir::BlobMap blobs{{"w", random_tensor({1, 8}, 3)}};
    auto graph = ir::parse(kNet, &blobs);
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    graph_ = std::move(graph).value();
    ASSERT_TRUE(ir::infer_types(*graph_).ok());
    auto first = plan_for({"n", 1, 2, 4}), second = plan_for({"n", 5, 8, 12});
    ASSERT_TRUE(first.ok()) << first.status().to_string();
    ASSERT_TRUE(second.ok()) << second.status().to_string();
    contents_ = std::move(first).value();
    session::BlobSharer sharer;
    sharer.share(contents_.blobs);
    sharer.share(second->blobs);
    contents_.further.push_back({std::move(second->plan), std::move(second->blobs)});
  }

  Result<engine::EngineContents> plan_for(const plan::SymbolRange& range) const {
    builder::BuildOptions options;
    options.symbols = {{"n", range}};
    return build_contents(*graph_, options);
  }

  void expect_right(runtime::ExecutionContext& context, int64_t batch, uint32_t seed) const {
    const std::vector<Value> inputs{random_tensor({batch, 8}, seed)};
    const auto wanted = ir::evaluate(*graph_, inputs);
    ASSERT_TRUE(wanted.ok());
    ASSERT_TRUE(context.set_input(0, inputs[0]).ok());
    const Status status = context.execute();
    ASSERT_TRUE(status.ok()) << status.to_string();
    expect_near({context.output(0)}, *wanted);
  }

  std::unique_ptr<ir::Graph> graph_;
  engine::EngineContents contents_;
};

TEST_F(ProfilesOnDevice, contexts_change_between_them) {
  const auto engine = runtime::Engine::from_contents(contents_);
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  auto context = runtime::ExecutionContext::create(*engine).value();
  for (uint32_t round = 0; round < 4; ++round) {  // graphs are captured and replayed in between
    ASSERT_TRUE(context->set_optimization_profile(0).ok());
    for (const int64_t batch : {1, 4, 4, 4}) expect_right(*context, batch, round);
    const Status outside = context->prepare(std::vector<Dims>{{8, 8}});
    EXPECT_NE(outside.to_string().find("profile 1 takes these shapes"), std::string::npos) << outside.to_string();
    ASSERT_TRUE(context->set_optimization_profile(1).ok());
    for (const int64_t batch : {5, 12, 12, 12}) expect_right(*context, batch, round);
  }
}

TEST_F(ProfilesOnDevice, weights_are_uploaded_once) {
  engine::EngineContents one = contents_;
  one.further.clear();
  const auto alone = runtime::Engine::from_contents(one), both = runtime::Engine::from_contents(contents_);
  ASSERT_TRUE(alone.ok());
  ASSERT_TRUE(both.ok());
  int64_t extra = 0;
  for (const Tensor& blob : contents_.further[0].blobs) {
    bool shared = false;
    for (const Tensor& first : contents_.blobs) shared = shared || first.raw() == blob.raw();
    if (!shared) extra += (blob.bytes() + kDeviceAlignment - 1) / kDeviceAlignment * kDeviceAlignment;
  }
  EXPECT_LE((*both)->device_weight_bytes(), (*alone)->device_weight_bytes() + extra + kDeviceAlignment);
}

TEST_F(ProfilesOnDevice, shapes_to_warm_are_ready) {
  contents_.manifest.shapes_to_warm = {{{3, 8}}, {{12, 8}}};
  const auto engine = runtime::Engine::from_contents(contents_);
  ASSERT_TRUE(engine.ok());
  auto context = runtime::ExecutionContext::create(*engine).value();
  EXPECT_EQ(context->output_dims(0), (Dims{3, 8}));
  EXPECT_GT(context->device_bytes(), 0);
  expect_right(*context, 3, 1);
  ASSERT_TRUE(context->set_optimization_profile(1).ok());
  EXPECT_EQ(context->output_dims(0), (Dims{12, 8}));
}

TEST_F(ProfilesOnDevice, allocators_give_host_and_device_memory) {
  const auto engine = runtime::Engine::from_contents(contents_);
  ASSERT_TRUE(engine.ok());
  Device* const device = harness_device();
  const DeviceScope scope(device);
  auto memory = DeviceBuffer::make(device, 12 * 8 * 4);
  ASSERT_TRUE(memory.ok());
  auto context = runtime::ExecutionContext::create(*engine).value();
  std::vector<float> host(4 * 8);
  Dims seen;
  ASSERT_TRUE(context->set_output_allocator(0, [&](const Dims& dims, int64_t) { return seen = dims, host.data(); }).ok());
  expect_right(*context, 4, 3);
  EXPECT_EQ(seen, (Dims{4, 8}));
  EXPECT_EQ(context->output(0).tensor().raw(), host.data());
  ASSERT_TRUE(context->set_output_allocator(0, [&](const Dims&, int64_t) { return memory->data(); }, true).ok());
  ASSERT_TRUE(context->execute().ok());
  EXPECT_EQ(context->output(0).tensor().raw(), memory->data());
  std::vector<float> read(4 * 8);
  const DeviceStream stream = device->make_stream().value();
  ASSERT_TRUE(device->copy(read.data(), memory->data(), 4 * 8 * 4, CopyKind::kDeviceToHost, stream).ok());
  ASSERT_TRUE(device->wait(stream).ok());
  device->release_stream(stream);
  EXPECT_EQ(read, host);
  ASSERT_TRUE(context->set_output_allocator(0, [](const Dims&, int64_t) -> void* { return nullptr; }, true).ok());
  EXPECT_EQ(context->execute().code(), Code::kOutOfMemory);
}

TEST_F(ProfilesOnDevice, nothing_stays_behind) {
  if (on_real_gpu()) GTEST_SKIP() << "the mock driver counts";
  const auto round = [&] {
    const auto engine = runtime::Engine::from_contents(contents_);
    auto context = runtime::ExecutionContext::create(*engine).value();
    expect_right(*context, 2, 1);
    ASSERT_TRUE(context->set_optimization_profile(1).ok());
    expect_right(*context, 8, 1);
  };
  round();
  const MockCounts before = counts();
  round();
  const MockCounts after = counts();
  EXPECT_EQ(after.live_allocations, before.live_allocations);
  EXPECT_EQ(after.live_streams, before.live_streams);
  EXPECT_EQ(after.live_graphs, before.live_graphs);
  EXPECT_EQ(after.damaged, before.damaged);
}

}  // namespace
}  // namespace sinter::testing
