// fuse_epilogue: a program that follows a convolution or matrix product is applied to its result while that is in registers.
//
//   %c = Conv(%x, %w, %b)
//   %y = Pointwise(%c, %skip) "2 | add(0,1) relu(2) | 3"
//     →  %y = Conv(%x, %w, %b, %skip) [sinter.epilogue="2 | add(0,1) relu(2) | 3", sinter.epilogue_base=3]
//
// Conditions: the result has one user, and the program's other inputs broadcast to its shape. When several inputs are such results
// (a residual add of two convolutions) the one computed last takes the program, so that its inputs are there. An epilogue that is
// there already is continued. A quantized product may end in the quantization of its result, which is then stored in 8 bits. f32 results are the same bits; f16 and bf16 skip a rounding.
#include <algorithm>

#include "passes/match.h"
#include "passes/program.h"
#include "passes/quantization.h"

namespace sinter::passes {
namespace fuse_epilogue_impl {

constexpr size_t kMaxEpilogueInputs = 6, kMaxInstructions = 48;

bool is_dense(const Node& node) {
  return node.is("Conv") || node.is("ConvTranspose") || node.is("Gemm") || node.is("MatMul") || is_quantized_product(node);
}

// "" when the program of `node` may move into `dense`, whose result is `result`.
std::string objection(const Node& node, const Node& dense, const IrValue* result) {
  if (dense.outputs.size() != 1) return "the product has several outputs";
  if (!used_once(result)) return fmt::format("'{}' has {} uses", result->name, result->graph->use_count(result));
  if (!same_shape(result, node.output())) {
    return fmt::format("'{}' {} is broadcast to {}", result->name, result->type.to_string(), node.output()->type.to_string());
  }
  const bool quantized = is_quantized_product(dense);
  const auto fits = [&](const IrValue* value) { return is_small_float(value) || (quantized && is_8bit(value)); };
  if ((!same_dtype(result, node.output()) && !quantized) || !fits(result) || !fits(node.output())) {
    return fmt::format("'{}' is {} and the program's result {}", result->name, dtype_name(result->type.dtype),
                       dtype_name(node.output()->type.dtype));
  }
  for (const IrValue* input : node.inputs) {
    if (is_8bit(input) && !quantized) return fmt::format("'{}' is {}, which epilogues of floats do not read", input->name, dtype_name(input->type.dtype));
    const Shape* shape = shape_of(input);
    if (input != result && (!shape || !broadcasts_to(*shape, *shape_of(result)))) {
      return fmt::format("'{}' does not broadcast to '{}'", input->name, result->name);
    }
  }
  return "";
}

// Operands of the joined program: the dense result, its present epilogue's inputs, the node's others.
PointwiseProgram join(const Node& node, const Node& dense, PointwiseProgram program, std::vector<IrValue*>& extra) {
  const size_t at = std::find(node.inputs.begin(), node.inputs.end(), dense.output()) - node.inputs.begin();
  if (has_epilogue(dense)) {
    const int64_t base = dense.attributes.i(kEpilogueBaseAttr);
    extra.assign(dense.inputs.begin() + base, dense.inputs.end());
    auto present = PointwiseProgram::parse(dense.attributes.s(kEpilogueAttr));
    if (present.ok()) program = compose(*present, 0, program, static_cast<int>(at));
  } else {
    std::vector<int> order;
    for (size_t i = 0; i < node.inputs.size(); ++i) order.push_back(static_cast<int>(i < at ? i + 1 : i == at ? 0 : i));
    program = renumber_inputs(program, order, program.inputs);
  }
  for (IrValue* input : node.inputs) {
    if (input != dense.output()) extra.push_back(input);
  }
  // The result itself is operand 0 and no input: a place holder keeps the numbering while equal inputs merge.
  std::vector<IrValue*> operands{dense.output()};
  operands.insert(operands.end(), extra.begin(), extra.end());
  merge_equal_inputs(program, operands);
  extra.assign(operands.begin() + 1, operands.end());
  return program;
}

}  // namespace fuse_epilogue_impl

Outcome fuse_epilogue(Graph& graph, Node& node) {
  using namespace fuse_epilogue_impl;
  auto own = program_of(node);
  if (!own || node.outputs.size() != 1) return NoMatch{};
  Node* dense = nullptr;
  std::string reason;
  for (const IrValue* input : node.inputs) {
    Node* candidate = input->producer;
    if (!candidate || !is_dense(*candidate)) continue;
    if (std::string why = objection(node, *candidate, input); !why.empty()) {
      reason = std::move(why);
    } else if (!dense || precedes(*dense, *candidate)) {
      dense = candidate;
    }
  }
  if (!dense) {
    if (reason.empty()) return NoMatch{};
    return Declined{std::move(reason)};
  }
  std::vector<IrValue*> extra;
  const PointwiseProgram program = join(node, *dense, std::move(*own), extra);
  if (extra.size() > kMaxEpilogueInputs || program.code.size() > kMaxInstructions) {
    return decline("the epilogue would have {} inputs and {} instructions; at most {} and {}", extra.size(), program.code.size(),
                   kMaxEpilogueInputs, kMaxInstructions);
  }
  const int64_t base = dense->attributes.i_or(kEpilogueBaseAttr, static_cast<int64_t>(dense->inputs.size()));
  std::vector<IrValue*> inputs(dense->inputs.begin(), dense->inputs.begin() + base);
  inputs.insert(inputs.end(), extra.begin(), extra.end());
  Attributes attributes = dense->attributes;
  attributes.set(std::string(kEpilogueAttr), program.to_string());
  attributes.set(std::string(kEpilogueBaseAttr), base);
  if (is_quantized_product(*dense)) attributes.set(std::string(kEpilogueTypeAttr), static_cast<int64_t>(node.output()->type.dtype));
  Patch patch(graph, node);
  Node* made = patch.add_node(dense->op, dense->name, inputs, 1, std::move(attributes), {dense, &node});
  patch.replace(node.output(), made->output());
  patch.remove(dense);
  patch.describe(fmt::format("{} '{}' + {}", dense->op->name, dense->name, program.to_string()));
  return patch;
}

}  // namespace sinter::passes
