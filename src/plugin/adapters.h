// A plugin's operator as the rest of Sinter sees it: its shape rule as OpDef::infer, its kernel on the CPU as OpDef::evaluate.
#pragma once

#include "plugin/library.h"

namespace sinter::plugin {

Status infer(const Operator& op, InferContext& context);
// Asks the shape rule for the sizes, which may then depend on what the inputs hold, and runs the kernel.
Status evaluate(const Operator& op, EvalContext& context);

}  // namespace sinter::plugin
