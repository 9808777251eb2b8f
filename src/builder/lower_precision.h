// Which values of a model are stored as f16 or bf16 when --fp16 or --bf16 permits it: decided on the optimised graph, before tactics
// are timed. Kernels widen what they read, accumulate in f32 and narrow once on store, so a value's type is the precision of its layer.
#pragma once

#include "builder/builder.h"

namespace sinter::builder {

// Why layers are not of the type that was asked for, by node name.
using LoweringReasons = std::map<std::string, std::string>;

// Changes f32 values of the graph to options.narrow, weights included, where the device has a tactic for the
// narrow layer; inputs and outputs of the model keep their types. Kept in f32:
// - layers whose weights or constants are beyond the type's range, and sums over elements in f16 (65504 is soon reached);
// - what comes after the last dense operator (products, convolutions, recurrences) on the way to the outputs: softmaxes, boxes;
// - residuals of networks that normalise after each sum;
// - layers without a narrow tactic, bodies of control flow and what they capture, everything on the host.
//
// options.layer_types come first: a layer gets the type that it was asked to have, on the CPU too, unless its constants are beyond the type's range or no
// tactic takes it; layers of f16 or bf16 models become f32. An output type is the layer's precision too, unless it has one of its own: then the
// result is converted.
Status lower_precision(ir::Graph& graph, const BuildOptions& options, LoweringReasons* reasons = nullptr);

}  // namespace sinter::builder
