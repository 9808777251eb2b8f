// What Greater, GreaterOrEqual, Less and LessOrEqual share.
#pragma once

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {

inline OpDef ordering_op(std::string name, int since) {
  OpDef op(std::move(name), since);
  op.input("A", "T")
      .input("B", "T")
      .output("C", "T1")
      .type("T", kNumericTypes)
      .type("T1", kBoolType)
      .fact(kElementwise);
  op.infer = infer_compare;
  return op;
}

}  // namespace sinter::ops
