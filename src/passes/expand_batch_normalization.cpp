// expand_batch_normalization: one that no product took becomes a multiplication and an addition, which join pointwise programs.
//
//   %y = BatchNormalization(%x, …)   →   %y = Add(Mul(%x, %scale), %shift)
//
// The constants are computed in f64 and rounded once; results differ in the last bits.
#include "passes/dense.h"

namespace sinter::passes {

Outcome expand_batch_normalization(Graph& graph, Node& node) {
  if (!node.is("BatchNormalization") || has_epilogue(node)) return NoMatch{};
  std::string reason;
  const auto affine = batch_norm_affine(node, reason);
  if (!affine) return Declined{std::move(reason)};
  const int rank = rank_of(node.input(0));
  if (rank < 2 || !is_small_float(node.input(0))) return decline("unknown rank, or no f32, f16 or bf16");
  Dims dims(rank - 1, 1);
  dims[0] = static_cast<int64_t>(affine->scale.size());
  const DType dtype = node.input(0)->type.dtype;
  Patch patch(graph, node);
  IrValue* scale = patch.add_constant(node.name + "_scale", make_floats(affine->scale, dims, dtype));
  IrValue* shift = patch.add_constant(node.name + "_shift", make_floats(affine->shift, dims, dtype));
  Node* scaled = patch.add_node(op("Mul"), node.name + "_scaled", {node.input(0), scale}, 1, {}, {&node});
  Node* sum = patch.add_node(op("Add"), node.name, {scaled->output(), shift}, 1, {}, {&node});
  patch.replace(node.output(), sum->output());
  return patch;
}

}  // namespace sinter::passes
