// Optimization profiles: ranges from shapes, several plans in one engine that share weights, and contexts that change between them.
#include "session/profiles.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "runtime/context.h"
#include "session/session.h"
#include "support/model_builder.h"
#include "support/temporary.h"

namespace sinter::session {
namespace {

constexpr int64_t kWide = 24;

// y = x W, z = Relu(y): x f32[batch,24].
class Profiles : public ::testing::Test {
 protected:
  Profiles() {
    weights_ = Tensor(DType::kF32, {kWide, kWide});
    for (int64_t i = 0; i < weights_.count(); ++i) weights_.data<float>()[i] = static_cast<float>(i % 7) - 3;
    test::ModelBuilder model;
    model.input("x", "f32[batch,24]").output("y", "f32[batch,24]").constant("w", weights_);
    model.node("MatMul", {"x", "w"}, {"p"}).node("Relu", {"p"}, {"y"});
    request_.model_path = folder_.path("model.onnx");
    request_.build.threads = 1;
    std::ofstream(request_.model_path, std::ios::binary) << model.bytes();
  }

  static ShapeMap shape(int64_t batch) { return {{"x", Shape{Dim(batch), Dim(kWide)}}}; }
  void two_profiles() {
    request_.min_shapes = shape(1);
    request_.shapes = shape(2);
    request_.max_shapes = shape(8);
    request_.further_profiles = {{shape(9), shape(64), shape(100)}};
  }
  std::string failure() const {
    const auto built = build_model(request_);
    return built.ok() ? "" : built.status().to_string();
  }
  void expect_right(runtime::ExecutionContext& context, int64_t batch) const {
    Tensor x(DType::kF32, {batch, kWide});
    for (int64_t i = 0; i < x.count(); ++i) x.data<float>()[i] = static_cast<float>((i * 5) % 11) - 4;
    ASSERT_TRUE(context.set_input(0, x).ok());
    const Status status = context.execute();
    ASSERT_TRUE(status.ok()) << status.to_string();
    const Tensor& y = context.output(0).tensor();
    ASSERT_EQ(y.dims(), (Dims{batch, kWide}));
    for (int64_t b = 0; b < batch; ++b) {
      for (int64_t n = 0; n < kWide; ++n) {
        float sum = 0;
        for (int64_t k = 0; k < kWide; ++k) sum += x.data<float>()[b * kWide + k] * weights_.data<float>()[k * kWide + n];
        ASSERT_EQ(y.data<float>()[b * kWide + n], std::max(sum, 0.0f)) << b << " " << n;
      }
    }
  }

