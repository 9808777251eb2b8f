// Whole-graph layout choice: which offer every node uses, so that kernel time plus reformat time is least (design decision 5).
//
// The problem is a graph of choices. A value is produced in one layout and may be materialised in further ones, each paid once
// however many consumers share it. solve() is exact (variable elimination over a factor graph, min-degree order) as long as the
// intermediate tables stay below kMaxTable entries, which chains, residual networks and detectors do; beyond that the widest
// nodes are fixed by coordinate descent first. Method: bucket elimination (Dechter 1999).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/layout.h"

namespace sinter::builder {

using LayoutCosts = std::array<std::array<double, kLayoutCount>, kLayoutCount>;  // [from][to] in µs; infinity: impossible

struct LayoutChoice {
  std::vector<Layout> inputs;   // one a node input
  std::vector<Layout> outputs;  // one a node output
  double cost_us = 0;
};

struct LayoutProblem {
  struct Value {
    int producer = -1;                   // node, -1: a graph input, which arrives in kRowMajor
    int producer_output = 0;
    bool needed_row_major = false;       // graph outputs, captured values: must exist in kRowMajor
    LayoutCosts reformat_us{};           // cost of making layout [to] out of [from]
  };
  struct Node {
    std::vector<LayoutChoice> choices;   // at least one
    std::vector<int> inputs;             // values, -1: no layout matters (constants, absent)
  };
  std::vector<Value> values;
  std::vector<Node> nodes;
};

struct LayoutSolution {
  std::vector<int> choice;  // a node
  double cost_us = 0;
  int reformats = 0;        // that cost something
  bool exact = true;
};

// `tie`: differences below this share of the least cost are noise, and go to fewer reformats.
LayoutSolution solve_layouts(const LayoutProblem& problem, double tie = 0);
// The cost of one assignment: kernels plus every distinct reformat.
double layout_cost(const LayoutProblem& problem, const std::vector<int>& choice);

}  // namespace sinter::builder
