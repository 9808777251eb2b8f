// If: runs then_branch when the condition holds, else else_branch. Outputs have a type that fits both branches.
#include "ops/control_flow.h"

namespace sinter::ops {
namespace if_impl {

// The condition's value when it is known before the run.
std::optional<bool> known_condition(const InferContext& context) {
  if (const Tensor* constant = context.input_constant(0); constant && constant->count() == 1)
    return constant->to_i64()[0] != 0;
  const auto elements = context.input_elements(0);
  if (elements && elements->elements.size() == 1 && elements->elements[0].is_constant())
    return elements->elements[0].value() != 0;
  return std::nullopt;
}

Status infer(InferContext& context) {
  std::optional<bool> condition = known_condition(context);
  const auto count = static_cast<size_t>(context.output_count());
  auto then_types = context.infer_subgraph("then_branch", {}), else_types = context.infer_subgraph("else_branch", {});
  // A branch that is not taken may be impossible for these shapes (a model for two sample rates, given an input for one): the
  // other one then says the types. Taking it all the same fails at run time.
  const bool needs_then = condition.value_or(!else_types.ok()), needs_else = condition ? !*condition : !then_types.ok();
  if (!then_types.ok() && needs_then) return then_types.status();
  if (!else_types.ok() && needs_else) return else_types.status();
  if (!condition && then_types.ok() != else_types.ok()) condition = then_types.ok();
  const std::vector<ValueType> none(count);
  const std::vector<ValueType>& yes = then_types.ok() ? then_types.value() : none;
  const std::vector<ValueType>& no = else_types.ok() ? else_types.value() : none;
  if (yes.size() < count || no.size() < count)
    return context.error(fmt::format("the branches have {} and {} outputs: expected {} each; check the exporter",
                                     yes.size(), no.size(), count));
  for (size_t i = 0; i < count; ++i) {
    if (!context.has_output(static_cast<int>(i))) continue;
    if (condition) {
      context.set_output(static_cast<int>(i), *condition ? yes[i] : no[i]);
      continue;
    }
    const auto merged =
        generalise(yes[i], no[i], [&](size_t axis) { return context.fresh_symbol(fmt::format("if{}_{}", i, axis)); });
    if (!merged)
      return context.error(
          fmt::format("output {} is {} from one branch and {} from the other: expected one type; check the exporter", i,
                      yes[i].to_string(), no[i].to_string()));
    context.set_output(static_cast<int>(i), *merged);
  }
  return ok_status();
}

Status evaluate(EvalContext& context) {
  SINTER_ASSIGN(const int64_t condition, read_scalar(context, 0));
  SINTER_ASSIGN(std::vector<Value> values, context.run_subgraph(condition != 0 ? "then_branch" : "else_branch", {}));
  if (static_cast<int>(values.size()) < context.output_count())
    return context.error(fmt::format("the branch returned {} values: expected {}; check the exporter", values.size(),
                                     context.output_count()));
  for (int i = 0; i < context.output_count(); ++i)
    if (context.wants_output(i)) context.set_output(i, std::move(values[i]));
  return ok_status();
}

}  // namespace if_impl

OpDef define_if() {
  OpDef op("If", 1);
  op.input("cond", "B")
      .output("outputs", "V", ParamKind::kVariadic, true)
      .type("V", kAllTensorTypes, true, true)
      .type("B", kBoolType)
      .attr("else_branch", AttrKind::kGraph, true)
      .attr("then_branch", AttrKind::kGraph, true)
      .fact(kControlFlow);
  op.infer = if_impl::infer;
  op.evaluate = if_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
