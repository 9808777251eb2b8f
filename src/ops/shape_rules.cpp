// Shape rules that many operators share, and the tracking of shape tensors' elements.
#include "ops/shape_rules.h"

#include <algorithm>

namespace sinter::ops {

Status infer_same(InferContext& context) {
  context.set_output(0, context.input_type(0));
  return ok_status();
}

Status infer_same_elements(InferContext& context) {
  context.set_output(0, context.input_type(0));
  if (auto elements = context.input_elements(0)) context.set_output_elements(0, std::move(*elements));
  return ok_status();
}

Status broadcast_inputs(InferContext& context, int first, int count, std::optional<Shape>& shape) {
  shape.reset();
  Shape result;
  for (int i = first; i < first + count; ++i) {
    const Shape* operand = context.input_shape(i);
    if (!operand) return ok_status();
    auto next = broadcast(result, *operand);
    if (!next.ok()) return context.error(next.status().message());
    result = std::move(next).value();
  }
  shape = std::move(result);
  return ok_status();
}

Status infer_broadcast(InferContext& context) {
  std::optional<Shape> shape;
  SINTER_TRY(broadcast_inputs(context, 0, context.input_count(), shape));
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  return ok_status();
}

Status infer_compare(InferContext& context) {
  std::optional<Shape> shape;
  SINTER_TRY(broadcast_inputs(context, 0, context.input_count(), shape));
  context.set_output(0, ValueType::tensor(DType::kBool, std::move(shape)));
  return ok_status();
}

void track(InferContext& context, int output, Dims dims, std::vector<Dim> elements) {
  if (dims.size() > 1 || static_cast<int64_t>(elements.size()) > kMaxTrackedElements) return;
  context.set_output_elements(output, ShapeTensor{std::move(dims), std::move(elements)});
}

bool fits(DType dtype, const Dim& element) {
  return dtype != DType::kI32 || !element.is_constant() ||
         (element.value() >= INT32_MIN && element.value() <= INT32_MAX);
}

void propagate_elements(InferContext& context, int inputs, const ElementFn& fn) {
  std::vector<ShapeTensor> operands;
  Dims dims;
  for (int i = 0; i < inputs; ++i) {
    auto elements = context.input_elements(i);
    if (!elements) return;
    auto next = broadcast(dims, elements->dims);
    if (!next.ok()) return;
    dims = std::move(next).value();
    operands.push_back(std::move(*elements));
  }
  const int64_t count = product(dims);
  if (count > kMaxTrackedElements) return;
  const DType dtype = input_dtype(context, inputs - 1);
  std::vector<Dim> results;
  for (int64_t i = 0; i < count; ++i) {
    std::vector<Dim> values;
    for (const ShapeTensor& operand : operands)
      values.push_back(operand.elements[operand.elements.size() == 1 ? 0 : i]);
    auto result = fn(values);
    if (!result || !fits(dtype, *result)) return;
    results.push_back(std::move(*result));
  }
  track(context, 0, dims, std::move(results));
}

bool never_negative(const Dim& a) { return a.is_constant() ? a.value() >= 0 : a.bounds({}).min >= 0; }

std::optional<bool> decide_equal(const Dim& a, const Dim& b) {
  if (a == b) return true;
  if (a.is_constant() && b.is_constant()) return false;
  const DimRange x = a.bounds({}), y = b.bounds({});
  if (x.max < y.min || y.max < x.min) return false;
  const Dim difference = a - b;
  if (difference.is_constant()) return difference.value() == 0;
  return std::nullopt;
}

std::optional<Dim> truncated_quotient(const Dim& a, const Dim& b) {
  if (b.is(0)) return std::nullopt;
  if (a.is_constant() && b.is_constant()) {
    if (a.value() == INT64_MIN && b.value() == -1) return std::nullopt;
    return Dim(a.value() / b.value());
  }
  if (!never_negative(a) || !never_negative(b)) return std::nullopt;
  return floordiv(a, b);
}

std::optional<std::vector<int64_t>> constant_elements(const InferContext& context, int index) {
  if (!context.has_input(index)) return std::nullopt;
  if (const Tensor* constant = context.input_constant(index)) {
    if (constant->rank() > 1 || !is_integer(constant->dtype())) return std::nullopt;
    return constant->to_i64();
  }
  const auto elements = context.input_elements(index);
  if (!elements) return std::nullopt;
  std::vector<int64_t> values;
  for (const Dim& element : elements->elements) {
    if (!element.is_constant()) return std::nullopt;
    values.push_back(element.value());
  }
  return values;
}

Shape fresh_shape(InferContext& context, int64_t rank, std::string_view hint) {
  Shape shape;
  for (int64_t i = 0; i < rank; ++i) shape.push_back(context.fresh_symbol(fmt::format("{}{}", hint, i)));
  return shape;
}

}  // namespace sinter::ops
