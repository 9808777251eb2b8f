#include "passes/graph_match.h"

#include <cmath>
#include <map>

namespace sinter::testing {
namespace {

class Comparison {
 public:
  explicit Comparison(const std::set<const void*>& wildcards) : wildcards_(wildcards) {}

  std::string graphs(const ir::Graph& found, const ir::Graph& expected) {
    if (found.inputs.size() != expected.inputs.size()) return "numbers of graph inputs differ";
    if (found.outputs.size() != expected.outputs.size()) return "numbers of graph outputs differ";
    if (found.node_count() != expected.node_count()) {
      return fmt::format("{} nodes, expected {}", found.node_count(), expected.node_count());
    }
    for (size_t i = 0; i < found.inputs.size(); ++i) pairs_[expected.inputs[i]] = found.inputs[i];
    for (size_t i = 0; i < found.outputs.size(); ++i) {
      if (!found.parent() && found.outputs[i]->name != expected.outputs[i]->name) {
        return fmt::format("output {} is named '{}', expected '{}'", i, found.outputs[i]->name, expected.outputs[i]->name);
      }
      if (std::string difference = values(found.outputs[i], expected.outputs[i]); !difference.empty()) return difference;
    }
    return "";
  }

 private:
  std::string values(const ir::Value* found, const ir::Value* expected) {
    if (!found || !expected) return found == expected ? "" : fmt::format("'{}' is absent on one side", (found ? found : expected)->name);
    auto known = pairs_.find(expected);
    if (known != pairs_.end()) {
      return known->second == found ? "" : fmt::format("'{}' stands where '{}' is expected", found->name, expected->name);
    }
    pairs_[expected] = found;
    if (expected->captured || found->captured) {
      if (!expected->captured || !found->captured) return fmt::format("'{}' is captured on one side", found->name);
      return values(found->captured, expected->captured);
    }
    if (expected->is_constant() || found->is_constant()) {
      if (!expected->is_constant() || !found->is_constant()) return fmt::format("'{}' is constant on one side", found->name);
      if (wildcards_.count(expected->constant.raw())) {
        return found->constant.type() == expected->constant.type() ? "" : fmt::format("constant '{}' is {}, expected {}", found->name,
            found->constant.type().to_string(), expected->constant.type().to_string());
      }
      return found->constant.identical(expected->constant) ? "" : fmt::format("constants '{}' and '{}' differ", found->name, expected->name);
    }
    if (!expected->producer || !found->producer) {
      return fmt::format("'{}' and '{}' are not both node outputs", found->name, expected->name);
    }
    if (expected->producer_output != found->producer_output) return fmt::format("'{}' is another output", found->name);
    return nodes(*found->producer, *expected->producer);
  }

  std::string nodes(const ir::Node& found, const ir::Node& expected) {
    if (found.op != expected.op) return fmt::format("'{}' is {}, expected {}", found.name, found.op->full_name(), expected.op->full_name());
    if (!(found.attributes == expected.attributes)) {
      return fmt::format("attributes differ:\n  {}\n  {}", ir::print(found), ir::print(expected));
    }
    if (found.inputs.size() != expected.inputs.size()) {
      return fmt::format("input counts differ:\n  {}\n  {}", ir::print(found), ir::print(expected));
    }
    for (size_t i = 0; i < found.inputs.size(); ++i) {
      if (std::string difference = values(found.inputs[i], expected.inputs[i]); !difference.empty()) {
        return fmt::format("{} (input {} of '{}')", difference, i, found.name);
      }
    }
    if (found.subgraphs.size() != expected.subgraphs.size()) return "numbers of bodies differ";
    for (const auto& [name, body] : expected.subgraphs) {
      auto other = found.subgraphs.find(name);
      if (other == found.subgraphs.end()) return "body '" + name + "' is missing";
      if (std::string difference = graphs(*other->second, *body); !difference.empty()) return difference + " (in body '" + name + "')";
    }
    return "";
  }

  const std::set<const void*>& wildcards_;
  std::map<const ir::Value*, const ir::Value*> pairs_;
};

}  // namespace

std::string compare_graphs(const ir::Graph& found, const ir::Graph& expected, const std::set<const void*>& wildcards) {
  return Comparison(wildcards).graphs(found, expected);
}

Tensor random_tensor(DType dtype, const Dims& dims, unsigned seed) {
  std::mt19937 random(seed);
  int64_t count = 1;
  for (int64_t dim : dims) count *= dim;
  if (is_float(dtype)) {
    Tensor wide(DType::kF32, dims);
    for (int64_t i = 0; i < count; ++i) wide.data<float>()[i] = std::uniform_real_distribution<float>(-2, 2)(random);
    return wide.cast(dtype);
  }
  Tensor wide(DType::kI64, dims);
  for (int64_t i = 0; i < count; ++i) wide.data<int64_t>()[i] = static_cast<int64_t>(random() % (dtype == DType::kBool ? 2 : 5));
  return wide.cast(dtype);
}

std::vector<Value> random_inputs(const ir::Graph& graph, const Bindings& bindings, int64_t extent, unsigned seed) {
  std::vector<Value> inputs;
  for (const ir::Value* input : graph.inputs) {
    Bindings all = bindings;
    std::set<std::string> symbols;
    for (const Dim& dim : *input->type.shape) dim.collect_symbols(symbols);
    for (const std::string& symbol : symbols) all.emplace(symbol, extent);
    inputs.push_back(random_tensor(input->type.dtype, *evaluate(*input->type.shape, all), ++seed));
  }
  return inputs;
}

std::string compare_values(const std::vector<Value>& found, const std::vector<Value>& expected, double tolerance) {
  if (found.size() != expected.size()) return "numbers of outputs differ";
  for (size_t k = 0; k < found.size(); ++k) {
    if (!found[k].is_tensor() || !expected[k].is_tensor()) continue;
    const Tensor &a = found[k].tensor(), &b = expected[k].tensor();
    if (a.dtype() != b.dtype() || a.dims() != b.dims()) {
      return fmt::format("output {}: {} against {}", k, a.type().to_string(), b.type().to_string());
    }
    if (a.identical(b)) continue;
    if (tolerance == 0) {
      // Signed zeros are equal; anything else must have the same bits.
      const auto x = a.to_f64(), y = b.to_f64();
      bool equal = true;
      for (size_t i = 0; i < x.size(); ++i) equal = equal && (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i])));
      if (equal) continue;
    }
    const auto x = a.to_f64(), y = b.to_f64();
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(x[i]) && std::isnan(y[i])) continue;
      const double error = x[i] == y[i] ? 0 : std::abs(x[i] - y[i]) / std::max(1.0, std::abs(y[i]));
      if (!(error <= worst)) worst = error;
    }
    if (!(worst <= tolerance)) return fmt::format("output {}: error {:g} above {:g}", k, worst, tolerance);
  }
  return "";
}

}  // namespace sinter::testing
