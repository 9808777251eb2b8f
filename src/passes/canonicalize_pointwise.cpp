// canonicalize_pointwise: an elementwise operator on floats or bools becomes a pointwise program.
//
//   %y = Relu(%x)            →   %y = sinter.Pointwise(%x) [program="1 | relu(0) | 1", dtypes=[1]]
//   %y = Mul(%x, %two)       →   %y = sinter.Pointwise(%x) [program="1 | const(2) mul(0,1) | 2", …]
//
// The operator says its program itself (OpDef::pointwise). Constants of one element become part of it. Not for integers and f64:
// programs compute in f32.
#include <limits>

#include "passes/match.h"
#include "passes/program.h"

namespace sinter::passes {

namespace canonicalize_pointwise_impl {

// A Clip without one of its bounds: clip(x, lo, hi) with an infinite one.
void open_bounds(PointwiseProgram& program, const std::vector<IrValue*>& inputs) {
  if (inputs.size() != 3 || (inputs[1] && inputs[2])) return;
  PointwiseProgram open;
  open.inputs = 3;
  const float infinity = std::numeric_limits<float>::infinity();
  const int16_t low = inputs[1] ? int16_t{1} : open.append_constant(-infinity);
  const int16_t high = inputs[2] ? int16_t{2} : open.append_constant(infinity);
  open.outputs = {open.append(PointwiseOp::kClip, {0, low, high})};
  program = std::move(open);
}

}  // namespace canonicalize_pointwise_impl

Outcome canonicalize_pointwise(Graph& graph, Node& node) {
  if (!node.op->pointwise || has_epilogue(node) || node.outputs.size() != 1 || !node.output()) return NoMatch{};
  PointwiseProgram program;
  const int count = static_cast<int>(node.inputs.size());
  for (const IrValue* input : node.inputs) {
    if (!input) continue;
    if (!is_program_type(input) || is_integer(input->type.dtype)) return NoMatch{};  // integer arithmetic wraps around
  }
  if (!is_program_type(node.output()) || is_integer(node.output()->type.dtype)) return NoMatch{};
  if (!node.op->pointwise(node.attributes, count, program)) return decline("no program for these attributes or inputs");
  std::vector<IrValue*> inputs = node.inputs;
  if (node.is("Clip")) canonicalize_pointwise_impl::open_bounds(program, inputs);
  if (!drop_absent(program, inputs)) return decline("the program reads an absent input");
  const int rank = rank_of(node.output());
  inline_constants(program, inputs, rank);
  if (inputs.empty()) return decline("all inputs are constant");
  Patch patch(graph, node);
  Node* made = add_pointwise(patch, node.name, program, inputs, node.output()->type.dtype, {&node});
  patch.replace(node.output(), made->output());
  patch.describe(fmt::format("{} as {}", node.op->name, program.to_string()));
  return patch;
}

}  // namespace sinter::passes
