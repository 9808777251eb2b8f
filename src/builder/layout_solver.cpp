#include "builder/layout_solver.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace sinter::builder {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr size_t kMaxTable = 1 << 18;  // entries of one intermediate table: 2 MiB of doubles
constexpr int kSubsets = 1 << kLayoutCount;
// Prices of a reformat that solve_layouts tries, each half of the one before.
constexpr int kPrices = 6;

// A table over some variables; `scope` ascending, the last variable varies fastest.
struct Factor {
  std::vector<int> scope;
  std::vector<double> table;
};

// The cost of having a value in every layout of `subset` when it is produced in `from`.
double materialise_cost(const LayoutProblem::Value& value, Layout from, int subset) {
  double cost = 0;
  for (int to = 0; to < kLayoutCount; ++to) {
    if ((subset >> to & 1) && to != static_cast<int>(from)) cost += value.reformat_us[static_cast<int>(from)][to];
  }
  return cost;
}

// Variables 0 … nodes-1 are the nodes' choices; then one a value: the subset of layouts it is materialised in.
class Solver {
 public:
  explicit Solver(const LayoutProblem& problem) : problem_(problem) {
    const int nodes = static_cast<int>(problem.nodes.size());
    for (const auto& node : problem.nodes) domains_.push_back(static_cast<int>(node.choices.size()));
    for (size_t v = 0; v < problem.values.size(); ++v) domains_.push_back(kSubsets);
    fixed_.assign(domains_.size(), -1);
    for (int n = 0; n < nodes; ++n) {
      Factor own{{n}, {}};
      for (const LayoutChoice& choice : problem.nodes[n].choices) own.table.push_back(choice.cost_us);
      factors_.push_back(std::move(own));
      add_consumer_factors(n, nodes);
    }
    for (size_t v = 0; v < problem.values.size(); ++v) add_value_factor(static_cast<int>(v), nodes);
  }

  LayoutSolution run() {
    LayoutSolution solution;
    std::vector<Factor> factors = factors_;
    std::set<int> open;
    for (size_t i = 0; i < domains_.size(); ++i) open.insert(static_cast<int>(i));
    std::vector<std::pair<int, Factor>> eliminated;  // variable and the joined table it was minimised out of
    while (!open.empty()) {
      const auto [variable, size] = cheapest(open, factors);
      if (size > kMaxTable) {
        fix_widest(open, factors);
        solution.exact = false;
        continue;
      }
      open.erase(variable);
      Factor joined = join(variable, factors);
      factors.push_back(minimise(joined, variable));
      eliminated.emplace_back(variable, std::move(joined));
    }
    std::vector<int> state(domains_.size(), 0);
    for (auto it = eliminated.rbegin(); it != eliminated.rend(); ++it) state[it->first] = best_state(it->second, it->first, state);
    solution.choice.assign(state.begin(), state.begin() + static_cast<long>(problem_.nodes.size()));
    return solution;
  }

