// expand_einsum: an Einsum becomes the transposes, sums and matrix products that it means.
//
//   %y = Einsum(%a, %b) "bhid,bhjd->bhij"   →   %y = MatMul(%a, Transpose<0,1,3,2>(%b))
//
// Operands are contracted from the left, two at a time. Labels of both operands that are needed later are batch axes, the others of both
// are the product's inner dimension; labels that only one has are its rows or columns. Each kind becomes one axis (batch axes stay) by
// Transpose and Reshape; a label that nobody else has is summed first. Without an inner dimension the product is a Mul. Sums are made in
// another order and, for three operands or more, intermediate products are rounded.
#include <algorithm>

#include "ops/einsum_equation.h"
#include "passes/match.h"

namespace sinter::passes {
namespace expand_einsum_impl {

using Labels = std::vector<int>;

bool holds(const Labels& labels, int label) { return std::find(labels.begin(), labels.end(), label) != labels.end(); }

// An operand or intermediate result: a label for each axis.
struct Piece {
  IrValue* value = nullptr;
  Labels labels;
};

class Lowering {
 public:
  Lowering(Patch& patch, Node& node, std::vector<Dim> sizes) : patch_(patch), node_(node), sizes_(std::move(sizes)) {}

  // False: a shape can't be expressed; reason says which.
  bool failed() const { return !reason.empty(); }
  std::string reason;

  // Sums the labels that are not in `kept`.
  Piece sum_out(Piece piece, const Labels& kept) {
    std::vector<int64_t> axes;
    Labels left;
    for (size_t i = 0; i < piece.labels.size(); ++i) {
      if (holds(kept, piece.labels[i])) left.push_back(piece.labels[i]);
      else axes.push_back(static_cast<int64_t>(i));
    }
    if (axes.empty()) return piece;
    IrValue* constant = patch_.add_constant(name("axes"), Tensor::from_i64(axes));
    Attributes attributes;
    attributes.set("keepdims", int64_t{0});
    return {add("ReduceSum", "sum", {piece.value, constant}, std::move(attributes)), left};
  }

  Piece order(Piece piece, const Labels& labels) {
    if (piece.labels == labels) return piece;
    std::vector<int64_t> perm;
    for (const int label : labels) perm.push_back(std::find(piece.labels.begin(), piece.labels.end(), label) - piece.labels.begin());
    Attributes attributes;
    attributes.set("perm", perm);
    return {add("Transpose", "ordered", {piece.value}, std::move(attributes)), labels};
  }

  // The product of a and b over the labels of both that are not in `kept`, with axes in the order batch, a's, b's.
  Piece contract(Piece a, Piece b, const Labels& kept) {
    Labels batch, rows, columns, inner;
    for (const int label : kept) {
      if (holds(a.labels, label) && holds(b.labels, label)) batch.push_back(label);
      else if (holds(a.labels, label)) rows.push_back(label);
      else if (holds(b.labels, label)) columns.push_back(label);
    }
    for (const int label : a.labels) {
      if (!holds(kept, label)) inner.push_back(label);
    }
    Labels labels = batch;
    labels.insert(labels.end(), rows.begin(), rows.end());
    labels.insert(labels.end(), columns.begin(), columns.end());
    // Without batch axes the right side has two axes, and the left's outer rows may be batch axes of its own.
    Labels left_batch = batch, left_rows = rows;
    if (batch.empty() && !inner.empty() && rows.size() > 1) {
      left_batch.assign(rows.begin(), rows.end() - 1);
      left_rows = {rows.back()};
    }
    IrValue* left = matrix(std::move(a), left_batch, left_rows, inner);
    IrValue* right = matrix(std::move(b), batch, inner, columns);
    if (failed()) return {};
    IrValue* product = add(inner.empty() ? "Mul" : "MatMul", "product", {left, right});
    return {reshape(product, matrix_shape(left_batch, left_rows, columns), shape(labels)), labels};
  }

 private:
  std::string name(std::string_view what) { return fmt::format("{}_{}{}", node_.name, what, count_++); }

  IrValue* add(std::string_view op_name, std::string_view what, std::vector<IrValue*> inputs, Attributes attributes = {}) {
    return patch_.add_node(op(op_name), name(what), std::move(inputs), 1, std::move(attributes), {&node_})->output();
  }

  Shape shape(const Labels& labels) const {
    Shape shape;
    for (const int label : labels) shape.push_back(sizes_[static_cast<size_t>(label)]);
    return shape;
  }

  Shape matrix_shape(const Labels& batch, const Labels& rows, const Labels& columns) const {
    Shape result = shape(batch);
    result.push_back(product(shape(rows)));
    result.push_back(product(shape(columns)));
    return result;
  }

