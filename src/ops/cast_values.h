// Conversion between any two element types: what Cast and CastLike share.
#pragma once

#include "core/op_def.h"

namespace sinter::ops {

// As ONNX's Cast. `saturate` and `round_mode` ("up", "down", "nearest") matter for float8 targets only.
Status cast_values(EvalContext& context, DType to);
// Output 0: input 0's shape with dtype `to`; tracked elements go along where the value can't change.
void infer_cast(InferContext& context, DType to);

}  // namespace sinter::ops
