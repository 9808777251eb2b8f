// What ArgMax and ArgMin share.
#pragma once

#include "core/op_def.h"

namespace sinter::ops {

Status infer_arg_reduce(InferContext& context);
Status evaluate_arg_reduce(EvalContext& context, bool largest);

}  // namespace sinter::ops
