// Kernels tried between guard pages: what each wrong one is said to do, and that this process lives.
#include "plugin/guard.h"

#include "plugin/support.h"
#include "session/check_plugins.h"

namespace sinter {
namespace {

using test::attribute;
using test::expect_says;

session::PluginReport check(const test::ModelBuilder& model) {
  const testing::TemporaryFolder folder;
  auto report = session::check_plugins(test::request_for(model, folder));
  EXPECT_TRUE(report.ok()) << report.status().to_string();
  return report.ok() ? std::move(report).value() : session::PluginReport();
}

struct Bad {
  const char* op;
  bool warning;
  std::vector<std::string> words;
  int64_t size = 9;
};

class GuardedKernel : public ::testing::TestWithParam<Bad> {};

TEST_P(GuardedKernel, IsFoundOut) {
  const Bad& bad = GetParam();
  test::need_plugin("faulty");
  const session::PluginReport report = check(test::one_node("faulty", bad.op, "f32[" + std::to_string(bad.size) + "]", "f32[*]"));
  EXPECT_EQ(report.nodes, 1);
  bool found = false;
  std::string all;
  for (const session::PluginProblem& problem : report.problems) {
    bool matches = problem.warning == bad.warning;
    for (const std::string& word : bad.words) matches &= problem.message.find(word) != std::string::npos;
    found |= matches;
    all += problem.message + "\n";
    EXPECT_NE(problem.message.find(std::string("(faulty.") + bad.op + ")"), std::string::npos);
    EXPECT_NE(problem.message.find("plugin 'faulty' (faulty.so)"), std::string::npos);
  }
  EXPECT_TRUE(found) << all;
}

INSTANTIATE_TEST_SUITE_P(
    All, GuardedKernel,
    ::testing::Values(Bad{"WritePastEnd", false, {"writes past the end of output 0 ('y')", "at byte 36 of 36"}}, Bad{"WritePastEnd", false, {"writes past the end of output 0 ('y')", "at byte 64 of 64"}, 16},
                      Bad{"WriteBefore", false, {"writes 4 bytes before the beginning of output 0 ('y')"}}, Bad{"ReadPastEnd", false, {"reads past the end of input 0 ('x')"}},
                      Bad{"ReadPastEnd", false, {"reads past the end of input 0 ('x')"}, 16}, Bad{"ReadBefore", false, {"reads 8 bytes before the beginning of input 0 ('x')"}},
                      Bad{"WriteInput", false, {"writes to input 0 ('x'), at byte 4"}}, Bad{"Forget", false, {"does not write 1 of 9 elements of output 0 ('y')", "first element 2"}},
                      Bad{"Unsteady", true, {"1 of 9 elements of output 0 ('y') differ from run to run"}}, Bad{"TasteWorkspace", false, {"depend on memory that the kernel did not write"}},
                      Bad{"PastWorkspace", false, {"past the end of the workspace", "at byte 64 of 64"}}, Bad{"WildPointer", false, {"crashed", "writes at address 0x100000", "none of its tensors"}},
                      Bad{"Leave", false, {"exit code 7"}}, Bad{"Stop", false, {"by signal 6"}}, Bad{"RunThrows", false, {"no more numbers"}}, Bad{"AboveBound", false, {"size 10"}},
                      Bad{"NegativeWorkspace", false, {"-1 bytes"}}, Bad{"NoState", false, {"no state today"}}),
    [](const auto& info) { return info.param.op + std::to_string(info.param.size); });

TEST(Guard, GoodKernelsHaveNoProblems) {
  test::need_plugin("example");
  test::need_plugin("faulty");
  for (int64_t size : {0, 1, 2, 3, 4, 1023, 1024, 5000}) {
    test::ModelBuilder model;
    model.import(1, "example").import(1, "faulty").input("x", "f32[" + std::to_string(size) + "]").output("a", "f32[*]").output("b", "f32[*]").output("k", "i64[*]").output("c", "f32[*]").output("r", "f32[*]");
    model.node("Frame", {"x"}, {"a"}, {attribute("size", 4)}, "example").node("KeepAbove", {"x"}, {"b", "k"}, {attribute("threshold", 0.5f)}, "example");
    model.node("Copy", {"x"}, {"c"}, {}, "faulty");
    if (size > 0) model.node("Random", {"x"}, {"r"}, {}, "faulty");
    else model.node("Identity", {"x"}, {"r"});
    const session::PluginReport report = check(model);
    EXPECT_EQ(report.nodes, size > 0 ? 4 : 3);
    for (const session::PluginProblem& problem : report.problems) ADD_FAILURE() << problem.message;
  }
}

// Constants go to the child, not to a kernel in this process.
TEST(Guard, ConstantsAndSizesThatDependOnData) {
  test::need_plugin("example");
  test::need_plugin("faulty");
  test::ModelBuilder model;
  model.import(1, "example").import(1, "faulty").constant("c", test::ramp({5})).input("x", "f32[7]").output("y", "f32[*]").output("z", "f32[*]");
  model.node("WildPointer", {"c"}, {"y"}, {}, "faulty").node("KeepAbove", {"x"}, {"k"}, {}, "example").node("Copy", {"k"}, {"z"}, {}, "faulty");
  const session::PluginReport report = check(model);
  EXPECT_EQ(report.nodes, 2);
  ASSERT_EQ(report.problems.size(), 2u);
  EXPECT_NE(report.problems[0].message.find("crashed"), std::string::npos);
  EXPECT_TRUE(report.problems[1].warning);
  EXPECT_NE(report.problems[1].message.find("depend on data"), std::string::npos);
}

}  // namespace
}  // namespace sinter
