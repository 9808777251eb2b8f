// eliminate_cast: two casts in a row become one when the first loses nothing.
//
//   Cast<c>(Cast<b>(%x : a))   →   Cast<c>(%x)        every value of a is a value of b
//
//   CastLike(%x, %y : b)       →   Cast<b>(%x)        so that %x alone decides whether it is a constant
//
// With c = a the remaining Cast is an identity (eliminate_identity).
#include "passes/match.h"

namespace sinter::passes {
namespace eliminate_cast_impl {

// Bits of integers or of a float's significand that b must have to hold all of a.
bool holds(DType b, DType a) {
  if (a == b) return true;
  if (a == DType::kBool) return contains(kNumericTypes, b);
  struct Range { int significand, exponent; };
  auto float_range = [](DType type) -> std::optional<Range> {
    switch (type) {
      case DType::kF64: return Range{53, 11};
      case DType::kF32: return Range{24, 8};
      case DType::kF16: return Range{11, 5};
      case DType::kBF16: return Range{8, 8};
      default: return std::nullopt;
    }
  };
  const auto from = float_range(a), to = float_range(b);
  if (from && to) return to->significand >= from->significand && to->exponent >= from->exponent;
  if (from || !contains(kIntegerTypes, a)) return false;
  const int value_bits = dtype_bits(a) - is_signed(a);
  if (to) return value_bits <= to->significand && to->exponent >= 8;
  if (!contains(kIntegerTypes, b) || (is_signed(a) && !is_signed(b))) return false;
  return dtype_bits(b) - is_signed(b) >= value_bits;
}

}  // namespace eliminate_cast_impl

Outcome eliminate_cast(Graph& graph, Node& node) {
  if (node.is("CastLike")) {
    if (!node.input(1)->type.is_tensor() || node.input(1)->type.dtype == DType::kUndefined) return decline("a type that is not known");
    Attributes attributes = node.attributes;
    attributes.set("to", static_cast<int64_t>(node.input(1)->type.dtype));
    Patch patch(graph, node);
    Node* cast = patch.add_node(op("Cast"), node.name, {node.input(0)}, 1, std::move(attributes), {&node});
    patch.replace(node.output(), cast->output());
    return patch;
  }
  if (!node.is("Cast")) return NoMatch{};
  const Node* first = producer(node.input(0), "Cast");
  if (!first || !first->input(0)->type.is_tensor() || !first->output()->type.is_tensor()) return NoMatch{};
  const DType from = first->input(0)->type.dtype, through = first->output()->type.dtype;
  if (!eliminate_cast_impl::holds(through, from)) {
    return decline("{} does not hold every {}", dtype_name(through), dtype_name(from));
  }
  Patch patch(graph, node);
  Node* cast = patch.add_node(node.op, node.name, {first->input(0)}, 1, node.attributes, {first, &node});
  patch.replace(node.output(), cast->output());
  return patch;
}

}  // namespace sinter::passes
