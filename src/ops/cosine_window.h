// What the window operators share: a sum of cosines a0 - a1·cos(2πi/n) + a2·cos(4πi/n), with n = size (periodic) or
// size - 1.
#pragma once

#include "core/op_def.h"

namespace sinter::ops {

// Parameters and shape rule.
OpDef cosine_window_op(std::string name);
Status evaluate_window(EvalContext& context, double a0, double a1, double a2);

}  // namespace sinter::ops
