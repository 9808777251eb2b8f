// validate(): a good plan passes; each way to break it is refused with a message that names the place.
#include <gtest/gtest.h>

#include <functional>

#include "support/plan_maker.h"

namespace sinter::plan {
namespace {

engine::EngineContents good_contents() {
  engine::EngineContents contents;
  test::RegionMaker main = test::add_region(contents, "main");
  contents.plan.symbols.push_back({"n", 1, 2, 8});
  const int32_t x = main.input("x", "f32[n,16]"), cond = main.input("cond", "bool[]");
  Tensor weights(DType::kF32, {16});
  const int32_t w = main.constant("w", weights);                                     // 2
  const int32_t whole = main.arena("whole", "f32[2*n,16]");                          // 3
  const int32_t top = main.alias("top", "f32[n,16]", whole);                         // 4
  const int32_t bottom = main.alias("bottom", "f32[n,16]", whole, Dim::symbol("n") * Dim(64));  // 5
  const int32_t view = main.alias("view", "f32[32*n]", whole);                       // 6
  const int32_t chosen = main.host("chosen", "f32[m]");                              // 7
  main.kernel("test.relu", "Relu", {x}, {top});
  main.reference("Add", {x, w}, {bottom});
  test::RegionMaker body = test::add_region(contents, "then", 0);
  const int32_t captured = body.capture("outer", "f32[32*n]", view), out = body.arena("out", "f32[32*n]");
  body.reference("Neg", {captured}, {out});
  body.output(out);
  test::RegionMaker other = test::add_region(contents, "else", 0);
  other.output(other.capture("outer", "f32[32*n]", view));
  test::RegionMaker(contents, 0).control("If", {cond}, {chosen}, {{"then_branch", 1}, {"else_branch", 2}});
  test::RegionMaker(contents, 0).output(chosen);
  test::RegionMaker(contents, 0).output(view);
  return contents;
}

TEST(Validate, AGoodPlanPasses) {
  const Status status = validate(good_contents().plan);
  EXPECT_TRUE(status.ok()) << status.to_string();
}

struct Break {
  const char* message;
  std::function<void(Plan&)> change;
};

TEST(Validate, EveryBreakIsNamed) {
  const auto value = [](Plan& plan, size_t index) -> PlanValue& { return plan.regions[0].values[index]; };
  const auto step = [](Plan& plan, size_t index) -> Step& { return plan.regions[0].steps[index]; };
  const std::vector<Break> breaks = {
      {"it has no region", [](Plan& plan) { plan.regions.clear(); }},
      {"region 0 has parent 1", [](Plan& plan) { plan.regions[0].parent = 1; }},
      {"region 1 has parent 1", [](Plan& plan) { plan.regions[1].parent = 1; }},
      {"region 1 has parent -1", [](Plan& plan) { plan.regions[1].parent = -1; }},
      {"region 2 'else' is used by no step", [&](Plan& plan) { step(plan, 2).regions.pop_back(); }},
      {"region 1 is used twice", [&](Plan& plan) { step(plan, 2).regions[1].second = 1; }},
      {"names region 0, which is no child", [&](Plan& plan) { step(plan, 2).regions[0].second = 0; }},
      {"names region 7, which is no child", [&](Plan& plan) { step(plan, 2).regions[0].second = 7; }},
      {"attribute 'then_branch' twice", [&](Plan& plan) { step(plan, 2).regions[1].first = "then_branch"; }},
      {"0 threads", [](Plan& plan) { plan.threads = 0; }},
      {"symbol 'n' has range", [](Plan& plan) { plan.symbols[0].opt = 9; }},
      {"symbol 'n' twice", [](Plan& plan) { plan.symbols.push_back(plan.symbols[0]); }},
      {"blob 0: 1 elements of dims [-1]", [](Plan& plan) { plan.blobs[0].dims = {-1}; }},
      {"blob 0: ", [](Plan& plan) { plan.blobs[0].dims = {INT64_MAX, INT64_MAX}; }},
      {"does not match blob 0 of dims [15]", [](Plan& plan) { plan.blobs[0].dims = {15}; }},
      {"does not match blob 0 of type f64", [](Plan& plan) { plan.blobs[0].dtype = DType::kF64; }},
      {"blob 1 is out of range", [&](Plan& plan) { value(plan, 2).index = 1; }},
      {"unknown dtype", [&](Plan& plan) { value(plan, 0).type.dtype = static_cast<DType>(77); }},
      {"unknown layout", [&](Plan& plan) { value(plan, 0).layout = static_cast<Layout>(9); }},
      {"can't have layout", [&](Plan& plan) { value(plan, 0).layout = Layout::kChannelsLast; }},
      {"unknown storage", [&](Plan& plan) { value(plan, 0).storage = static_cast<Storage>(50); }},
      {"region input 5 is out of range", [&](Plan& plan) { value(plan, 0).index = 5; }},
      {"which is no row-major input", [&](Plan& plan) { plan.regions[0].inputs[0] = 1; }},
      {"input -4 is out of range", [&](Plan& plan) { plan.regions[0].inputs[0] = -4; }},
      {"can't be in the arena", [&](Plan& plan) { value(plan, 3).type = ValueType::parse("string[2]").value(); }},
      {"is an alias of itself", [&](Plan& plan) { value(plan, 4).index = 5, value(plan, 5).index = 4; }},
      {"is an alias of itself", [&](Plan& plan) { value(plan, 4).index = 4; }},
      {"alias of value 99, which is out of range", [&](Plan& plan) { value(plan, 4).index = 99; }},
      {"is an alias of nothing", [&](Plan& plan) { value(plan, 3).storage = Storage::kNone; }},
      {"value 'x' can't be written", [&](Plan& plan) { step(plan, 1).outputs[0] = 0; }},
      {"value 'top' is made twice", [&](Plan& plan) { step(plan, 1).outputs[0] = 4; }},
      {"output 44 is out of range", [&](Plan& plan) { step(plan, 1).outputs[0] = 44; }},
      {"input 44 is out of range", [&](Plan& plan) { step(plan, 1).inputs[0] = 44; }},
      {"value 'bottom' is used before it is made", [&](Plan& plan) { step(plan, 1).inputs[0] = 5; }},
      {"value 'view' is used before it is made", [&](Plan& plan) { step(plan, 1).inputs[0] = 6; }},
      {"value 'chosen' is used before it is made", [&](Plan& plan) { step(plan, 2).inputs[0] = 7; }},
      {"value 'chosen' is used before it is made", [&](Plan& plan) { step(plan, 2).outputs[0] = -1; }},
      {"captured value 40 is out of range", [](Plan& plan) { plan.regions[1].values[0].index = 40; }},
      {"is captured as", [](Plan& plan) { plan.regions[1].values[0].index = 1; }},
      {"unknown kind", [&](Plan& plan) { step(plan, 0).kind = static_cast<StepKind>(9); }},
      {"no kernel step", [&](Plan& plan) { step(plan, 0).tactic.clear(); }},
      {"no operator", [&](Plan& plan) { step(plan, 1).problem.op.clear(); }},
      {"but the problem has", [&](Plan& plan) { step(plan, 0).problem.inputs.clear(); }},
      {"the offer's layouts", [&](Plan& plan) { step(plan, 0).offer.input_layouts.clear(); }},
      {"in-place input 1 is out of range", [&](Plan& plan) { step(plan, 0).offer.in_place_input = 1; }},
      {"bad thread count", [&](Plan& plan) { step(plan, 0).problem.threads = 0; }},
      {"blob 3 is out of range", [&](Plan& plan) { step(plan, 0).blobs = {3}; }},
      {"packed input 0 must be a constant", [&](Plan& plan) { step(plan, 0).offer.packed_inputs = {true}; }},
      {"is not what the problem says", [&](Plan& plan) { step(plan, 0).problem.inputs[0].dtype = DType::kF16; }},
      {"is not what the problem says", [&](Plan& plan) { step(plan, 0).problem.outputs[0].shape[1] = Dim(17); }},
      {"epilogue base 9 is out of range", [&](Plan& plan) { step(plan, 0).problem.epilogue_base = 9; }},
      {"the epilogue has 0 inputs but", [&](Plan& plan) { step(plan, 0).problem.epilogue_base = 1; }},
      {"output 60 is out of range", [](Plan& plan) { plan.regions[0].outputs[0] = 60; }},
  };
  for (const Break& broken : breaks) {
    Plan plan = good_contents().plan;
    broken.change(plan);
    const Status status = validate(plan);
    ASSERT_FALSE(status.ok()) << "expected: " << broken.message;
    EXPECT_EQ(status.code(), Code::kInvalidEngine);
    EXPECT_NE(status.message().find(broken.message), std::string::npos) << "expected: " << broken.message << "\nfound: " << status.message();
  }
}

TEST(Validate, DeepNestingIsRefused) {
  Plan plan;
  plan.regions.resize(100);
  for (int32_t r = 1; r < 100; ++r) plan.regions[static_cast<size_t>(r)].parent = r - 1;
  EXPECT_NE(validate(plan).message().find("nested deeper"), std::string::npos);
}

TEST(Sizes, AreCheckedForOverflow) {
  EXPECT_EQ(physical_bytes(DType::kF32, Layout::kRowMajor, {2, 3}), 24);
  EXPECT_EQ(physical_bytes(DType::kU4, Layout::kRowMajor, {3}), 2);
  EXPECT_EQ(physical_bytes(DType::kF32, Layout::kRowMajor, {}), 4);
  EXPECT_EQ(physical_bytes(DType::kF32, Layout::kChannelsBlocked16, {2, 17, 5}), 2 * 32 * 5 * 4);
  EXPECT_EQ(physical_bytes(DType::kF32, Layout::kChannelsBlocked8, {2, 17, 5}), 2 * 24 * 5 * 4);
  EXPECT_EQ(physical_bytes(DType::kF32, Layout::kRowMajor, {INT64_MAX, 0}), std::nullopt);
  EXPECT_EQ(physical_bytes(DType::kF32, Layout::kRowMajor, {0, 1 << 20}), 0);
  EXPECT_EQ(physical_bytes(DType::kF32, Layout::kRowMajor, {-1}), std::nullopt);
  EXPECT_EQ(physical_bytes(DType::kF32, Layout::kRowMajor, {1 << 30, 1 << 30, 1 << 30}), std::nullopt);
  EXPECT_EQ(physical_bytes(DType::kF64, Layout::kRowMajor, {int64_t{1} << 46}), std::nullopt);
  EXPECT_EQ(physical_bytes(DType::kString, Layout::kRowMajor, {1}), std::nullopt);
  PlanValue value;
  value.type = ValueType::parse("f32[n,4]").value();
  EXPECT_EQ(physical_bytes(value, {}), std::nullopt);
  EXPECT_EQ(physical_bytes(value, {{"n", 3}}), 48);
}

}  // namespace
}  // namespace sinter::plan
