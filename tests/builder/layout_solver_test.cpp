// The layout choice equals exhaustive search on every small graph.
#include "builder/layout_solver.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace sinter::builder {
namespace {

constexpr Layout kLayouts[] = {Layout::kRowMajor, Layout::kChannelsLast, Layout::kChannelsBlocked16};

LayoutProblem random_problem(std::mt19937& random, int nodes) {
  auto uniform = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  LayoutProblem problem;
  auto add_value = [&](int producer) {
    LayoutProblem::Value value;
    value.producer = producer;
    value.needed_row_major = uniform(5) == 0;
    for (int from = 0; from < kLayoutCount; ++from) {
      for (int to = 0; to < kLayoutCount; ++to) value.reformat_us[from][to] = from == to ? 0 : 1 + uniform(20);
    }
    problem.values.push_back(value);
  };
  add_value(-1);
  for (int n = 0; n < nodes; ++n) {
    LayoutProblem::Node node;
    const int inputs = 1 + uniform(3);
    for (int i = 0; i < inputs; ++i) node.inputs.push_back(uniform(6) == 0 ? -1 : uniform(static_cast<int>(problem.values.size())));
    const int choices = 1 + uniform(4);
    for (int c = 0; c < choices; ++c) {
      LayoutChoice choice;
      for (int i = 0; i < inputs; ++i) choice.inputs.push_back(kLayouts[uniform(3)]);
      choice.outputs.push_back(kLayouts[uniform(3)]);
      choice.cost_us = 1 + uniform(50);
      node.choices.push_back(choice);
    }
    problem.nodes.push_back(node);
    add_value(n);
  }
  return problem;
}

double exhaustive(const LayoutProblem& problem) {
  std::vector<int> choice(problem.nodes.size(), 0);
  double best = std::numeric_limits<double>::infinity();
  for (;;) {
    best = std::min(best, layout_cost(problem, choice));
    size_t i = 0;
    while (i < choice.size() && ++choice[i] == static_cast<int>(problem.nodes[i].choices.size())) choice[i++] = 0;
    if (i == choice.size()) return best;
  }
}

TEST(LayoutSolver, EqualsExhaustiveSearchUpToTenNodes) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 300; ++trial) {
    const LayoutProblem problem = random_problem(random, 1 + trial % 10);
    const LayoutSolution solution = solve_layouts(problem);
    EXPECT_TRUE(solution.exact);
    EXPECT_DOUBLE_EQ(solution.cost_us, exhaustive(problem)) << "trial " << trial;
  }
}

TEST(LayoutSolver, LongChainStaysExact) {
  std::mt19937 random(11);
  LayoutProblem problem = random_problem(random, 300);
  for (size_t n = 0; n < problem.nodes.size(); ++n) {
    for (int& input : problem.nodes[n].inputs) input = std::max(0, static_cast<int>(n) - static_cast<int>(random() % 3));
  }
  EXPECT_TRUE(solve_layouts(problem).exact);
}

TEST(LayoutSolver, WideGraphsAreStillSolved) {
  std::mt19937 random(13);
  const LayoutProblem problem = random_problem(random, 150);  // inputs from anywhere: large treewidth
  const LayoutSolution solution = solve_layouts(problem);
  EXPECT_EQ(solution.choice.size(), problem.nodes.size());
  EXPECT_LT(solution.cost_us, layout_cost(problem, std::vector<int>(problem.nodes.size(), 0)));
}

TEST(LayoutSolver, ATieGoesToFewerReformats) {
  std::mt19937 random(17);
  int fewer = 0;
  for (int trial = 0; trial < 300; ++trial) {
    const LayoutProblem problem = random_problem(random, 1 + trial % 10);
    const LayoutSolution least = solve_layouts(problem), sparing = solve_layouts(problem, 0.1);
    EXPECT_LE(sparing.cost_us, least.cost_us * 1.1 + 1e-9) << "trial " << trial;
    EXPECT_DOUBLE_EQ(sparing.cost_us, layout_cost(problem, sparing.choice)) << "trial " << trial;
    EXPECT_LE(sparing.reformats, least.reformats) << "trial " << trial;
    fewer += sparing.reformats < least.reformats;
  }
  EXPECT_GT(fewer, 30);
}

// Four layers of 100 µs, the second of which is faster in another layout by what the test says; a reformat takes 1 µs.
LayoutSolution solve_chain(double gain_us, double tie) {
  LayoutProblem problem;
  problem.values.resize(5);
  for (int v = 0; v < 5; ++v) {
    problem.values[v].producer = v - 1;
    problem.values[v].needed_row_major = v == 4;
    for (int from = 0; from < kLayoutCount; ++from) {
      for (int to = 0; to < kLayoutCount; ++to) problem.values[v].reformat_us[from][to] = from == to ? 0 : 1;
    }
  }
  for (int n = 0; n < 4; ++n) {
    LayoutProblem::Node node{{{{Layout::kRowMajor}, {Layout::kRowMajor}, 100}}, {n}};
    if (n == 1) node.choices.push_back({{Layout::kChannelsBlocked16}, {Layout::kChannelsBlocked16}, 100 - gain_us});
    problem.nodes.push_back(node);
  }
  return solve_layouts(problem, tie);
}

TEST(LayoutSolver, ReformatsMustGainMoreThanTheTie) {
  EXPECT_EQ(solve_chain(5, 0).reformats, 2);
  EXPECT_EQ(solve_chain(5, 0.02).reformats, 0);
  EXPECT_EQ(solve_chain(20, 0.02).reformats, 2);
  EXPECT_DOUBLE_EQ(solve_chain(20, 0.02).cost_us, 382);
  EXPECT_DOUBLE_EQ(solve_chain(5, 0.02).cost_us, 400);
}

}  // namespace
}  // namespace sinter::builder
