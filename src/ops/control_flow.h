// Pieces of If, Loop, Scan and the sequence operators.
#pragma once

#include "core/op_def.h"

namespace sinter::ops {

// A type that holds values of both: dims that differ become what `unknown(axis)` returns, ranks that differ an unknown
// rank (so do differing shapes inside sequences, whose elements need not agree). nullopt: kinds or element types
// differ.
using UnknownDim = std::function<Dim(size_t axis)>;
std::optional<ValueType> generalise(const ValueType& a, const ValueType& b, const UnknownDim& unknown);
// The same for elements of one sequence.
std::optional<ValueType> generalise_elements(const ValueType& a, const ValueType& b);

// Element i of the tensor along the axis, without that axis; sub-byte types too.
Tensor slice_at(const Tensor& tensor, int axis, int64_t index);
// The inverse: equal tensors side by side along a new axis, last first if `reverse`. The error says which differ.
Result<Tensor> stack(const std::vector<Tensor>& parts, int64_t axis, bool reverse);
// Joins tensors along an existing axis.
Result<Tensor> concatenate(const std::vector<Tensor>& parts, int axis);
// A tensor of the type with `axis` (and every dim that is not constant) at size 0: what an empty stack is.
Result<Value> empty_value(const ValueType& type, int64_t axis);

// A bool or integer scalar (or one-element tensor) input.
Result<int64_t> read_scalar(const EvalContext& context, int input);
// Inputs that hold a sequence / a tensor, else an error of the node.
Status check_sequence(const EvalContext& context, int input);
// Element type of a sequence input's type; unknown otherwise.
ValueType element_type(const ValueType& sequence);

}  // namespace sinter::ops
