// Operators of plugins in models: against plain definitions, through engines, with what goes wrong in rules and kernels.
#include <cmath>
#include <limits>

#include "engine/engine_file.h"
#include "plugin/support.h"

namespace sinter {
namespace {

using test::attribute;
using test::expect_says;
using test::one_node;
using test::ramp;

constexpr double kTurn = 2 * 3.14159265358979323846;

// Plain frames of the last axis, in double.
std::vector<double> frames_of(const Tensor& x, int64_t size, int64_t step, bool hann) {
  const int64_t length = x.dim(-1), rows = length > 0 ? x.count() / length : 0;
  std::vector<double> out;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t from = 0; from + size <= length; from += step) {
      for (int64_t i = 0; i < size; ++i) out.push_back(x.data<float>()[row * length + from + i] * (hann ? 0.5 - 0.5 * std::cos(kTurn * static_cast<double>(i) / static_cast<double>(size)) : 1.0));
    }
  }
  return out;
}

void expect_near(const Tensor& found, const std::vector<double>& wanted) {
  ASSERT_EQ(found.count(), static_cast<int64_t>(wanted.size()));
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (std::isnan(wanted[i])) EXPECT_TRUE(std::isnan(found.data<float>()[i])) << i;
    else EXPECT_NEAR(found.data<float>()[i], wanted[i], 1e-6 * (1 + std::abs(wanted[i]))) << i;
  }
}

class Plugins : public ::testing::Test {
 protected:
  void SetUp() override {
    test::need_plugin("example");
    test::need_plugin("faulty");
  }
};

TEST_F(Plugins, StaticAndDynamicSizes) {
  struct Row {
    Dims dims;
    int64_t size, step;
  };
  for (const Row& row : {Row{{16}, 4, 2}, Row{{3, 17}, 5, 3}, Row{{2, 3, 40}, 8, 8}, Row{{4}, 4, 1}, Row{{3}, 4, 1}, Row{{2, 0}, 1, 1}, Row{{0, 9}, 2, 2}, Row{{1, 100001}, 400, 160}, Row{{1, 1}, 1, 1}}) {
    Tensor x = ramp(row.dims);
    if (x.count() > 3) x.data<float>()[2] = std::numeric_limits<float>::quiet_NaN();
    std::string dynamic = "f32[", fixed = "f32[";
    for (size_t i = 0; i < row.dims.size(); ++i) {
      dynamic += (i ? ",n" : "n") + std::to_string(i);
      fixed += (i ? "," : "") + std::to_string(row.dims[i]);
    }
    for (const std::string& type : {fixed + "]", dynamic + "]"}) {
      SCOPED_TRACE(type);
      const auto y = test::build_and_run(one_node("example", "Frame", type, "f32[*]", {attribute("size", row.size), attribute("step", row.step)}), {x});
      ASSERT_TRUE(y.ok()) << y.status().to_string();
      expect_near((*y)[0].tensor(), frames_of(x, row.size, row.step, true));
    }
  }
}

TEST_F(Plugins, TheKernelIsATactic) {
  const auto contents = test::build(one_node("example", "Frame", "f32[2,n]", "f32[*]", {attribute("size", 4), attribute("window", "none")}));
  ASSERT_TRUE(contents.ok()) << contents.status().to_string();
  const plan::Step& step = contents->plan.regions[0].steps.at(0);
  EXPECT_EQ(step.tactic, "cpu.plugin_operator");
  EXPECT_EQ(step.offer.config, "example 1.0.0");
  ASSERT_EQ(contents->manifest.plugins.size(), 1u);
  EXPECT_EQ(contents->manifest.plugins[0].name, "example");
  EXPECT_EQ(contents->manifest.plugins[0].file, "example.so");
  EXPECT_EQ(contents->manifest.plugins[0].operators, std::vector<std::string>{"example.Frame"});
  EXPECT_NE(to_json(contents->manifest).find("\"plugins\": [{\"name\": \"example\""), std::string::npos);
}

