// Which values of a model are stored as f16 or bf16 when --fp16 or --bf16 permits it: decided on the optimised graph, before tactics
// are timed. Kernels widen what they read, accumulate in f32 and narrow once on store, so a value's type is the precision of its layer.
#pragma once

#include "builder/builder.h"

namespace sinter::builder {

// Changes f32 values of the graph to f16 (bf16 when only that is permitted), weights included, where the device has a tactic for the
// narrow layer; inputs and outputs of the model keep their types. Kept in f32:
// - layers whose weights or constants are beyond the type's range, and sums over elements in f16 (65504 is soon reached);
// - what comes after the last dense operator (products, convolutions, recurrences) on the way to the outputs: softmaxes, boxes;
// - residuals of networks that normalise after each sum;
// - layers without a narrow tactic, bodies of control flow and what they capture, everything on the host.
// Nothing happens for the CPU, where no tactic gains from narrow storage yet.
Status lower_precision(ir::Graph& graph, const BuildOptions& options);

}  // namespace sinter::builder
