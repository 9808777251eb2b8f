// What And, Or and Xor share.
#pragma once

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {

// output 0 = fn(a, b) of bools, with numpy broadcasting.
template <typename Fn>
Status map_logical(EvalContext& context, Fn fn) {
  SINTER_TRY(check_same_dtype(context, 2));
  if (context.tensor(0).dtype() != DType::kBool) return unsupported_dtype(context, 0);
  return map_binary<bool, bool, bool>(context, DType::kBool, fn);
}

inline OpDef logical_op(std::string name) {
  OpDef op(std::move(name), 7);
  op.input("A", "T")
      .input("B", "T")
      .output("C", "T1")
      .type("T", kBoolType)
      .type("T1", kBoolType)
      .fact(kElementwise | kCommutative);
  op.infer = infer_compare;
  return op;
}

}  // namespace sinter::ops
