// The float network behind an explicitly quantized one.
#pragma once

#include "ir/graph.h"

namespace sinter::quant {

// Values that pass through QuantizeLinear and DequantizeLinear go by them; dequantized constants stay. Quantized operators (QLinearConv and the like) keep
// their types. The number of values; the nodes that nobody reads any more are left to the passes.
int64_t strip_quantization(ir::Graph& graph);

}  // namespace sinter::quant
