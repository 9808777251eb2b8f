// From a node of the graph to what a tactic may see of it, and to what kind of step it becomes.
#pragma once

#include "builder/builder.h"

namespace sinter::builder {

enum class NodeKind : uint8_t {
  kKernel,     // shapes known from the inputs' symbols: tactics are asked
  kView,       // the input's bytes under another shape
  kReference,  // strings, containers, sizes that depend on data
  kControl,    // has bodies
};

// Symbols that the model's inputs bind, and their value at the optimum.
struct SymbolTable {
  Bindings opt;
  std::vector<plan::SymbolRange> ranges;
};
SymbolTable collect_symbols(const ir::Graph& graph, const BuildOptions& options);

NodeKind classify(const ir::Node& node, const SymbolTable& symbols);
// Whether the value's shape follows from the inputs' symbols alone, and its element type has a size: it can live in the arena.
bool is_plannable(const ir::Value& value, const SymbolTable& symbols);

// All layouts kRowMajor. Constants up to kInlineConstantElements are included.
Problem make_problem(const ir::Node& node, const SymbolTable& symbols, const BuildOptions& options, plan::Place place);
TensorDesc describe(const ir::Value& value, const SymbolTable& symbols);
// "sinter.Reformat" of one tensor.
Problem make_reformat(const TensorDesc& tensor, Layout from, Layout to, const BuildOptions& options, plan::Place place);
// Few integers or truth values in and out: arithmetic of shapes, which is better off on the host.
bool is_shape_arithmetic(const ir::Node& node, const SymbolTable& symbols);
// The same bytes in both layouts, whatever the symbols' values.
bool same_bytes(Layout a, Layout b, const Shape& shape);

}  // namespace sinter::builder