 private:
  void add_consumer_factors(int n, int nodes) {
    const auto& node = problem_.nodes[n];
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] < 0) continue;
      Factor factor{{n, nodes + node.inputs[i]}, {}};
      for (const LayoutChoice& choice : node.choices) {
        for (int subset = 0; subset < kSubsets; ++subset) {
          factor.table.push_back(subset >> static_cast<int>(choice.inputs[i]) & 1 ? 0 : kInfinity);
        }
      }
      factors_.push_back(std::move(factor));
    }
  }

  void add_value_factor(int v, int nodes) {
    const auto& value = problem_.values[v];
    auto cost = [&](Layout from, int subset) {
      if (value.needed_row_major && !(subset & 1)) return kInfinity;
      return materialise_cost(value, from, subset);
    };
    Factor factor;
    if (value.producer < 0) {
      factor.scope = {nodes + v};
      for (int subset = 0; subset < kSubsets; ++subset) factor.table.push_back(cost(Layout::kRowMajor, subset));
    } else {
      factor.scope = {value.producer, nodes + v};
      for (const LayoutChoice& choice : problem_.nodes[value.producer].choices) {
        for (int subset = 0; subset < kSubsets; ++subset) {
          factor.table.push_back(cost(choice.outputs[value.producer_output], subset));
        }
      }
    }
    factors_.push_back(std::move(factor));
  }

  int domain(int variable) const { return fixed_[variable] >= 0 ? 1 : domains_[variable]; }

  std::pair<int, size_t> cheapest(const std::set<int>& open, const std::vector<Factor>& factors) const {
    std::vector<std::set<int>> neighbours(domains_.size());
    for (const Factor& factor : factors) {
      for (int a : factor.scope) neighbours[a].insert(factor.scope.begin(), factor.scope.end());
    }
    int best = -1;
    size_t best_size = std::numeric_limits<size_t>::max();
    for (int variable : open) {
      size_t size = static_cast<size_t>(domain(variable));
      for (int other : neighbours[variable]) {
        if (other != variable && size <= kMaxTable) size *= static_cast<size_t>(domain(other));
      }
      if (size < best_size) {
        best = variable;
        best_size = size;
      }
    }
    return {best, best_size};
  }

  // Fixes the open node with most factors to its own cheapest choice, so that elimination can go on.
  void fix_widest(const std::set<int>& open, std::vector<Factor>& factors) {
    int widest = -1;
    size_t most = 0;
    for (int variable : open) {
      if (fixed_[variable] >= 0 || domains_[variable] < 2) continue;
      size_t count = 0;
      for (const Factor& factor : factors) count += std::count(factor.scope.begin(), factor.scope.end(), variable);
      if (count >= most) {
        most = count;
        widest = variable;
      }
    }
    std::vector<double> cost(static_cast<size_t>(domains_[widest]), 0);
    for (const Factor& factor : factors) add_optimistic(factor, widest, cost);
    fixed_[widest] = static_cast<int>(std::min_element(cost.begin(), cost.end()) - cost.begin());
    for (Factor& factor : factors) factor = restrict(factor, widest);
  }

  // cost[s] += the least entry of the factor with variable = s.
  void add_optimistic(const Factor& factor, int variable, std::vector<double>& cost) const {
    const auto place = std::find(factor.scope.begin(), factor.scope.end(), variable);
    if (place == factor.scope.end()) return;
    std::vector<double> least(cost.size(), kInfinity);
    size_t inner = 1;
    for (auto it = place + 1; it != factor.scope.end(); ++it) inner *= static_cast<size_t>(domain(*it));
    for (size_t i = 0; i < factor.table.size(); ++i) {
      double& slot = least[i / inner % cost.size()];
      slot = std::min(slot, factor.table[i]);
    }
    for (size_t s = 0; s < cost.size(); ++s) cost[s] += least[s];
  }

  // The factor with a just fixed variable's other states dropped (its domain is 1 from now on).
  Factor restrict(const Factor& factor, int variable) const {
    const auto place = std::find(factor.scope.begin(), factor.scope.end(), variable);
    if (place == factor.scope.end()) return factor;
    Factor result{factor.scope, {}};
    size_t inner = 1;
    for (auto it = place + 1; it != factor.scope.end(); ++it) inner *= static_cast<size_t>(domain(*it));
    const size_t states = static_cast<size_t>(domains_[variable]);
    for (size_t i = 0; i < factor.table.size(); ++i) {
      if (i / inner % states == static_cast<size_t>(fixed_[variable])) result.table.push_back(factor.table[i]);
    }
    return result;
  }

  // Sum of all factors that mention the variable, which are taken out of the list.
  Factor join(int variable, std::vector<Factor>& factors) const {
    std::vector<Factor> mine;
    std::set<int> scope{variable};
    for (auto it = factors.begin(); it != factors.end();) {
      if (std::find(it->scope.begin(), it->scope.end(), variable) != it->scope.end()) {
        scope.insert(it->scope.begin(), it->scope.end());
        mine.push_back(std::move(*it));
        it = factors.erase(it);
      } else {
        ++it;
      }
    }
    Factor joined{{scope.begin(), scope.end()}, {}};
    size_t size = 1;
    for (int v : joined.scope) size *= static_cast<size_t>(domain(v));
    joined.table.assign(size, 0);
    for (const Factor& factor : mine) accumulate(factor, joined);
    return joined;
  }

  void accumulate(const Factor& factor, Factor& joined) const {
    std::vector<size_t> strides(joined.scope.size(), 0);  // of each joined variable within the factor's table
    size_t stride = 1;
    for (size_t i = factor.scope.size(); i-- > 0;) {
      const auto place = std::find(joined.scope.begin(), joined.scope.end(), factor.scope[i]) - joined.scope.begin();
      strides[static_cast<size_t>(place)] = stride;
      stride *= static_cast<size_t>(domain(factor.scope[i]));
    }
    std::vector<int> state(joined.scope.size(), 0);
    size_t offset = 0;
    for (double& entry : joined.table) {
      entry += factor.table[offset];
      for (size_t d = state.size(); d-- > 0;) {
        offset += strides[d];
        if (++state[d] < domain(joined.scope[d])) break;
        offset -= strides[d] * static_cast<size_t>(state[d]);
        state[d] = 0;
      }
    }
  }

  Factor minimise(const Factor& joined, int variable) const {
    Factor result;
    size_t inner = 1;
    bool after = false;
    for (int v : joined.scope) {
      if (v == variable) {
        after = true;
        continue;
      }
      result.scope.push_back(v);
      if (after) inner *= static_cast<size_t>(domain(v));
    }
    const size_t states = static_cast<size_t>(domain(variable));
    result.table.assign(joined.table.size() / states, kInfinity);
    for (size_t i = 0; i < joined.table.size(); ++i) {
      double& slot = result.table[i / (inner * states) * inner + i % inner];
      slot = std::min(slot, joined.table[i]);
    }
    return result;
  }

  // The first cheapest state of the variable given the states of the rest of the scope (of a fixed variable: its state).
  int best_state(const Factor& joined, int variable, const std::vector<int>& state) const {
    size_t base = 0, stride = 1, own = 0;
    for (size_t i = joined.scope.size(); i-- > 0;) {
      const int v = joined.scope[i];
      if (v == variable) own = stride;
      else if (fixed_[v] < 0) base += stride * static_cast<size_t>(state[v]);
      stride *= static_cast<size_t>(domain(v));
    }
    if (fixed_[variable] >= 0) return fixed_[variable];
    int best = 0;
    for (int s = 1; s < domain(variable); ++s) {
      if (joined.table[base + own * static_cast<size_t>(s)] < joined.table[base + own * static_cast<size_t>(best)]) best = s;
    }
    return best;
  }

  const LayoutProblem& problem_;
  std::vector<int> domains_, fixed_;
  std::vector<Factor> factors_;
};

}  // namespace

