// Whole plans of small graphs: right results through engine bytes and contexts, determinism, budgets, refusals.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "builder/builder.h"
#include "engine/engine_file.h"
#include "ir/graph.h"
#include "passes/pass.h"
#include "runtime/context.h"
#include "support/temporary.h"

namespace sinter::builder {
namespace {

Tensor random_tensor(Dims dims, uint32_t seed) {
  Tensor tensor(DType::kF32, std::move(dims));
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.data<float>()[i] = normal(random);
  return tensor;
}

// Two branches that meet in a Concat, a residual, a pool and a product: views, layouts and epilogues all occur.
const char* const kNet = R"ir(graph net(%x: f32[1,3,17,19]) -> (%y) {
  %w1 = const f32[32,3,3,3] #w1
  %w2 = const f32[32,32,1,1] #w2
  %w3 = const f32[32,1,3,3] #w3
  %fc = const f32[64,10] #fc
  %a = Conv(%x, %w1) [pads=[1,1,1,1], strides=[1,1], dilations=[1,1], group=1, auto_pad="NOTSET"]
  %b = Relu(%a)
  %c = Conv(%b, %w2) [pads=[0,0,0,0], strides=[1,1], dilations=[1,1], group=1, auto_pad="NOTSET"]
  %d = Conv(%b, %w3) [pads=[1,1,1,1], strides=[1,1], dilations=[1,1], group=32, auto_pad="NOTSET"]
  %e = Add(%c, %b)
  %f = Concat(%e, %d) [axis=1]
  %g = GlobalAveragePool(%f)
  %h = Flatten(%g) [axis=1]
  %y = MatMul(%h, %fc)
}
)ir";

std::unique_ptr<ir::Graph> make_net() {
  const ir::BlobMap blobs{{"w1", random_tensor({32, 3, 3, 3}, 1)}, {"w2", random_tensor({32, 32, 1, 1}, 2)},
                          {"w3", random_tensor({32, 1, 3, 3}, 3)}, {"fc", random_tensor({64, 10}, 4)}};
  auto graph = ir::parse(kNet, &blobs);
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  if (!graph.ok()) return nullptr;
  const Status typed = ir::infer_types(**graph);
  EXPECT_TRUE(typed.ok()) << typed.to_string();
  return std::move(graph).value();
}

Result<std::vector<Value>> run(BuildResult built, const ir::Graph& graph, std::vector<Value> inputs) {
  engine::EngineContents contents;
  for (const ir::Value* value : graph.inputs) contents.manifest.inputs.push_back({value->name, value->type, {}});
  for (const ir::Value* value : graph.outputs) contents.manifest.outputs.push_back({value->name, value->type, {}});
  contents.manifest.isa = built.plan.isa;
  contents.plan = std::move(built.plan);
  contents.blobs = std::move(built.blobs);
  SINTER_ASSIGN(const std::string bytes, engine::write_engine(contents));
  SINTER_ASSIGN(const auto engine, runtime::Engine::from_memory(bytes));
  SINTER_ASSIGN(const auto context, runtime::ExecutionContext::create(engine, {}));
  return context->run(inputs);
}

void expect_close(const std::vector<Value>& got, const std::vector<Value>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) {
    const auto a = got[i].tensor().to_f64(), b = wanted[i].tensor().to_f64();
    ASSERT_EQ(a.size(), b.size());
    for (size_t k = 0; k < a.size(); ++k) EXPECT_NEAR(a[k], b[k], 1e-4 * (1 + std::fabs(b[k])));
  }
}

TEST(Build, ResultsEqualTheReferenceEvaluatorWithAndWithoutPasses) {
  auto graph = make_net();
  ASSERT_NE(graph, nullptr);
  const std::vector<Value> inputs{random_tensor({1, 3, 17, 19}, 9)};
  const auto wanted = ir::evaluate(*graph, inputs);
  ASSERT_TRUE(wanted.ok()) << wanted.status().to_string();
  for (const bool optimised : {false, true}) {
    if (optimised) {
      ASSERT_TRUE(passes::run_pipeline(*graph, {}).ok());
    }
    for (const int threads : {1, 2}) {
      BuildOptions options;
      options.threads = threads;
      auto built = build_plan(*graph, options);
      ASSERT_TRUE(built.ok()) << built.status().to_string();
      EXPECT_GT(built->report.aliased, 0);
      const auto got = run(std::move(built).value(), *graph, inputs);
      ASSERT_TRUE(got.ok()) << got.status().to_string();
      expect_close(*got, *wanted);
    }
  }
}