TEST_F(Plugins, AmongOtherOperatorsAndThroughAFile) {
  test::ModelBuilder model;
  model.import(1, "example").input("x", "f32[n]").output("y", "f32[*]").output("k", "i64[*]");
  model.node("Mul", {"x", "x"}, {"xx"}).node("Frame", {"xx"}, {"f"}, {attribute("size", 3), attribute("step", 3), attribute("window", "none")}, "example");
  model.constant("axes", Tensor::from_i64({1})).node("ReduceSum", {"f", "axes"}, {"s"}, {attribute("keepdims", 0)}).node("KeepAbove", {"s"}, {"v", "k"}, {attribute("threshold", 30.0f)}, "example");
  model.node("Neg", {"v"}, {"y"});
  auto contents = test::build(model);
  ASSERT_TRUE(contents.ok()) << contents.status().to_string();
  const testing::TemporaryFolder folder;
  ASSERT_TRUE(engine::write_engine(*contents, folder.path("m.engine")).ok());
  auto engine = runtime::Engine::load(folder.path("m.engine"));
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  const Tensor x = ramp({22});
  const auto results = test::run(*engine, {x});
  ASSERT_TRUE(results.ok()) << results.status().to_string();
  std::vector<double> values;
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < 7; ++i) {
    double sum = 0;
    for (int64_t k = 3 * i; k < 3 * i + 3; ++k) sum += x.data<float>()[k] * x.data<float>()[k];
    if (sum <= 30) continue;
    values.push_back(-sum);
    kept.push_back(i);
  }
  ASSERT_GT(kept.size(), 1u);
  expect_near((*results)[0].tensor(), values);
  EXPECT_EQ((*results)[1].tensor().to_i64(), kept);
}

TEST_F(Plugins, InBodiesOfControlFlow) {
  test::ModelBuilder body, model;
  body.graph().set_name("body");
  body.output("f", "f32[*]").node("Frame", {"x"}, {"f"}, {attribute("size", 2), attribute("window", "none")}, "example");
  test::ModelBuilder other;
  other.graph().set_name("other");
  other.output("g", "f32[*]").node("Identity", {"x"}, {"g"});
  model.import(1, "example").input("x", "f32[5]").input("c", "bool[]").output("y", "f32[*]");
  model.node("If", {"c"}, {"y"}, {attribute("then_branch", body.graph()), attribute("else_branch", other.graph())});
  const Tensor x = ramp({5});
  const auto y = test::build_and_run(model, {x, Tensor::scalar<bool>(DType::kBool, true)});
  ASSERT_TRUE(y.ok()) << y.status().to_string();
  expect_near((*y)[0].tensor(), frames_of(x, 2, 1, false));
}

TEST_F(Plugins, ConstantsAreComputedWhileBuilding) {
  test::ModelBuilder model;
  const Tensor x = ramp({6});
  model.import(1, "example").constant("x", x).output("y", "f32[2,3]").node("Frame", {"x"}, {"y"}, {attribute("size", 3), attribute("step", 3)}, "example");
  auto contents = test::build(model);
  ASSERT_TRUE(contents.ok()) << contents.status().to_string();
  EXPECT_TRUE(contents->plan.regions[0].steps.empty());
  EXPECT_TRUE(contents->manifest.plugins.empty());  // the engine runs without it
  const auto y = test::build_and_run(model, {});
  ASSERT_TRUE(y.ok());
  expect_near((*y)[0].tensor(), frames_of(x, 3, 3, true));
}

TEST_F(Plugins, RandomOnesAreNotComputedWhileBuilding) {
  test::ModelBuilder model;
  model.import(1, "faulty").constant("x", ramp({4})).output("y", "f32[4]").output("z", "f32[4]").node("Random", {"x"}, {"y"}, {}, "faulty").node("Random", {"x"}, {"z"}, {}, "faulty");
  const auto contents = test::build(model);
  ASSERT_TRUE(contents.ok()) << contents.status().to_string();
  EXPECT_EQ(contents->plan.regions[0].steps.size(), 2u);  // equal nodes stay apart
}

TEST_F(Plugins, BadNodes) {
  expect_says(test::build(one_node("example", "Frame", "f32[8]", "f32[*]")).status(), {"Frame", "attribute 'size' is missing"});
  expect_says(test::build(one_node("example", "Frame", "f32[8]", "f32[*]", {attribute("size", 2.0f)})).status(), {"'size'", "of kind float"});
  expect_says(test::build(one_node("example", "Frame", "f32[8]", "f32[*]", {attribute("size", 0)})).status(), {"size is 0 and step 1", "expected", "plugin 'example' (example.so)"});
  expect_says(test::build(one_node("example", "Frame", "f16[8]", "f32[*]", {attribute("size", 2)})).status(), {"input 0", "f16", "f32"});
  expect_says(test::build(one_node("example", "Frames", "f32[8]", "f32[*]")).status(), {"'Frames' of domain 'example'", "'example.Frame'", "--plugins"});
  // Its state is made before a run, not while building: the window's name is looked at then.
  expect_says(test::build_and_run(one_node("example", "Frame", "f32[8]", "f32[*]", {attribute("size", 2), attribute("window", "door")}), {ramp({8})}).status(), {"window is 'door'"});
}

struct Wrong {
  const char* op;
  std::vector<std::string> words;
};

class WrongRule : public ::testing::TestWithParam<Wrong> {};