namespace {

// The same with every reformat dearer by the price.
LayoutProblem with_price(LayoutProblem problem, double price) {
  for (LayoutProblem::Value& value : problem.values) {
    for (auto& row : value.reformat_us) {
      for (double& cost : row) cost += cost > 0 ? price : 0;
    }
  }
  return problem;
}

LayoutSolution solve(const LayoutProblem& problem, double price) {
  LayoutSolution solution = price > 0 ? Solver(with_price(problem, price)).run() : Solver(problem).run();
  solution.cost_us = layout_cost(problem, solution.choice);
  const double dearer = layout_cost(with_price(problem, 1), solution.choice) - solution.cost_us;
  solution.reformats = std::isfinite(dearer) ? static_cast<int>(std::lround(dearer)) : 0;
  return solution;
}

}  // namespace

LayoutSolution solve_layouts(const LayoutProblem& problem, double tie) {
  LayoutSolution least = solve(problem, 0);
  if (tie <= 0 || least.reformats == 0 || !std::isfinite(least.cost_us)) return least;
  // The price at which what is saved by leaving reformats out stays within the tie: at first one reformat would have to gain all of it.
  double price = tie * least.cost_us;
  for (int i = 0; i < kPrices; ++i, price /= 2) {
    LayoutSolution sparing = solve(problem, price);
    if (sparing.cost_us <= (1 + tie) * least.cost_us && sparing.reformats <= least.reformats) return sparing;
  }
  return least;
}

double layout_cost(const LayoutProblem& problem, const std::vector<int>& choice) {
  double cost = 0;
  std::vector<int> subsets(problem.values.size(), 0);
  for (size_t n = 0; n < problem.nodes.size(); ++n) {
    const auto& node = problem.nodes[n];
    const LayoutChoice& chosen = node.choices[static_cast<size_t>(choice[n])];
    cost += chosen.cost_us;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] >= 0) subsets[static_cast<size_t>(node.inputs[i])] |= 1 << static_cast<int>(chosen.inputs[i]);
    }
  }
  for (size_t v = 0; v < problem.values.size(); ++v) {
    const auto& value = problem.values[v];
    const int subset = subsets[v] | (value.needed_row_major ? 1 : 0);
    const Layout from = value.producer < 0
                            ? Layout::kRowMajor
                            : problem.nodes[static_cast<size_t>(value.producer)]
                                  .choices[static_cast<size_t>(choice[static_cast<size_t>(value.producer)])]
                                  .outputs[static_cast<size_t>(value.producer_output)];
    cost += materialise_cost(value, from, subset);
  }
  return cost;
}

}  // namespace sinter::builder
