// Damaged and hostile engines: every one is one clear error or runs; never a crash (the asan preset runs this too).
#include <gtest/gtest.h>

#include <cstring>

#include "engine/layout.h"
#include "runtime/context.h"
#include "support/mutate.h"
#include "support/plan_maker.h"
#include "support/reseal.h"

namespace sinter {
namespace {

constexpr int kMutations = 2000;  // of each kind

// Kernels, reference steps, views, a body, constants, data-dependent sizes.
std::string sample_engine() {
  test::register_test_tactics();
  engine::EngineContents contents;
  contents.manifest.sinter_version = "0.1.0";
  contents.manifest.inputs = {{"x", ValueType::parse("f32[n,16]").value(), {"x"}}};
  contents.report_json = "{}";
  test::RegionMaker main = test::add_region(contents, "main");
  contents.plan.symbols.push_back({"n", 1, 2, 64});
  Tensor weights(DType::kF32, {16});
  std::memset(weights.raw(), 0, static_cast<size_t>(weights.bytes()));
  const int32_t x = main.input("x", "f32[n,16]"), w = main.constant("w", weights);
  const int32_t whole = main.arena("whole", "f32[2*n,16]");
  const int32_t top = main.alias("top", "f32[n,16]", whole);
  const int32_t bottom = main.alias("bottom", "f32[n,16]", whole, Dim::symbol("n") * Dim(64));
  const int32_t sum = main.arena("sum", "f32[2*n,16]"), positions = main.host("positions", "i64[2,k]");
  main.kernel("test.relu", "Relu", {x}, {top}).offer.in_place_input = 0;
  main.reference("Add", {x, w}, {bottom});
  main.reference("Neg", {whole}, {sum});
  main.reference("NonZero", {sum}, {positions});
  main.output(sum);
  main.output(positions);
  contents.manifest.shapes_to_warm = {{{2, 16}}, {{4, 16}}};
  contents.further.push_back({contents.plan, contents.blobs});
  contents.further[0].plan.symbols[0] = {"n", 3, 4, 9};
  contents.manifest.further_profiles = {contents.further[0].plan.symbols};
  contents.portable = engine::PortablePart{"graph", {{"digest", weights}}, {{"packed", {DType::kF32, {2, 8}, 0, {{8, 0}, {0, 1, 2, 3, 4, 5, 6, 7}}}}}};
  return engine::write_engine(contents).value();
}

struct Count {
  int refused = 0, ran = 0;
};

// Loads, and when that succeeds runs.
void try_engine(const std::string& bytes, Count& count) {
  auto engine = runtime::Engine::from_memory(bytes, nullptr, engine::Verify::kFull);
  if (!engine.ok()) {
    EXPECT_FALSE(engine.status().message().empty());
    ++count.refused;
    return;
  }
  (void)(*engine)->info_json();
  (void)(*engine)->file().portable();
  auto context = runtime::ExecutionContext::create(*engine, {.threads = 1});
  if (!context.ok()) {  // it makes ready for shapes that the engine names
    EXPECT_FALSE(context.status().message().empty());
    ++count.refused;
    return;
  }
  Tensor input(DType::kF32, {2, 16});
  for (int i = 0; i < 32; ++i) input.data<float>()[i] = static_cast<float>(i % 7 - 3);
  const std::vector<Value> inputs((*engine)->inputs().size(), Value(input));
  const auto results = (*context)->run(inputs);
  EXPECT_TRUE(results.ok() || !results.status().message().empty());
  ++count.ran;
}

TEST(Mutation, TheSampleItselfRuns) {
  Count count;
  std::string bytes = sample_engine();
  try_engine(bytes, count);
  EXPECT_EQ(count.ran, 1);
  const std::string before = bytes;
  test::reseal(bytes);
  EXPECT_EQ(bytes, before);
}

TEST(Mutation, DamagedFiles) {
  const std::string bytes = sample_engine();
  Count count;
  test::Mutator mutator({bytes}, 1);
  for (int number = 0; number < kMutations; ++number) {
    const auto mutation = mutator.at(static_cast<uint64_t>(number));
    SCOPED_TRACE(mutation.what);
    try_engine(mutation.bytes, count);
  }
  // What gets through hit the padding between sections.
  EXPECT_GT(count.refused, kMutations * 3 / 4);
}

TEST(Mutation, HostileFilesWithGoodChecksums) {
  // Only what comes before the weights is changed: those are plain data.
  const std::string bytes = sample_engine();
  Count count;
  const size_t metadata = bytes.size() - bytes.size() % engine::kBlobSectionAlignment;
  test::Mutator mutator({bytes.substr(0, metadata)}, 2);
  for (int number = 0; number < kMutations; ++number) {
    auto [damaged, what] = mutator.at(static_cast<uint64_t>(number));
    SCOPED_TRACE(what);
    damaged.resize(metadata, '\0');
    damaged += bytes.substr(metadata);
    test::reseal(damaged);
    try_engine(damaged, count);
  }
  EXPECT_GT(count.refused, kMutations / 4);
  EXPECT_GT(count.ran, 0);
}

TEST(Mutation, EveryTruncation) {
  const std::string bytes = sample_engine();
  Count count;
  for (size_t size = 0; size < bytes.size(); ++size) try_engine(bytes.substr(0, size), count);
  EXPECT_EQ(count.ran, 0);
}

}  // namespace
}  // namespace sinter
