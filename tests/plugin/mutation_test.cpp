// Damaged and hostile engines that name plugins: each is one clear error, or runs. See tests/engine/mutation_test.cpp.
#include "plugin/support.h"
#include "support/mutate.h"
#include "support/reseal.h"

namespace sinter {
namespace {

constexpr int kMutations = 3000;

std::string sample() {
  test::need_plugin("example");
  test::ModelBuilder model;
  model.import(1, "example").input("x", "f32[2,n]").output("y", "f32[*]").output("k", "f32[*]");
  model.node("Frame", {"x"}, {"f"}, {test::attribute("size", 3), test::attribute("step", 2)}, "example").node("Relu", {"f"}, {"y"});
  model.constant("shape", Tensor::from_i64({-1})).node("Reshape", {"f", "shape"}, {"flat"}).node("KeepAbove", {"flat"}, {"k"}, {test::attribute("threshold", 1.0f)}, "example");
  return engine::write_engine(test::build(model).value()).value();
}

bool try_engine(const std::string& bytes) {
  auto engine = runtime::Engine::from_memory(bytes, nullptr, engine::Verify::kFull);
  if (!engine.ok()) {
    EXPECT_FALSE(engine.status().message().empty());
    return false;
  }
  (void)(*engine)->info_json();
  const std::vector<Value> inputs((*engine)->inputs().size(), Value(test::ramp({2, 9})));
  const auto results = test::run(*engine, inputs);
  EXPECT_TRUE(results.ok() || !results.status().message().empty());
  return true;
}

TEST(PluginMutation, TheSampleItselfRuns) { EXPECT_TRUE(try_engine(sample())); }

TEST(PluginMutation, HostileFilesWithGoodChecksums) {
  const std::string bytes = sample();
  const size_t metadata = bytes.size() - bytes.size() % engine::kBlobSectionAlignment;
  test::Mutator mutator({bytes.substr(0, metadata)}, 3);
  int ran = 0, refused = 0;
  for (int number = 0; number < kMutations; ++number) {
    auto [damaged, what] = mutator.at(static_cast<uint64_t>(number));
    SCOPED_TRACE(what);
    damaged.resize(metadata, '\0');
    damaged += bytes.substr(metadata);
    test::reseal(damaged);
    ++(try_engine(damaged) ? ran : refused);
  }
  EXPECT_GT(refused, kMutations / 4);
  EXPECT_GT(ran, 0);
}

}  // namespace
}  // namespace sinter