  IrValue* matrix(Piece piece, const Labels& batch, const Labels& rows, const Labels& columns) {
    Labels labels = batch;
    labels.insert(labels.end(), rows.begin(), rows.end());
    labels.insert(labels.end(), columns.begin(), columns.end());
    piece = order(std::move(piece), labels);
    return reshape(piece.value, shape(labels), matrix_shape(batch, rows, columns));
  }

  IrValue* reshape(IrValue* value, const Shape& from, const Shape& to) {
    if (from == to || failed()) return value;
    const auto target = reshape_target(from, to);
    if (!target) {
      reason = fmt::format("{} has more than one dim that depends on symbols", to_string(to));
      return value;
    }
    return add("Reshape", "shaped", {value, patch_.add_constant(name("shape"), Tensor::from_i64(*target))});
  }

  Patch& patch_;
  Node& node_;
  std::vector<Dim> sizes_;
  int count_ = 0;
};

// The size of each label; {} when one has several.
std::vector<Dim> sizes_of(const Node& node, const ops::EinsumEquation& equation) {
  std::vector<std::optional<Dim>> found(static_cast<size_t>(equation.labels));
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Shape& shape = *shape_of(node.inputs[i]);
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      std::optional<Dim>& size = found[static_cast<size_t>(equation.operands[i][axis])];
      if (size && *size != shape[axis]) return {};
      size = shape[axis];
    }
  }
  std::vector<Dim> sizes;
  for (const auto& size : found) sizes.push_back(size.value_or(Dim(1)));
  return sizes;
}

bool repeats(Labels labels) {
  std::sort(labels.begin(), labels.end());
  return std::adjacent_find(labels.begin(), labels.end()) != labels.end();
}

// The labels that a contraction of operands up to `next` must keep: those of the output, in its order, then those of operands after.
Labels kept_after(const ops::EinsumEquation& equation, size_t next) {
  Labels kept = equation.output;
  for (size_t i = next; i < equation.operands.size(); ++i) {
    for (const int label : equation.operands[i]) {
      if (!holds(kept, label)) kept.push_back(label);
    }
  }
  return kept;
}

// Whether the result of a times b comes in the output's order more nearly than that of b times a.
bool wants_swap(const Piece& a, const Piece& b, const Labels& output) {
  for (const int label : output) {
    const bool in_a = holds(a.labels, label), in_b = holds(b.labels, label);
    if (in_a != in_b) return in_b;
  }
  return false;
}

}  // namespace expand_einsum_impl

Outcome expand_einsum(Graph& graph, Node& node) {
  using namespace expand_einsum_impl;
  if (!node.is("Einsum") || has_epilogue(node)) return NoMatch{};
  std::vector<int> ranks;
  for (const IrValue* input : node.inputs) {
    if (!shape_of(input) || !is_small_float(input)) return decline("an input's rank is unknown, or it is no f32, f16 or bf16");
    ranks.push_back(rank_of(input));
  }
  const auto equation = ops::parse_einsum(node.attributes.s("equation"), ranks);
  if (!equation.ok()) return decline("the equation does not fit its inputs");
  for (const Labels& labels : equation->operands) {
    if (repeats(labels)) return decline("a label appears twice in one operand");
  }
  std::vector<Dim> sizes = sizes_of(node, *equation);
  if (sizes.size() != static_cast<size_t>(equation->labels)) return decline("axes of one label have several sizes");
  Patch patch(graph, node);
  Lowering lowering(patch, node, std::move(sizes));
  const auto operand = [&](size_t i) { return Piece{node.inputs[i], equation->operands[i]}; };
  Piece result = operand(0);
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    const Labels kept = kept_after(*equation, i + 1);
    Piece next = operand(i);
    // A label that neither the other operand nor anything later has is summed alone.
    Labels for_result = kept, for_next = kept;
    for_result.insert(for_result.end(), next.labels.begin(), next.labels.end());
    for_next.insert(for_next.end(), result.labels.begin(), result.labels.end());
    result = lowering.sum_out(std::move(result), for_result);
    next = lowering.sum_out(std::move(next), for_next);
    if (wants_swap(result, next, equation->output)) std::swap(result, next);
    result = lowering.contract(std::move(result), std::move(next), kept);
    if (lowering.failed()) return Declined{lowering.reason};
  }
  result = lowering.order(lowering.sum_out(std::move(result), equation->output), equation->output);
  if (result.value == node.input(0)) {  // the identity
    result.value = patch.add_node(op("Identity"), node.name, {result.value}, 1, {}, {&node})->output();
  }
  patch.replace(node.output(), result.value);
  patch.describe(fmt::format("'{}' becomes products", node.attributes.s("equation")));
  return patch;
}

}  // namespace sinter::passes
