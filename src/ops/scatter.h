// What the Scatter operators share: writing or reducing runs of updates into a copy of the data.
#pragma once

#include "core/op_def.h"

namespace sinter::ops {

enum class Reduction { kNone, kAdd, kMul, kMax, kMin };

// Attribute 'reduction'; an error for unknown names, and for one that has no meaning for `dtype`.
Status read_reduction(const EvalContext& context, DType dtype, Reduction& reduction);

// target[to + i] = reduction(target[to + i], updates[from + i]) for i < count. Dtypes are equal.
void apply_updates(const Tensor& updates, int64_t from, Tensor& target, int64_t to, int64_t count, Reduction reduction);

// ScatterElements: shape rule and kernel.
Status infer_scatter_elements(InferContext& context);
Status evaluate_scatter_elements(EvalContext& context, Reduction reduction);

}  // namespace sinter::ops
