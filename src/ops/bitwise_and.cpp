// BitwiseAnd: c = a & b bit by bit on integers, with numpy broadcasting.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace bitwise_and_impl {

Status evaluate(EvalContext& context) {
  return map_bits(context, [](uint64_t a, uint64_t b) { return a & b; });
}

}  // namespace bitwise_and_impl

OpDef define_bitwise_and() {
  OpDef op("BitwiseAnd", 18);
  op.input("A", "T").input("B", "T").output("C", "T").type("T", kIntegerTypes).fact(kElementwise | kCommutative);
  op.infer = infer_broadcast;
  op.evaluate = bitwise_and_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