TEST(Build, TheSameTimingsGiveTheSameBytes) {
  auto graph = make_net();
  ASSERT_NE(graph, nullptr);
  const testing::TemporaryFolder folder;
  BuildOptions options;
  options.timing_cache = folder.path("timings");
  std::string first;
  for (int round = 0; round < 2; ++round) {
    auto built = build_plan(*graph, options);
    ASSERT_TRUE(built.ok()) << built.status().to_string();
    if (round == 1) {
      EXPECT_EQ(built->report.timed_offers, 0);
    }
    engine::EngineContents contents;
    contents.plan = std::move(built->plan);
    contents.blobs = std::move(built->blobs);
    contents.report_json = built->report.to_json(true);
    const auto bytes = engine::write_engine(contents);
    ASSERT_TRUE(bytes.ok());
    if (round == 0) first = *bytes;
    EXPECT_EQ(*bytes, first);
  }
}

TEST(Build, LimitsBindAndSaySo) {
  auto graph = make_net();
  ASSERT_NE(graph, nullptr);
  BuildOptions options;
  options.max_build_memory_bytes = 1000;
  auto small = build_plan(*graph, options);
  ASSERT_FALSE(small.ok());
  EXPECT_EQ(small.status().code(), Code::kOutOfMemory);
  EXPECT_NE(small.status().message().find("--max-build-memory"), std::string::npos);

  options = {};
  options.workspace_bytes = 0;
  auto tight = build_plan(*graph, options);
  ASSERT_TRUE(tight.ok()) << tight.status().to_string();
  for (const LayerReport& layer : tight->report.layers) EXPECT_EQ(layer.workspace_bytes, 0) << layer.name;

  options = {};
  options.threads = 0;
  EXPECT_FALSE(build_plan(*graph, options).ok());
}

TEST(Build, FallbackErrorNamesTheNodeAndTheReasons) {
  auto graph = ir::parse("graph g(%x: f64[4,4]) -> (%y) {\n  %y = Det(%x)\n}\n");
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  ASSERT_TRUE(ir::infer_types(**graph).ok());
  BuildOptions options;
  ASSERT_TRUE(build_plan(**graph, options).ok());
  options.fallback = Fallback::kError;
  const auto refused = build_plan(**graph, options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kUnsupported);
  EXPECT_NE(refused.status().message().find("Det"), std::string::npos);
  EXPECT_NE(refused.status().message().find("--fallback=reference"), std::string::npos);
}

TEST(Build, CancelledByProgress) {
  auto graph = make_net();
  ASSERT_NE(graph, nullptr);
  BuildOptions options;
  options.progress = [](const Progress& progress) { return progress.done < 3; };
  const auto cancelled = build_plan(*graph, options);
  ASSERT_FALSE(cancelled.ok());
  EXPECT_EQ(cancelled.status().code(), Code::kCancelled);
}

// A batch that is not known: one plan, several sizes.
TEST(Build, DynamicBatch) {
  auto graph = make_net();
  ASSERT_NE(graph, nullptr);
  std::string text = ir::print(*graph, -1);
  text.replace(text.find("f32[1,3,17,19]"), 14, "f32[n,3,17,19]");
  // Types that were inferred for batch 1 are inferred anew.
  auto dynamic = ir::parse(text.substr(0, text.find("\n  %a: ")) + "\n" + [] {
    const std::string net = kNet;
    return net.substr(net.find("  %a = "));
  }());
  ASSERT_TRUE(dynamic.ok()) << dynamic.status().to_string();
  ASSERT_TRUE(ir::infer_types(**dynamic).ok());
  auto built = build_plan(**dynamic, {});
  ASSERT_TRUE(built.ok()) << built.status().to_string();
  for (const int64_t batch : {1, 3}) {
    const std::vector<Value> inputs{random_tensor({batch, 3, 17, 19}, 5)};
    const auto wanted = ir::evaluate(**dynamic, inputs);
    ASSERT_TRUE(wanted.ok());
    BuildResult copy = *built;
    const auto got = run(std::move(copy), **dynamic, inputs);
    ASSERT_TRUE(got.ok()) << got.status().to_string();
    expect_close(*got, *wanted);
  }
}

}  // namespace
}  // namespace sinter::builder