// A message while building, or before the kernel runs; and then something else works.
TEST_P(WrongRule, IsAnErrorBeforeTheLaunch) {
  test::need_plugin("example");
  test::need_plugin("faulty");
  const auto results = test::build_and_run(one_node("faulty", GetParam().op, "f32[n]", "f32[*]"), {ramp({9})});
  expect_says(results.status(), GetParam().words);
  expect_says(results.status(), {GetParam().op, "plugin 'faulty'", "expected"});
  EXPECT_TRUE(test::build_and_run(one_node("faulty", "Copy", "f32[n]", "f32[*]"), {ramp({9})}).ok());
}

INSTANTIATE_TEST_SUITE_P(All, WrongRule,
                         ::testing::Values(Wrong{"Negative", {"-3"}}, Wrong{"Overflowing", {"fits into memory"}}, Wrong{"RankChanging", {"[9,1]"}},
                                           Wrong{"RuleThrows", {"the rule is tired"}}, Wrong{"Silent", {"no type"}}, Wrong{"WrongType", {"i64"}}, Wrong{"DividesByZero", {"divides n by 0"}},
                                           Wrong{"AboveBound", {"size 10", "0 to 9"}}, Wrong{"NoSize", {"did not say how large"}}, Wrong{"RunThrows", {"no more numbers"}},
                                           Wrong{"ThreadThrows", {"a thread is tired"}}, Wrong{"RawThrows", {"threw an exception"}}, Wrong{"RawCode", {"returned 3"}},
                                           Wrong{"RawSays", {"the moon is not full"}}, Wrong{"NegativeWorkspace", {"-1 bytes of workspace"}}, Wrong{"NoState", {"no state today"}}),
                         [](const auto& info) { return std::string(info.param.op); });

// The rule speaks of another size once it knows the length: the value does not fit the plan.
TEST_F(Plugins, SizesThatAreNotThePromisedOnes) {
  expect_says(test::build_and_run(one_node("faulty", "SizeChanging", "f32[n]", "f32[*]"), {ramp({9})}).status(), {"SizeChanging", "f32[10]", "f32[n]", "expected n = 9"});
}

// Sizes that are wrong for some inputs only.
TEST_F(Plugins, SizesThatAreWrongForTheseInputs) {
  const auto negative = test::build_and_run(one_node("faulty", "NegativeLater", "f32[n]", "f32[*]"), {ramp({9})});
  expect_says(negative.status(), {"-991"});
  expect_says(test::build_and_run(one_node("faulty", "OverflowingLater", "f32[n]", "f32[*]"), {ramp({9})}).status(), {"too large"});
}

TEST_F(Plugins, OpsetRanges) {
  test::ModelBuilder model;
  model.import(0, "example").input("x", "f32[8]").output("y", "f32[*]").node("Frame", {"x"}, {"y"}, {attribute("size", 2)}, "example");
  EXPECT_FALSE(test::build(model).ok());
  test::ModelBuilder undeclared;
  undeclared.input("x", "f32[8]").output("y", "f32[*]").node("Frame", {"x"}, {"y"}, {attribute("size", 2)}, "example");
  expect_says(test::build(undeclared).status(), {"no opset is imported for domain 'example'"});
}

TEST_F(Plugins, OpsetsOfADomain) {
  for (int64_t opset : {1, 2, 3, 4}) {
    test::ModelBuilder model;
    model.import(opset, "faulty").input("x", "f32[8]").output("y", "f32[8]").node("Ranged", {"x"}, {"y"}, {}, "faulty");
    const auto built = test::build(model);
    EXPECT_EQ(built.ok(), opset == 2 || opset == 3) << opset;
    if (opset == 1) expect_says(built.status(), {"Ranged", "opset 1", "opset 2 or newer"});
    if (opset == 4) expect_says(built.status(), {"Ranged", "opset 4 of domain 'faulty'", "2 to 3"});
  }
}

// What an engine names must be there, in the version it was built with.
TEST_F(Plugins, EnginesSayWhatTheyNeed) {
  auto contents = test::build(one_node("example", "Frame", "f32[8]", "f32[*]", {attribute("size", 2)}));
  ASSERT_TRUE(contents.ok());
  engine::EngineContents other = *contents;
  other.manifest.plugins[0].name = "elsewhere";
  other.manifest.plugins[0].file = "libelsewhere.so";
  const auto missing = runtime::Engine::from_contents(other);
  expect_says(missing.status(), {"plugin 'elsewhere' 1.0.0", "example.Frame", "--plugins=PATH/libelsewhere.so", "expected"});
  EXPECT_EQ(missing.status().code(), Code::kNotFound);
  other = *contents;
  other.manifest.plugins[0].version = "0.9";
  expect_says(runtime::Engine::from_contents(other).status(), {"'example' 0.9", "version 1.0.0", "retune"});
  other = *contents;
  other.manifest.plugins[0].hash = "0123";
  EXPECT_TRUE(runtime::Engine::from_contents(other).ok());  // built again from the same source: said in the log
}

}  // namespace
}  // namespace sinter