  const sinter::testing::TemporaryFolder folder_;
  Tensor weights_;
  BuildRequest request_;
};

TEST_F(Profiles, EachIsTunedAtItsOwnOptimumAndTakesItsRange) {
  two_profiles();
  auto built = build_model(request_);
  ASSERT_TRUE(built.ok()) << built.status().to_string();
  ASSERT_EQ(built->contents.further.size(), 1u);
  EXPECT_EQ(built->contents.plan.symbols[0].opt, 2);
  EXPECT_EQ(built->contents.further[0].plan.symbols[0].opt, 64);
  EXPECT_EQ(built->contents.manifest.further_profiles[0][0].max, 100);
  const auto bytes = engine::write_engine(built->contents);
  ASSERT_TRUE(bytes.ok());
  // From memory of the build, and from bytes.
  for (const bool from_bytes : {false, true}) {
    const auto engine = from_bytes ? runtime::Engine::from_memory(*bytes) : runtime::Engine::from_contents(built->contents);
    ASSERT_TRUE(engine.ok()) << engine.status().to_string();
    ASSERT_EQ((*engine)->profile_count(), 2u);
    auto context = runtime::ExecutionContext::create(*engine, {.threads = 1});
    ASSERT_TRUE(context.ok());
    for (const int64_t batch : {1, 2, 8}) expect_right(**context, batch);
    ASSERT_TRUE((*context)->set_optimization_profile(1).ok());
    EXPECT_EQ((*context)->engine().profile(), 1u);
    for (const int64_t batch : {9, 64, 100}) expect_right(**context, batch);
    ASSERT_TRUE((*context)->set_optimization_profile(0).ok());
    expect_right(**context, 3);
    EXPECT_FALSE((*context)->set_optimization_profile(2).ok());
    expect_right(**context, 4);  // a refusal changes nothing
  }
}

TEST_F(Profiles, WeightsAreSharedInFileAndMemory) {
  two_profiles();
  const auto two = build_model(request_);
  ASSERT_TRUE(two.ok());
  request_.further_profiles.clear();
  const auto one = build_model(request_);
  ASSERT_TRUE(one.ok());
  const int64_t weights = weights_.bytes();
  const auto bytes = engine::write_engine(two->contents), single = engine::write_engine(one->contents);
  // Both profiles can pack the weights in a way of their own, at most.
  EXPECT_LT(static_cast<int64_t>(bytes->size()), static_cast<int64_t>(single->size()) + 2 * weights + 16384);
  const auto engine = runtime::Engine::from_memory(*bytes);
  ASSERT_TRUE(engine.ok());
  const auto other = runtime::Engine::at_profile(*engine, 1);
  for (const Tensor& a : (*engine)->blobs()) {
    for (const Tensor& b : other->blobs()) {
      const bool equal = a.dtype() == b.dtype() && a.dims() == b.dims() && std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) == 0;
      EXPECT_EQ(equal, a.raw() == b.raw());
    }
  }
}

TEST_F(Profiles, ShapesOutsideNameTheProfileThatFits) {
  two_profiles();
  auto built = build_model(request_);
  ASSERT_TRUE(built.ok());
  const auto engine = runtime::Engine::from_contents(built->contents);
  auto context = runtime::ExecutionContext::create(*engine, {.threads = 1});
  const auto said = [&](int64_t batch) {
    EXPECT_TRUE((*context)->set_input(0, Tensor(DType::kF32, {batch, kWide})).ok());
    return (*context)->execute().to_string();
  };
  const std::string fits = said(32);
  for (const char* part : {"input 'x' [32,24]: dimension 0 ('batch') is 32", "built for 1 to 8", "this is optimization profile 0", "profile 1 takes these shapes: 'batch' 9 to 100"}) {
    EXPECT_NE(fits.find(part), std::string::npos) << fits;
  }
  const std::string none = said(101);
  EXPECT_NE(none.find("none of the engine's 2 takes these shapes: 0: 'batch' 1 to 8; 1: 'batch' 9 to 100"), std::string::npos) << none;
  EXPECT_EQ((*context)->prepare(std::vector<Dims>{{9, 25}}).to_string().find("profile 1 takes"), std::string::npos);  // it fits none
}

TEST_F(Profiles, RetuneKeepsThem) {
  two_profiles();
  const auto built = build_model(request_);
  ASSERT_TRUE(built.ok());
  const auto bytes = engine::write_engine(built->contents);
  const auto file = engine::EngineFile::from_memory(*bytes, nullptr);
  BuildRequest plain;
  plain.build.threads = 1;
  const auto again = retune(**file, plain);
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  ASSERT_EQ(again->contents.further.size(), 1u);
  EXPECT_EQ(again->contents.plan.symbols[0].max, 8);
  EXPECT_EQ(again->contents.further[0].plan.symbols[0].min, 9);
}

TEST_F(Profiles, MistakesNameProfileInputAndDimension) {
  two_profiles();
  request_.further_profiles[0].opt = shape(101);
  EXPECT_NE(failure().find("optimization profile 1"), std::string::npos) << failure();
  EXPECT_NE(failure().find("input 'x', dimension 0: found min 9, opt 101, max 100"), std::string::npos) << failure();
  two_profiles();
  request_.max_shapes = {{"z", Shape{Dim(1), Dim(kWide)}}};
  EXPECT_NE(failure().find("input 'z' does not exist; the model has 'x'"), std::string::npos) << failure();
  two_profiles();
  request_.further_profiles[0].max = {{"x", Shape{Dim(100), Dim(25)}}};
  EXPECT_NE(failure().find("dimension 1: it is 24 in the model, the profile gives 25"), std::string::npos) << failure();
  two_profiles();
  request_.min_shapes = {{"x", Shape{Dim(1)}}};
  EXPECT_NE(failure().find("give one size a dimension"), std::string::npos) << failure();
}

TEST_F(Profiles, ContextsAreReadyForShapesToWarm) {
  two_profiles();
  request_.shapes_to_warm = {shape(5), shape(70), shape(3)};
  const auto built = build_model(request_);
  ASSERT_TRUE(built.ok()) << built.status().to_string();
  EXPECT_EQ(built->contents.manifest.shapes_to_warm, (std::vector<std::vector<Dims>>{{{5, kWide}}, {{70, kWide}}, {{3, kWide}}}));
  const auto bytes = engine::write_engine(built->contents);
  ASSERT_TRUE(bytes.ok());
  const auto engine = runtime::Engine::from_memory(*bytes);
  ASSERT_TRUE(engine.ok());
  auto context = runtime::ExecutionContext::create(*engine, {.threads = 1, .max_shapes = 1});
  ASSERT_TRUE(context.ok()) << context.status().to_string();
  EXPECT_EQ((*context)->output_dims(0), (Dims{5, kWide}));  // the first of this profile
  for (const int64_t batch : {3, 5, 1, 3}) expect_right(**context, batch);
  ASSERT_TRUE((*context)->set_optimization_profile(1).ok());
  EXPECT_EQ((*context)->output_dims(0), (Dims{70, kWide}));
  expect_right(**context, 70);
  request_.shapes_to_warm = {shape(101)};
  EXPECT_NE(failure().find("'x' [101,24] lies in none"), std::string::npos) << failure();
  request_.shapes_to_warm = {{{"z", Shape{Dim(1)}}}};
  EXPECT_NE(failure().find("input 'z' does not exist"), std::string::npos) << failure();
  request_.shapes_to_warm = {{{"x", Shape{Dim(1), Dim(25)}}}};
  EXPECT_NE(failure().find("dimension 1 is 25, expected 24"), std::string::npos) << failure();
}

TEST_F(Profiles, PlansOfAnotherNetworkAreRefused) {
  two_profiles();
  auto built = build_model(request_);
  ASSERT_TRUE(built.ok());
  auto& main = built->contents.further[0].plan.regions[0];
  main.outputs.push_back(main.outputs[0]);
  EXPECT_FALSE(runtime::Engine::from_contents(built->contents).ok());
}

}  // namespace
}  // namespace sinter::session
