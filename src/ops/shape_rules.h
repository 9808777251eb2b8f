// Shape rules that many operators share, and the tracking of shape tensors' elements.
//
// A rule sets the dtype even when the shape is unknown. Elements are tracked for integer tensors of rank 0 and 1, and
// for bool ones (0 or 1) between Equal, Not and Where.
#pragma once

#include "core/op_def.h"

namespace sinter::ops {

// A larger tensor is data, not a shape.
constexpr int64_t kMaxTrackedElements = 256;

// Output 0 has input 0's type.
Status infer_same(InferContext& context);
// infer_same, and the tracked elements pass through.
Status infer_same_elements(InferContext& context);
// Output 0: the broadcast of all inputs' shapes, with input 0's dtype / with bool.
Status infer_broadcast(InferContext& context);
Status infer_compare(InferContext& context);

// The broadcast of the first `count` inputs' shapes: nullopt as long as one is unknown. An error names the node.
Status broadcast_inputs(InferContext& context, int first, int count, std::optional<Shape>& shape);

// Element-wise results of tracked operands, broadcast; nothing when an operand is not tracked or `fn` returns nullopt.
using ElementFn = std::function<std::optional<Dim>(const std::vector<Dim>& operands)>;
void propagate_elements(InferContext& context, int inputs, const ElementFn& fn);

// False when a constant does not fit its dtype: the kernel would wrap around, so the element is not tracked.
bool fits(DType dtype, const Dim& element);

// a == b for every binding (true), for none (false), or undecided.
std::optional<bool> decide_equal(const Dim& a, const Dim& b);
// a >= 0 for every binding, as far as the bounds tell.
bool never_negative(const Dim& a);
// Integer division that truncates, when its result can be stated.
std::optional<Dim> truncated_quotient(const Dim& a, const Dim& b);

// dtype of an input, kUndefined when unknown.
inline DType input_dtype(const InferContext& context, int index) {
  return context.has_input(index) ? context.input_type(index).dtype : DType::kUndefined;
}

// Sets the output's elements unless there are too many.
void track(InferContext& context, int output, Dims dims, std::vector<Dim> elements);
// A fully known 1-d/0-d integer input as numbers: a constant, or tracked elements that are all constant.
std::optional<std::vector<int64_t>> constant_elements(const InferContext& context, int index);
// Unknown dims (fresh symbols) of a known rank.
Shape fresh_shape(InferContext& context, int64_t rank, std::string_view hint);

// An attribute that holds a TensorProto.DataType; error when it is none of Sinter's.
template <typename Context>
Result<DType> dtype_attribute(const Context& context, std::string_view name, int64_t value) {
  if (value <= 0 || value >= kDTypeCount)
    return context.error(
        fmt::format("attribute '{}' is {}: expected an element type of ONNX, 1 to {}; correct the model", name, value,
                    kDTypeCount - 1));
  return static_cast<DType>(value);
}

}  // namespace sinter::ops
