// Types of values that several paths produce, stacking and slicing.
#include "ops/control_flow.h"

#include <algorithm>

#include "ops/indexing.h"

namespace sinter::ops {

std::optional<ValueType> generalise_elements(const ValueType& a, const ValueType& b) {
  if (a == b) return a;
  if (a.is_tensor() && b.is_tensor() && a.dtype == b.dtype) return ValueType::tensor(a.dtype);
  return generalise(a, b, nullptr);
}

std::optional<ValueType> generalise(const ValueType& a, const ValueType& b, const UnknownDim& unknown) {
  if (a == b) return a;
  if (a.kind == ValueType::Kind::kUnknown || b.kind == ValueType::Kind::kUnknown) return ValueType{};
  if (a.kind != b.kind) {
    // An optional on one side may be empty there, and holds the other side's value else.
    if (!a.is_optional() && !b.is_optional()) return std::nullopt;
    const ValueType &optional = a.is_optional() ? a : b, &content = a.is_optional() ? b : a;
    const auto element = optional.element ? generalise_elements(*optional.element, content) : content;
    if (!element) return std::nullopt;
    return ValueType::optional(*element);
  }
  if (!a.is_tensor()) {
    if (!a.element || !b.element) return a.element ? b : a;
    const auto element = generalise_elements(*a.element, *b.element);
    if (!element) return std::nullopt;
    return a.is_sequence() ? ValueType::sequence(*element) : ValueType::optional(*element);
  }
  if (a.dtype != b.dtype && a.dtype != DType::kUndefined && b.dtype != DType::kUndefined) return std::nullopt;
  const DType dtype = a.dtype == DType::kUndefined ? b.dtype : a.dtype;
  if (!a.shape || !b.shape || a.shape->size() != b.shape->size() || !unknown) return ValueType::tensor(dtype);
  Shape shape = *a.shape;
  for (size_t axis = 0; axis < shape.size(); ++axis)
    if (shape[axis] != (*b.shape)[axis]) shape[axis] = unknown(axis);
  return ValueType::tensor(dtype, std::move(shape));
}

Tensor slice_at(const Tensor& tensor, int axis, int64_t index) {
  const Tensor source = tensor.unpacked();
  Dims dims = source.dims(), strides = row_major_strides(dims);
  Region from{index * strides[axis], std::move(strides)};
  dims.erase(dims.begin() + axis);
  from.strides.erase(from.strides.begin() + axis);
  Tensor target(source.dtype(), dims);
  copy_strided(source, from, target);
  return source.dtype() == tensor.dtype() ? target : target.packed(tensor.dtype());
}

Result<Tensor> concatenate(const std::vector<Tensor>& parts, int axis) {
  if (parts.empty())
    return make_error(Code::kInvalidArgument, "there is nothing to join: expected at least one tensor");
  Dims dims = parts[0].dims();
  dims[axis] = 0;
  for (const Tensor& part : parts) {
    Dims same = part.dims();
    if (part.rank() == parts[0].rank()) {
      dims[axis] += part.dims()[axis];
      same[axis] = parts[0].dims()[axis];
    }
    if (part.dtype() != parts[0].dtype() || same != parts[0].dims())
      return make_error(
          Code::kInvalidArgument,
          "tensors {}{} and {}{} can't be joined along axis {}: expected equal types and other dims; correct the model",
          dtype_name(parts[0].dtype()), to_string(parts[0].dims()), dtype_name(part.dtype()), to_string(part.dims()),
          axis);
  }
  if (!checked_count(dims))
    return make_error(Code::kOutOfMemory, "the joined tensor would be {}: too large", to_string(dims));
  Tensor target(parts[0].unpacked().dtype(), dims);
  const Dims strides = row_major_strides(dims);
  int64_t at = 0;
  for (const Tensor& part : parts) {
    const Tensor source = part.unpacked();
    copy_region(source, {0, row_major_strides(source.dims())}, target, {at * strides[axis], strides}, source.dims());
    at += source.dims()[axis];
  }
  return target.dtype() == parts[0].dtype() ? target : target.packed(parts[0].dtype());
}

Result<Tensor> stack(const std::vector<Tensor>& parts, int64_t axis, bool reverse) {
  if (parts.empty())
    return make_error(Code::kInvalidArgument, "there is nothing to stack: expected at least one tensor");
  const int64_t rank = parts[0].rank() + 1;
  if (axis < -rank || axis >= rank)
    return make_error(Code::kInvalidModel, "the axis is {}: expected a value in [{},{}]; correct the model", axis,
                      -rank, rank - 1);
  const int normal = static_cast<int>(axis < 0 ? axis + rank : axis);
  std::vector<Tensor> widened;
  for (const Tensor& part : parts) {
    Dims dims = part.dims();
    dims.insert(dims.begin() + std::min<size_t>(normal, dims.size()), 1);
    widened.push_back(part.reshaped(std::move(dims)));
  }
  if (reverse) std::reverse(widened.begin(), widened.end());
  return concatenate(widened, normal);
}

Result<Value> empty_value(const ValueType& type, int64_t axis) {
  if (!type.is_tensor() || type.dtype == DType::kUndefined)
    return make_error(Code::kUnsupported,
                      "there were no iterations and the element type of the result is unknown: expected at "
                      "least one iteration; give the body's outputs types");
  Dims dims;
  if (type.shape)
    for (const Dim& dim : *type.shape) dims.push_back(dim.is_constant() ? dim.value() : 0);
  else
    dims.push_back(0);
  const auto rank = static_cast<int64_t>(dims.size());
  if (axis >= -rank && axis < rank) dims[axis < 0 ? axis + rank : axis] = 0;
  return Value(Tensor(type.dtype, dims));
}

Result<int64_t> read_scalar(const EvalContext& context, int input) {
  const Value& value = context.input(input);
  if (!value.is_tensor() || value.tensor().count() != 1)
    return context.error(fmt::format("input {} is no scalar: expected one element; correct the model", input));
  return value.tensor().to_i64()[0];
}

Status check_sequence(const EvalContext& context, int input) {
  if (context.input(input).is_sequence()) return ok_status();
  return context.error(fmt::format("input {} is no sequence: expected one; correct the model", input));
}

ValueType element_type(const ValueType& sequence) {
  const bool holds = (sequence.is_sequence() || sequence.is_optional()) && sequence.element;
  return holds ? *sequence.element : ValueType{};
}

}  // namespace sinter::ops
