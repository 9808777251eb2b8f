// Plans made by hand, through engine bytes, into a context: shapes, aliases, in-place work, data-dependent sizes, threads.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "runtime/context.h"
#include "support/plan_maker.h"

namespace sinter::runtime {
namespace {

using test::RegionMaker;

std::shared_ptr<const Engine> load(const engine::EngineContents& contents) {
  test::register_test_tactics();
  auto bytes = engine::write_engine(contents);
  EXPECT_TRUE(bytes.ok()) << bytes.status().to_string();
  auto kept = std::make_shared<std::string>(std::move(bytes).value());
  auto engine = Engine::from_memory(*kept, kept, engine::Verify::kFull);
  EXPECT_TRUE(engine.ok()) << engine.status().to_string();
  return engine.ok() ? *engine : nullptr;
}

std::unique_ptr<ExecutionContext> context_for(const engine::EngineContents& contents, int threads = 1) {
  return ExecutionContext::create(load(contents), {.threads = threads}).value();
}

Tensor ramp(Dims dims, float begin = -3, float step = 0.5f) {
  Tensor tensor(DType::kF32, std::move(dims));
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.data<float>()[i] = begin + step * static_cast<float>(i);
  return tensor;
}

std::vector<float> floats(const Value& value) {
  const Tensor& tensor = value.tensor();
  return {tensor.data<float>(), tensor.data<float>() + tensor.count()};
}

// x → relu → add constant → y, on reference kernels.
engine::EngineContents small_model() {
  engine::EngineContents contents;
  RegionMaker main = test::add_region(contents, "main");
  contents.plan.symbols.push_back({"batch", 1, 2, 16});
  const int32_t x = main.input("x", "f32[batch,4]"), c = main.constant("c", ramp({4}, 1, 1));
  const int32_t r = main.arena("r", "f32[batch,4]"), y = main.arena("y", "f32[batch,4]");
  main.reference("Relu", {x}, {r});
  main.reference("Add", {r, c}, {y});
  main.output(y);
  return contents;
}

TEST(Run, ReferenceStepsFromEngineBytes) {
  auto context = context_for(small_model());
  auto results = context->run(std::vector<Value>{ramp({2, 4})});
  ASSERT_TRUE(results.ok()) << results.status().to_string();
  EXPECT_EQ((*results)[0].tensor().dims(), (Dims{2, 4}));
  EXPECT_EQ(floats((*results)[0]), (std::vector<float>{1, 2, 3, 4, 1, 2, 3, 4.5f}));
}

TEST(Run, DynamicBatchIsReplannedAndCached) {
  auto context = context_for(small_model());
  for (int round = 0; round < 2; ++round) {
    for (int64_t batch = 1; batch <= 16; ++batch) {
      ASSERT_TRUE(context->set_input("x", ramp({batch, 4})).ok());
      const Status status = context->execute();
      ASSERT_TRUE(status.ok()) << status.to_string();
      const Tensor& y = context->output(0).tensor();
      ASSERT_EQ(y.dims(), (Dims{batch, 4}));
      const float last = -3 + 0.5f * static_cast<float>(batch * 4 - 1);
      EXPECT_EQ(y.data<float>()[y.count() - 1], std::max(last, 0.0f) + 4);
    }
  }
}

TEST(Run, WrongInputsAreRefusedByName) {
  auto context = context_for(small_model());
  const auto message = [&](Value value) { return context->run(std::vector<Value>{std::move(value)}).status().message(); };
  EXPECT_NE(message(ramp({2, 5})).find("input 'x' [2,5] does not fit f32[batch,4]: dim 1 is 5, expected 4"), std::string::npos);
  EXPECT_NE(message(ramp({17, 4})).find("dimension 0 ('batch') is 17, the engine was built for 1 to 16"), std::string::npos);
  EXPECT_NE(message(ramp({8})).find("rank 1, expected rank 2"), std::string::npos);
  EXPECT_NE(message(Tensor::from_i64({1, 2})).find("input 'x' is i64[2], expected f32[batch,4]"), std::string::npos);
  EXPECT_NE(message(Value()).find("no tensor"), std::string::npos);
  EXPECT_NE(context->set_input("z", ramp({1, 4})).message().find("inputs are 'x'"), std::string::npos);
  EXPECT_NE(context->execute().message().find("'x'"), std::string::npos);
  auto results = context->run(std::vector<Value>{ramp({1, 4})});  // still usable
  EXPECT_TRUE(results.ok());
}

TEST(Run, CallersBuffersAreUsedInPlaceWhenAligned) {
  engine::EngineContents contents;
  RegionMaker main = test::add_region(contents, "main");
  const int32_t x = main.input("x", "f32[n]"), y = main.arena("y", "f32[n]");
  main.kernel("test.relu", "Relu", {x}, {y}).offer.in_place_input = 0;  // never into the caller's input
  main.output(y);
  auto context = context_for(contents);
  const Tensor input = ramp({8});
  Tensor output(DType::kF32, {9});
  ASSERT_TRUE(context->set_input(0, input).ok());
  ASSERT_TRUE(context->set_output_data(0, output.raw(), 32).ok());
  ASSERT_TRUE(context->execute().ok());
  EXPECT_EQ(test::last_relu_launch().input, input.raw());
  EXPECT_EQ(test::last_relu_launch().output, output.raw());
  EXPECT_EQ(context->output(0).tensor().raw(), output.raw());
  EXPECT_EQ(input.data<float>()[0], -3);

  // Misaligned: copied on both sides, same result.
  Tensor shifted(DType::kF32, {9});
  for (int i = 0; i < 8; ++i) shifted.data<float>()[i + 1] = input.data<float>()[i];
  ASSERT_TRUE(context->set_input(0, Tensor::view(DType::kF32, {8}, shifted.data<float>() + 1)).ok());
  ASSERT_TRUE(context->set_output_data(0, output.data<float>() + 1, 32).ok());
  ASSERT_TRUE(context->execute().ok());
  EXPECT_NE(test::last_relu_launch().input, shifted.data<float>() + 1);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(output.data<float>()[i + 1], std::max(0.0f, input.data<float>()[i]));

  ASSERT_TRUE(context->set_output_data(0, output.raw(), 28).ok());
  EXPECT_NE(context->execute().message().find("takes 32 bytes, the caller's buffer has 28"), std::string::npos);
}

TEST(Run, InPlaceOnlyWhenTheInputDiesThere) {
  for (const bool read_later : {false, true}) {
    engine::EngineContents contents;
    RegionMaker main = test::add_region(contents, "main");
    const int32_t x = main.input("x", "f32[6]"), a = main.arena("a", "f32[6]"), b = main.arena("b", "f32[6]");
    const int32_t y = main.arena("y", "f32[6]");
    main.reference("Neg", {x}, {a});
    main.kernel("test.relu", "Relu", {a}, {b}).offer.in_place_input = 0;
    main.reference("Add", {b, read_later ? a : x}, {y});
    main.output(y);
    auto context = context_for(contents);
    auto results = context->run(std::vector<Value>{ramp({6}, -2, 1)});
    ASSERT_TRUE(results.ok()) << results.status().to_string();
    EXPECT_EQ(test::last_relu_launch().input == test::last_relu_launch().output, !read_later);
    const std::vector<float> expected = read_later ? std::vector<float>{4, 2, 0, -1, -2, -3} : std::vector<float>{0, 0, 0, 1, 2, 3};
    EXPECT_EQ(floats((*results)[0]), expected);
  }
}

TEST(Run, ViewsIntoInputsAndConcatWithoutCopy) {
  engine::EngineContents contents;
  RegionMaker main = test::add_region(contents, "main");
  const int32_t x = main.input("x", "f32[2,16]");
  const int32_t low = main.alias("low", "f32[16]", x), high = main.alias("high", "f32[16]", x, 64);
  const int32_t whole = main.arena("whole", "f32[32]");
  const int32_t first = main.alias("first", "f32[16]", whole), second = main.alias("second", "f32[16]", whole, 64);
  const int32_t y = main.alias("y", "f32[4,8]", whole);
  main.kernel("test.relu", "Relu", {high}, {first});
  main.reference("Neg", {low}, {second});
  main.output(y);
  main.output(whole);
  auto context = context_for(contents);
  const Tensor input = ramp({2, 16}, -8, 1);
  auto results = context->run(std::vector<Value>{input});
  ASSERT_TRUE(results.ok()) << results.status().to_string();
  ASSERT_EQ((*results)[0].tensor().dims(), (Dims{4, 8}));
  ASSERT_EQ((*results)[1].tensor().dims(), (Dims{32}));
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ((*results)[0].tensor().data<float>()[i], input.data<float>()[16 + i]);
    EXPECT_EQ((*results)[1].tensor().data<float>()[16 + i], -input.data<float>()[i]);
  }
}

TEST(Run, OutputsThatNoStepMakes) {
  engine::EngineContents contents;
  RegionMaker main = test::add_region(contents, "main");
  const int32_t x = main.input("x", "f32[n]"), c = main.constant("c", ramp({3}));
  main.output(x);
  main.output(c);
  main.output(x);
  auto context = context_for(contents);
  const Tensor input = ramp({5});
  auto results = context->run(std::vector<Value>{input});
  ASSERT_TRUE(results.ok()) << results.status().to_string();
  EXPECT_TRUE((*results)[0].tensor().identical(input));
  EXPECT_NE((*results)[0].tensor().raw(), input.raw());
  EXPECT_TRUE((*results)[1].tensor().identical(ramp({3})));
  EXPECT_TRUE((*results)[2].tensor().identical(input));
}

TEST(Run, PackedBlobsAndWorkspace) {
  engine::EngineContents contents;
  RegionMaker main = test::add_region(contents, "main");
  const int32_t x = main.input("x", "f32[3,5]"), a = main.arena("a", "f32[3,5]"), y = main.arena("y", "f32[3,5]");
  main.reference("Neg", {x}, {a});
  main.kernel("test.blob_add", "Identity", {a}, {y}).blobs = {0};
  contents.blobs.push_back(ramp({15}, 100, 1));
  main.output(y);
  auto context = context_for(contents);
  auto results = context->run(std::vector<Value>{ramp({3, 5}, 0, 1)});
  ASSERT_TRUE(results.ok()) << results.status().to_string();
  for (float value : floats((*results)[0])) EXPECT_EQ(value, 100);
}

TEST(Run, BlockedLayoutKeepsRoomForPadding) {
  engine::EngineContents contents;
  RegionMaker main = test::add_region(contents, "main");
  const int32_t x = main.input("x", "f32[1,3,5]");
  const int32_t b = main.arena("b", "f32[1,3,5]", Layout::kChannelsBlocked16);
  const int32_t r = main.arena("r", "f32[1,3,5]", Layout::kChannelsBlocked16);
  const int32_t y = main.arena("y", "f32[1,3,5]");
  main.kernel("test.relu", "Relu", {x}, {y});
  main.kernel("test.add", "Add", {b, b}, {r});
  main.output(y);
  // `b` has no producer: refused.
  auto bytes = engine::write_engine(contents);
  ASSERT_FALSE(bytes.ok());
  EXPECT_NE(bytes.status().message().find("value 'b' is used before it is made"), std::string::npos);
}

TEST(Run, SizesThatDependOnData) {
  engine::EngineContents contents;
  RegionMaker main = test::add_region(contents, "main");
  const int32_t x = main.input("x", "f32[n]"), nz = main.host("nz", "i64[1,k]"), flat = main.alias("flat", "i64[k]", nz);
  const int32_t as_is = main.host("twice", "i64[k]");
  main.reference("NonZero", {x}, {nz});
  main.reference("Add", {flat, flat}, {as_is});
  main.output(as_is);
  main.output(flat);
  auto context = context_for(contents);
  for (int64_t n : {7, 0, 3, 7}) {
    Tensor input = ramp({n}, 0, 1);
    auto results = context->run(std::vector<Value>{input});
    ASSERT_TRUE(results.ok()) << results.status().to_string();
    std::vector<int64_t> expected;
    for (int64_t i = 1; i < n; ++i) expected.push_back(2 * i);
    EXPECT_EQ((*results)[0].tensor().to_i64(), expected);
    EXPECT_EQ((*results)[1].tensor().count(), std::max<int64_t>(n - 1, 0));
  }
}

TEST(Run, KernelsOnDataDependentSizes) {
  engine::EngineContents contents;
  RegionMaker main = test::add_region(contents, "main");
  const int32_t x = main.input("x", "f32[n]"), keep = main.input("keep", "bool[n]");
  const int32_t some = main.host("some", "f32[k]"), r = main.arena("r", "f32[k]"), y = main.arena("y", "f32[k]");
  Attributes axis;
  axis.set("axis", int64_t{0});
  main.reference("Compress", {x, keep}, {some}, axis);
  main.kernel("test.relu", "Relu", {some}, {r});
  main.kernel("test.add", "Add", {r, some}, {y});
  main.output(y);
  auto context = context_for(contents);
  for (int64_t n : {8, 5, 8}) {
    Tensor mask(DType::kBool, {n});
    std::vector<float> expected;
    const Tensor input = ramp({n}, -2, 1);
    for (int64_t i = 0; i < n; ++i) {
      mask.data<bool>()[i] = i % 2 == 0;
      const float value = input.data<float>()[i];
      if (i % 2 == 0) expected.push_back(std::max(0.0f, value) + value);
    }
    auto results = context->run(std::vector<Value>{input, mask});
    ASSERT_TRUE(results.ok()) << results.status().to_string();
    EXPECT_EQ(floats((*results)[0]), expected);
  }
}

TEST(Run, ContextsInTwoThreadsAgreeBitForBit) {
  auto engine = load(small_model());
  const Tensor input = ramp({16, 4}, -7.3f, 0.37f);
  const Tensor expected = ExecutionContext::create(engine, {.threads = 1}).value()->run(std::vector<Value>{input}).value()[0].tensor();
  std::vector<std::thread> threads;
  std::vector<int> wrong(2, 0);
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      auto context = ExecutionContext::create(engine, {.threads = t + 1}).value();
      for (int round = 0; round < 50; ++round) {
        auto results = context->run(std::vector<Value>{input});
        wrong[t] += !results.ok() || !(*results)[0].tensor().identical(expected);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong[0] + wrong[1], 0);
}

TEST(Run, ProfileCountsEveryStep) {
  auto context = context_for(small_model());
  context->set_profile(true);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(context->run(std::vector<Value>{ramp({2, 4})}).ok());
  const std::vector<LayerTime> times = context->profile();
  ASSERT_EQ(times.size(), 2u);
  EXPECT_EQ(times[0].step, "Relu_0");
  EXPECT_EQ(times[0].runs, 3);
  EXPECT_GT(times[1].total_us, 0);
  EXPECT_LE(times[1].min_us, times[1].median_us);
  EXPECT_EQ(times[1].work.other_ops, 8);
  EXPECT_EQ(times[1].dense_type, "f32");
  // At most all of the arena, which some layer fills.
  const int64_t most = std::max(times[0].live_bytes, times[1].live_bytes);
  EXPECT_GT(times[0].live_bytes, 0);
  EXPECT_GE(most, 2 * 4 * 4);
  EXPECT_LE(most, context->arena_bytes());
  EXPECT_NE(context->profile_json().find("\"layer\": \"Add_1\""), std::string::npos);
}

TEST(Run, ObserverSeesEveryValue) {
  std::vector<std::string> names;
  ContextOptions options{.threads = 1};
  options.observer = [&](const plan::Region&, const plan::PlanValue& value, const Value& content) {
    names.push_back(value.name);
    EXPECT_EQ(content.tensor().dims(), (Dims{2, 4}));
  };
  auto context = ExecutionContext::create(load(small_model()), options).value();
  ASSERT_TRUE(context->run(std::vector<Value>{ramp({2, 4})}).ok());
  EXPECT_EQ(names, (std::vector<std::string>{"r", "y"}));
}

// Sees values where they lie, views of them too, and doubles what "r" holds.
class Doubler : public StepWatcher {
 public:
  std::vector<std::string> seen;
  Status before(StepView& view) override {
    if (view.step().name != "Add_1") return ok_status();
    SINTER_ASSIGN(const auto r, view.value(view.step().inputs[0]));
    if (!r) return make_error(Code::kInternal, "no value");
    std::vector<uint8_t> bytes(r->data, r->data + r->bytes);
    for (size_t i = 0; i < bytes.size(); i += 4) {
      float x;
      std::memcpy(&x, bytes.data() + i, 4);
      x *= 2;
      std::memcpy(bytes.data() + i, &x, 4);
    }
    EXPECT_FALSE(view.write(view.step().inputs[1], bytes).ok());  // a constant
    return view.write(view.step().inputs[0], bytes);
  }
  Status after(StepView& view) override {
    for (int32_t v : view.made()) {
      SINTER_ASSIGN(const auto found, view.value(v));
      if (!found) return make_error(Code::kInternal, "no value");
      EXPECT_EQ(found->bytes, 4 * product(found->dims));
      seen.push_back(found->value->name);
    }
    return ok_status();
  }
};

TEST(Run, WatchersSeeAndReplaceValues) {
  engine::EngineContents contents = small_model();
  RegionMaker main(contents, 0);
  main.alias("view", "f32[batch*4]", 2);
  const auto watcher = std::make_shared<Doubler>();
  ContextOptions options{.threads = 1};
  options.watcher = watcher;
  auto context = ExecutionContext::create(load(contents), options).value();
  auto results = context->run(std::vector<Value>{ramp({2, 4})});
  ASSERT_TRUE(results.ok()) << results.status().to_string();
  EXPECT_EQ(floats((*results)[0]), (std::vector<float>{1, 2, 3, 4, 1, 2, 3, 5}));
  EXPECT_EQ(watcher->seen, (std::vector<std::string>{"r", "view", "y"}));
}

TEST(Run, ConcatenationsAreWholeWithTheirLastPart) {
  engine::EngineContents contents;
  RegionMaker main = test::add_region(contents, "main");
  const int32_t x = main.input("x", "f32[2]"), whole = main.arena("whole", "f32[4]"), y = main.arena("y", "f32[4]");
  const int32_t a = main.alias("a", "f32[2]", whole), b = main.alias("b", "f32[2]", whole, 8);
  main.reference("Relu", {x}, {a});
  main.reference("Neg", {x}, {b});
  main.reference("Relu", {whole}, {y});
  main.output(y);
  const auto made = values_made(main.region());
  EXPECT_EQ(made[0], (std::vector<int32_t>{a}));
  EXPECT_EQ(made[1], (std::vector<int32_t>{b, whole}));
  EXPECT_EQ(made[2], (std::vector<int32_t>{y}));
}

TEST(Run, RunsOfElementsLeavePaddingOut) {
  std::vector<std::pair<int64_t, int64_t>> runs;
  const auto collect = [&](Layout layout, const Dims& dims) {
    runs.clear();
    for_each_run(layout, dims, [&](int64_t offset, int64_t count) { runs.emplace_back(offset, count); });
    return runs;
  };
  using Runs = std::vector<std::pair<int64_t, int64_t>>;
  EXPECT_EQ(collect(Layout::kRowMajor, {2, 3}), (Runs{{0, 6}}));
  EXPECT_EQ(collect(Layout::kRowMajor, {}), (Runs{{0, 1}}));
  EXPECT_EQ(collect(Layout::kChannelsBlocked16, {2, 16, 3}), (Runs{{0, 96}}));
  EXPECT_EQ(collect(Layout::kChannelsBlocked8, {2, 11, 2}), (Runs{{0, 16}, {16, 3}, {24, 3}, {32, 16}, {48, 3}, {56, 3}}));
  EXPECT_EQ(collect(Layout::kChannelsBlocked8, {2, 0, 2}), (Runs{}));
}

TEST(Run, OtherTargetsAreRefusedWithTheRemedy) {
#if defined(__aarch64__)
  constexpr const char* kOtherArchitectures = "avx2";
#else
  constexpr const char* kOtherArchitectures = "dotprod";
#endif
  for (const char* isa : {"sve2048", kOtherArchitectures}) {
    engine::EngineContents contents = small_model();
    contents.plan.isa = isa;
    const auto engine = Engine::from_contents(contents);
    ASSERT_FALSE(engine.ok()) << isa;
    EXPECT_EQ(engine.status().code(), Code::kTargetMismatch);
    EXPECT_NE(engine.status().message().find("sinter retune"), std::string::npos);
  }

  engine::EngineContents contents = small_model();
  RegionMaker(contents, 0).kernel("cpu.no_such_tactic", "Relu", {0}, {RegionMaker(contents, 0).arena("z", "f32[batch,4]")});
  const auto engine = Engine::from_contents(contents);
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(engine.status().code(), Code::kTargetMismatch);
}

TEST(Run, DataErrorsNameTheStepAndPoisonNothing) {
  engine::EngineContents contents;
  RegionMaker main = test::add_region(contents, "main");
  // The plan says 4 elements, the operator makes as many as there are non-zeros.
  const int32_t x = main.input("x", "f32[n]"), nz = main.host("nz", "i64[1,4]");
  main.reference("NonZero", {x}, {nz});
  main.output(nz);
  auto context = context_for(contents);
  auto results = context->run(std::vector<Value>{ramp({7}, 1, 1)});
  ASSERT_FALSE(results.ok());
  EXPECT_NE(results.status().to_string().find("value 'nz' came out as i64[1,7]"), std::string::npos);
  EXPECT_NE(results.status().to_string().find("while running step 'NonZero_0'"), std::string::npos);
  EXPECT_TRUE(context->run(std::vector<Value>{ramp({4}, 1, 1)}).ok());
}

}  // namespace
}  // namespace sinter::runtime
