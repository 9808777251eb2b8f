#include "session/check_plugins.h"

#include "builder/node_problem.h"
#include "plugin/guard.h"
#include "plugin/shapes.h"
#include "session/run.h"

namespace sinter::session {
namespace {

class Checker {
 public:
  Checker(const builder::SymbolTable& symbols, PluginReport& report) : symbols_(symbols), report_(report) {}

  Status check(const ir::Graph& graph) {
    for (const auto& node : graph.nodes()) {
      if (node->op->plugin) SINTER_TRY(check(*node));
      for (const auto& [name, body] : node->subgraphs) SINTER_TRY(check(*body));
    }
    return ok_status();
  }

 private:
  void add(const ir::Node& node, bool warning, const std::string& found) {
    const plugin::Operator& op = *node.op->plugin;
    report_.problems.push_back({warning, node.name, op.name,
                                fmt::format("node '{}' ({}): {}; expected a kernel that stays within its tensors, writes all of its outputs and gives the same each time; correct {}",
                                            node.name, op.name, found, op.owner())});
  }

  // An input of sizes that are known; undefined: absent. nullopt: the sizes depend on data.
  Result<std::optional<Tensor>> input_of(const ir::Value* value) {
    if (!value) return std::optional<Tensor>(Tensor());
    if (value->is_constant()) return std::optional<Tensor>(value->constant);
    if (!builder::is_plannable(*value, symbols_)) return std::optional<Tensor>();
    SINTER_ASSIGN(Tensor tensor, random_tensor(value->type.dtype, *evaluate(*value->type.shape, symbols_.opt), ++seed_));
    return std::optional<Tensor>(std::move(tensor));
  }

  Status check(const ir::Node& node) {
    const plugin::Operator& op = *node.op->plugin;
    plugin::GuardCase given{&op, node.attributes, {}, {}};
    std::vector<plugin::ShapeInput> shapes;
    for (const ir::Value* value : node.inputs) {
      SINTER_ASSIGN(std::optional<Tensor> tensor, input_of(value));
      if (!tensor) {
        add(node, true, "not tried, because sizes of its inputs depend on data");
        return ok_status();
      }
      given.inputs.push_back(std::move(*tensor));
    }
    for (const Tensor& tensor : given.inputs) shapes.push_back({tensor.defined(), tensor.dtype(), to_shape(tensor.dims()), tensor.defined() ? &tensor : nullptr, std::nullopt});
    const auto asked = plugin::ask_shapes(op, node.attributes, shapes, node.outputs.size(), [](std::string_view name) { return Dim::symbol(fmt::format("by_data_{}", name)); });
    if (!asked.ok()) return add(node, false, asked.status().message()), ok_status();
    for (size_t o = 0; o < asked->size(); ++o) {
      const auto dims = constant_dims((*asked)[o].bounds);
      if (!dims) return add(node, false, "its shape rule gives no numbers for known inputs"), ok_status();
      const bool optional = op.c.outputs[std::min(o, op.c.output_count - 1)].kind == SINTER_PLUGIN_OPTIONAL;
      given.outputs.push_back({!optional || node.outputs[o] != nullptr, (*asked)[o].dtype, *dims, (*asked)[o].by_data});
    }
    ++report_.nodes;
    SINTER_ASSIGN(const std::vector<plugin::GuardFinding> findings, plugin::try_kernel(given));
    for (const plugin::GuardFinding& finding : findings) add(node, finding.warning, finding.message);
    return ok_status();
  }

  const builder::SymbolTable& symbols_;
  PluginReport& report_;
  uint64_t seed_ = 0;
};

}  // namespace

Result<PluginReport> check_plugins(const BuildRequest& given) {
  BuildRequest request = given;
  request.passes.disabled.push_back("fold_constants");  // it would run kernels here
  SINTER_ASSIGN(const Optimised optimised, import_and_optimise(request));
  builder::BuildOptions build = request.build;
  if (!optimised.symbols.empty()) build.symbols = optimised.symbols;
  const ir::Graph& graph = *optimised.model.graph;
  const builder::SymbolTable symbols = builder::collect_symbols(graph, build);
  PluginReport report;
  SINTER_TRY(Checker(symbols, report).check(graph));
  return report;
}

}  // namespace sinter::session
