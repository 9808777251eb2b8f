// Scatter: the older name of ScatterElements, without reductions.
#include "ops/scatter.h"

namespace sinter::ops {
namespace scatter_impl {

Status evaluate(EvalContext& context) { return evaluate_scatter_elements(context, Reduction::kNone); }

}  // namespace scatter_impl

OpDef define_scatter() {
  OpDef op("Scatter", 9);
  op.input("data", "T")
      .input("indices", "Tind")
      .input("updates", "T")
      .output("output", "T")
      .type("T",
            kIntegerTypes | kComplexTypes | kBoolType | kStringType | dtype_set(DType::kF32, DType::kF16, DType::kF64))
      .type("Tind", dtype_set(DType::kI32, DType::kI64))
      .attr("axis", int64_t{0})
      .fact(kMovesData);
  op.infer = infer_scatter_elements;
  op.evaluate = scatter_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
