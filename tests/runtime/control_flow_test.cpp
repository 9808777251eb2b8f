// If, Loop and Scan: bodies as child regions, captured values, shapes that change from one iteration to the next.
#include <gtest/gtest.h>

#include "runtime/context.h"
#include "support/plan_maker.h"

namespace sinter::runtime {
namespace {

using test::RegionMaker;

std::unique_ptr<ExecutionContext> context_for(const engine::EngineContents& contents) {
  test::register_test_tactics();
  auto bytes = engine::write_engine(contents);
  EXPECT_TRUE(bytes.ok()) << bytes.status().to_string();
  auto kept = std::make_shared<std::string>(std::move(bytes).value());
  auto engine = Engine::from_memory(*kept, kept, engine::Verify::kFull);
  EXPECT_TRUE(engine.ok()) << engine.status().to_string();
  return ExecutionContext::create(*engine, {.threads = 1}).value();
}

Tensor bool_scalar(bool value) { return Tensor::scalar<bool>(DType::kBool, value); }
Tensor i64_scalar(int64_t value) { return Tensor::scalar<int64_t>(DType::kI64, value); }

std::vector<double> numbers(const Value& value) { return value.tensor().to_f64(); }

TEST(ControlFlow, IfRunsOneBranchOnCapturedValues) {
  engine::EngineContents contents;
  RegionMaker main = test::add_region(contents, "main");
  const int32_t cond = main.input("cond", "bool[]"), x = main.input("x", "f32[n]");
  const int32_t a = main.arena("a", "f32[n]"), y = main.host("y", "f32[n]");
  main.kernel("test.relu", "Relu", {x}, {a});
  for (const char* branch : {"then_branch", "else_branch"}) {
    RegionMaker body = test::add_region(contents, branch, 0);
    const int32_t captured = body.capture("outer", "f32[n]", a), out = body.arena("out", "f32[n]");
    body.kernel("test.relu", "Relu", {captured}, {out});
    if (branch[0] == 't') {
      body.output(out);
    } else {
      const int32_t sum = body.arena("sum", "f32[n]");
      body.kernel("test.add", "Add", {out, captured}, {sum});
      body.output(sum);
    }
  }
  RegionMaker(contents, 0).control("If", {cond}, {y}, {{"then_branch", 1}, {"else_branch", 2}});
  RegionMaker(contents, 0).output(y);
  auto context = context_for(contents);
  for (const bool branch : {true, false, true}) {
    for (const float scale : {1.0f, 2.0f}) {
      auto results = context->run(std::vector<Value>{bool_scalar(branch), Tensor::from_f32({-1, 2 * scale, 3}, {3})});
      ASSERT_TRUE(results.ok()) << results.status().to_string();
      const double factor = branch ? 1 : 2;
      EXPECT_EQ(numbers((*results)[0]), (std::vector<double>{0, 2 * scale * factor, 3 * factor}));
    }
  }
}

// total ← total + step (captured), grown ← grown ++ total; scan output: total of each iteration.
TEST(ControlFlow, LoopCarriesValuesThatGrow) {
  engine::EngineContents contents;
  RegionMaker main = test::add_region(contents, "main");
  const int32_t trips = main.input("trips", "i64[]"), start = main.input("start", "f32[1]"), step = main.input("step", "f32[1]");
  const int32_t total = main.host("total", "f32[1]"), grown = main.host("grown", "f32[final]"), each = main.host("each", "f32[t,1]");
  const int32_t twice = main.host("twice", "f32[final]");
  RegionMaker body = test::add_region(contents, "body", 0);
  body.input("i", "i64[]");
  const int32_t go = body.input("go", "bool[]"), sum = body.input("sum", "f32[1]"), list = body.input("list", "f32[size]");
  const int32_t by = body.capture("by", "f32[1]", step);
  const int32_t next = body.arena("next", "f32[1]"), longer = body.arena("longer", "f32[size+1]");
  body.kernel("test.add", "Add", {sum, by}, {next});
  Attributes axis;
  axis.set("axis", int64_t{0});
  body.reference("Concat", {list, next}, {longer}, axis);
  body.output(go);
  body.output(next);
  body.output(longer);
  body.output(next);
  main.control("Loop", {trips, -1, start, start}, {total, grown, each}, {{"body", 1}});
  main.reference("Add", {grown, grown}, {twice});
  main.output(total);
  main.output(grown);
  main.output(each);
  main.output(twice);
  auto context = context_for(contents);
  for (int64_t count : {3, 0, 5, 3}) {
    auto results = context->run(
        std::vector<Value>{i64_scalar(count), Tensor::from_f32({10}, {1}), Tensor::from_f32({0.5f}, {1})});
    ASSERT_TRUE(results.ok()) << results.status().to_string();
    EXPECT_EQ(numbers((*results)[0])[0], 10 + 0.5 * static_cast<double>(count));
    std::vector<double> expected{10};
    for (int64_t i = 1; i <= count; ++i) expected.push_back(10 + 0.5 * static_cast<double>(i));
    EXPECT_EQ(numbers((*results)[1]), expected);
    EXPECT_EQ((*results)[2].tensor().dims(), (Dims{count, 1}));
    EXPECT_EQ(numbers((*results)[3]).back(), 2 * expected.back());
  }
}

TEST(ControlFlow, NestedBodiesReachTheMainRegion) {
  engine::EngineContents contents;
  RegionMaker main = test::add_region(contents, "main");
  const int32_t cond = main.input("cond", "bool[]"), x = main.input("x", "f32[n]"), y = main.host("y", "f32[n]");
  const int32_t view = main.alias("view", "f32[n]", x);
  RegionMaker outer_then = test::add_region(contents, "then", 0);
  const int32_t captured = outer_then.capture("x1", "f32[n]", view), inner_cond = outer_then.capture("c1", "bool[]", cond);
  const int32_t out = outer_then.host("out", "f32[n]");
  outer_then.control("If", {inner_cond}, {out}, {{"then_branch", 2}, {"else_branch", 3}});
  outer_then.output(out);
  for (const char* name : {"inner_then", "inner_else"}) {
    RegionMaker inner = test::add_region(contents, name, 1);
    const int32_t deep = inner.capture("x2", "f32[n]", captured), result = inner.arena("result", "f32[n]");
    inner.reference("Neg", {deep}, {result});
    inner.output(result);
  }
  RegionMaker outer_else = test::add_region(contents, "else", 0);
  outer_else.output(outer_else.capture("x1", "f32[n]", view));
  RegionMaker(contents, 0).control("If", {cond}, {y}, {{"then_branch", 1}, {"else_branch", 4}});
  RegionMaker(contents, 0).output(y);
  auto context = context_for(contents);
  for (const bool branch : {true, false}) {
    auto results = context->run(std::vector<Value>{bool_scalar(branch), Tensor::from_f32({1, 2}, {2})});
    ASSERT_TRUE(results.ok()) << results.status().to_string();
    EXPECT_EQ(numbers((*results)[0]), branch ? (std::vector<double>{-1, -2}) : (std::vector<double>{1, 2}));
  }
  EXPECT_EQ(context->profile().size(), 4u);
}

TEST(ControlFlow, SequencesAndOptionalsPassThrough) {
  engine::EngineContents contents;
  RegionMaker main = test::add_region(contents, "main");
  const int32_t x = main.input("x", "f32[n]"), at = main.input("at", "i64[]");
  const int32_t a = main.arena("a", "f32[n]"), list = main.host("list", "seq(f32[*])"), same = main.alias("same", "seq(f32[*])", list);
  const int32_t picked = main.host("picked", "f32[*]");
  main.reference("Neg", {x}, {a});
  main.reference("SequenceConstruct", {x, a}, {list});
  main.reference("SequenceAt", {same, at}, {picked});
  main.output(list);
  main.output(picked);
  auto context = context_for(contents);
  auto results = context->run(std::vector<Value>{Tensor::from_f32({1, 2}, {2}), i64_scalar(1)});
  ASSERT_TRUE(results.ok()) << results.status().to_string();
  // The next run must not change what came out of this one.
  ASSERT_TRUE(context->run(std::vector<Value>{Tensor::from_f32({7, 7}, {2}), i64_scalar(0)}).ok());
  ASSERT_EQ((*results)[0].sequence().size(), 2u);
  EXPECT_EQ(numbers((*results)[0].sequence()[0]), (std::vector<double>{1, 2}));
  EXPECT_EQ(numbers((*results)[0].sequence()[1]), (std::vector<double>{-1, -2}));
  EXPECT_EQ(numbers((*results)[1]), (std::vector<double>{-1, -2}));
}

}  // namespace
}  // namespace sinter::runtime
