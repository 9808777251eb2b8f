// What passes ask of a graph: short questions about values, nodes and shapes, and constant arithmetic.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "passes/pass.h"

namespace sinter::passes {

using ir::Graph;
using ir::Node;
using ir::Patch;
using IrValue = ir::Value;

// The operator; passes only name operators that exist (tests/passes checks every rewrite).
const OpDef* op(std::string_view name, std::string_view domain = "");

// The only user of a value that is no graph output, else null. A user that reads it twice counts once.
Node* only_user(const IrValue* value);
// Has one user (see above): whatever is fused into it need not be computed twice.
bool used_once(const IrValue* value);
// The node that produces the value when it is that operator without epilogue, else null.
Node* producer(const IrValue* value, std::string_view op_name);
bool has_epilogue(const Node& node);
// a comes before b in their graph.
bool precedes(const Node& a, const Node& b);

// The constant behind a value (captured constants too), else null.
const Tensor* constant_of(const IrValue* value);
// A constant of one element (of any rank) as a number.
std::optional<double> scalar_of(const IrValue* value);
bool is_scalar(const IrValue* value, double number, double tolerance = 0);
// An integer value whose elements are all known: a constant, or tracked.
std::optional<std::vector<int64_t>> ints_of(const IrValue* value);

const Shape* shape_of(const IrValue* value);  // null: unknown
int rank_of(const IrValue* value);            // -1: unknown
bool same_shape(const IrValue* a, const IrValue* b);  // both known and equal for every binding
bool same_dtype(const IrValue* a, const IrValue* b);
bool broadcasts_to(const Shape& from, const Shape& to);
// f32, f16 or bf16: what constants may be computed for in f32.
bool is_small_float(const IrValue* value);
// The value and its type's dims as integers.
std::optional<Dims> static_dims(const IrValue* value);

// The other input of a two-input node.
IrValue* other_input(const Node& node, const IrValue* value);
// Target for a Reshape of `from` to the shape `to`: constants, 0 for a dim that is copied, at most one -1. nullopt: not expressible.
std::optional<std::vector<int64_t>> reshape_target(const Shape& from, const Shape& to);

// Adds a Reshape to `to` (expressible as above); null when not.
IrValue* add_reshape(Patch& patch, std::string_view name, IrValue* input, const Shape& to, const std::vector<const Node*>& sources);
// Runs one node's operator on constants. Empty result: it has no tensor outputs.
Result<std::vector<Tensor>> compute(const OpDef* op, const Attributes& attributes, const std::vector<Tensor>& inputs, int outputs = 1);
// A tensor of float values in `dtype` (one rounding).
Tensor make_floats(const std::vector<double>& values, Dims dims, DType dtype);

}  // namespace sinter::passes
