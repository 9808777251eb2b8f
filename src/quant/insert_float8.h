// Implicit quantization to float8 (e4m3fn): in front of convolutions and products with constant weights, values with a range pass through QuantizeLinear
// and DequantizeLinear of that type, weights become constants of it. Scales: range / 448 for a value, largest / 448 for an output channel of weights.
#pragma once

#include "quant/insert.h"

namespace sinter::quant {

// Of the options only `keep` counts. The graph must be typed; bodies of control flow stay as they are.
Result<InsertReport> insert_float8(ir::Graph& graph, const Calibration& calibration, const InsertOptions& options);

}  // namespace sinter::quant
