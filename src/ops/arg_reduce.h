// What ArgMax and ArgMin share.
#pragma once

#include "core/op_def.h"

namespace sinter::ops {

// Parameters and shape rule; the kernel picks the largest or the smallest.
OpDef arg_reduce_op(std::string name);
Status evaluate_arg_reduce(EvalContext& context, bool largest);

}  // namespace sinter::ops
