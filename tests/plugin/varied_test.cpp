// What a plugin's description can say, through models.
#include "plugin/guard.h"
#include "plugin/support.h"

namespace sinter {
namespace {

using test::attribute;
using test::expect_says;
using test::ramp;

class Varied : public ::testing::Test {
 protected:
  void SetUp() override { test::need_plugin("varied"); }
  static test::ModelBuilder model() {
    test::ModelBuilder made;
    made.import(1, "varied");
    return made;
  }
};

std::vector<float> floats(const Value& value) {
  const Tensor& tensor = value.tensor();
  return {tensor.data<float>(), tensor.data<float>() + tensor.count()};
}

TEST_F(Varied, VariadicInputs) {
  for (size_t count : {1, 2, 5}) {
    test::ModelBuilder made = model();
    std::vector<std::string> names;
    std::vector<Value> inputs;
    for (size_t i = 0; i < count; ++i) {
      names.push_back("x" + std::to_string(i));
      made.input(names.back(), "f32[3]");
      inputs.push_back(ramp({3}));
    }
    made.output("y", "f32[3]").node("Total", names, {"y"}, {}, "varied");
    const auto y = test::build_and_run(made, inputs);
    ASSERT_TRUE(y.ok()) << y.status().to_string();
    const auto n = static_cast<float>(count);
    EXPECT_EQ(floats((*y)[0]), (std::vector<float>{-4.5f * n, -3.5f * n, -2.5f * n}));
  }
  test::ModelBuilder none = model();
  none.output("y", "f32[3]").node("Total", {}, {"y"}, {}, "varied");
  expect_says(test::build(none).status(), {"Total", "0 inputs", "at least 1"});
}

TEST_F(Varied, TypesByLetter) {
  test::ModelBuilder made = model();
  made.input("x", "f32[3]").input("y", "i64[3]").output("z", "f32[3]").node("Choice", {"x", "y"}, {"z"}, {}, "varied");
  expect_says(test::build(made).status(), {"Choice", "input 0 is f32", "input 1 is i64"});
  for (const char* type : {"u8", "bool", "f16", "i64"}) {
    test::ModelBuilder good = model();
    good.input("x", std::string(type) + "[n]").output("z", std::string(type) + "[n]").node("Choice", {"x"}, {"z"}, {}, "varied");
    const Tensor x = ramp({13}).cast(*parse_dtype(type));
    const auto z = test::build_and_run(good, {x});
    ASSERT_TRUE(z.ok()) << z.status().to_string();
    EXPECT_TRUE((*z)[0].tensor().identical(x)) << type;
  }
}

TEST_F(Varied, OptionalInputsAndOutputs) {
  for (const bool given : {false, true}) {
    for (const bool wanted : {false, true}) {
      test::ModelBuilder made = model();
      made.input("x", "f32[2]").input("y", "f32[n]").output("z", "f32[*]");
      if (wanted) made.output("count", "i64[]");
      made.node("Choice", {"x", given ? "y" : ""}, wanted ? std::vector<std::string>{"z", "count"} : std::vector<std::string>{"z"}, {}, "varied");
      const auto results = test::build_and_run(made, {ramp({2}), ramp({5})});
      ASSERT_TRUE(results.ok()) << results.status().to_string();
      EXPECT_EQ((*results)[0].tensor().count(), given ? 5 : 2);
      if (wanted) {
        EXPECT_EQ((*results)[1].tensor().to_i64(), std::vector<int64_t>{given ? 2 : 1});
      }
    }
  }
}

TEST_F(Varied, AttributesOfEveryKind) {
  test::ModelBuilder made = model();
  made.input("x", "f32[8]").output("y", "f32[8]").output("d", "f32[8]");
  onnx::AttributeProto fs = attribute("fs", 0), ss = attribute("ss", 0);
  fs.set_type(onnx::kAttrFloats);
  fs.add_floats(0.25f);
  ss.set_type(onnx::kAttrStrings);
  ss.add_strings("abc");
  ss.add_strings("");
  made.node("Echo", {"x"}, {"d"}, {}, "varied");
  made.node("Echo", {"x"}, {"y"}, {attribute("i", -3), attribute("s", ""), attribute("is", std::vector<int64_t>{}), fs, ss, attribute("t", ramp({4}))}, "varied");
  const auto results = test::build_and_run(made, {ramp({8})});
  ASSERT_TRUE(results.ok()) << results.status().to_string();
  EXPECT_EQ(floats((*results)[0]), (std::vector<float>{-3, 1.5f, 0, 0.25f, 3, 0, -1.5f, -1}));
  EXPECT_EQ(floats((*results)[1]), (std::vector<float>{7, 1.5f, 4, 10, 20, -1, -1, -1}));
}

// A shape from an input: a constant, an expression that is followed through other nodes, and one that is known at run time alone.
TEST_F(Varied, SizesFromAnInput) {
  test::ModelBuilder constant = model();
  constant.input("x", "f32[3]").constant("shape", Tensor::from_i64({2, 4})).output("y", "f32[2,4]").node("Shaped", {"x", "shape"}, {"y"}, {}, "varied");
  const auto built = test::build(constant);
  ASSERT_TRUE(built.ok()) << built.status().to_string();
  EXPECT_EQ(built->plan.regions[0].steps.at(0).tactic, "cpu.plugin_operator");
  const auto first = test::build_and_run(constant, {ramp({3})});
  ASSERT_TRUE(first.ok()) << first.status().to_string();
  EXPECT_EQ(floats((*first)[0]), (std::vector<float>{-4.5f, -3.5f, -2.5f, -4.5f, -3.5f, -2.5f, -4.5f, -3.5f}));

  test::ModelBuilder followed = model();
  followed.input("x", "f32[n,m]").output("y", "f32[*]").node("Shape", {"x"}, {"s"}).node("Shaped", {"x", "s"}, {"y"}, {}, "varied");
  const auto second = test::build_and_run(followed, {ramp({3, 5})});
  ASSERT_TRUE(second.ok()) << second.status().to_string();
  EXPECT_TRUE((*second)[0].tensor().identical(ramp({3, 5})));

  test::ModelBuilder late = model();
  late.input("x", "f32[n]").input("s", "i64[2]").output("y", "f32[*]").node("Shaped", {"x", "s"}, {"y"}, {}, "varied");
  for (const auto& [a, b] : {std::pair<int64_t, int64_t>{2, 3}, {1, 7}, {0, 9}}) {
    const auto third = test::build_and_run(late, {ramp({4}), Tensor::from_i64({a, b})});
    ASSERT_TRUE(third.ok()) << third.status().to_string();
    EXPECT_EQ((*third)[0].tensor().dims(), (Dims{a, b}));
  }
  for (const auto& [a, b] : {std::pair<int64_t, int64_t>{-1, 3}, {int64_t{1} << 40, int64_t{1} << 40}}) {
    expect_says(test::build_and_run(late, {ramp({4}), Tensor::from_i64({a, b})}).status(), {"Shaped", "plugin 'varied' (varied.so)", "expected"});
  }
}

}  // namespace
}  // namespace sinter
