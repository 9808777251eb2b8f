// ScatterElements: a copy of the data with y[i with i[axis] replaced by indices[i]] = updates[i], or reduced with what
// is there (add, mul, max, min). Updates are applied in row-major order.
#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/scatter.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace scatter_elements_impl {

template <typename T>
T combine(T current, T update, Reduction reduction) {
  using C = Compute<T>;
  const C a = static_cast<C>(current), b = static_cast<C>(update);
  switch (reduction) {
    case Reduction::kAdd:
      if constexpr (std::is_integral_v<T>)
        return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
      else
        return static_cast<T>(a + b);
    case Reduction::kMul:
      if constexpr (std::is_integral_v<T>)
        return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
      else
        return static_cast<T>(a * b);
    case Reduction::kMax: return a != a || a > b ? current : update;
    case Reduction::kMin: return a != a || a < b ? current : update;
    case Reduction::kNone: break;
  }
  return update;
}

Status evaluate(EvalContext& context) {
  Reduction reduction;
  SINTER_TRY(read_reduction(context, context.tensor(0).dtype(), reduction));
  return evaluate_scatter_elements(context, reduction);
}

}  // namespace scatter_elements_impl

Status read_reduction(const EvalContext& context, DType dtype, Reduction& reduction) {
  const std::string& name = context.attributes().s("reduction");
  if (name == "none")
    reduction = Reduction::kNone;
  else if (name == "add")
    reduction = Reduction::kAdd;
  else if (name == "mul")
    reduction = Reduction::kMul;
  else if (name == "max")
    reduction = Reduction::kMax;
  else if (name == "min")
    reduction = Reduction::kMin;
  else
    return context.error(
        fmt::format("attribute 'reduction' is '{}': expected none, add, mul, max or min; correct the attribute", name));
  if (reduction != Reduction::kNone && !contains(kNumericTypes, dtype))
    return context.error(
        fmt::format("can't reduce {} by '{}': expected a numeric type; use reduction='none'", dtype_name(dtype), name));
  return ok_status();
}

void apply_updates(const Tensor& updates, int64_t from, Tensor& target, int64_t to, int64_t count,
                   Reduction reduction) {
  if (reduction == Reduction::kNone) return copy_elements(updates, from, target, to, count);
  visit_numeric(target.dtype(), [&]<typename T>(TypeTag<T>) {
    const T* source = updates.data<T>() + from;
    T* y = target.data<T>() + to;
    for (int64_t i = 0; i < count; ++i) y[i] = scatter_elements_impl::combine(y[i], source[i], reduction);
  });
}

Status infer_scatter_elements(InferContext& context) {
  if (const Shape* data = context.input_shape(0)) {
    int axis = 0;
    SINTER_TRY(check_axis(context, context.attributes().i("axis"), static_cast<int64_t>(data->size()), axis));
  }
  return infer_same(context);
}

Status evaluate_scatter_elements(EvalContext& context, Reduction reduction) {
  const Tensor& data = context.tensor(0);
  const Tensor& index_tensor = context.tensor(1);
  const Tensor& updates = context.tensor(2);
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), data.rank(), axis));
  SINTER_TRY(check_inside(context, index_tensor.dims(), data.dims(), axis, "indices"));
  if (updates.dims() != index_tensor.dims() || updates.dtype() != data.dtype())
    return context.error(fmt::format(
        "updates are {}, data is {} and indices {}: expected data's type and the indices' shape; correct the model",
        updates.type().to_string(), data.type().to_string(), to_string(index_tensor.dims())));
  std::vector<int64_t> indices = read_indices(index_tensor);
  for (int64_t& index : indices) SINTER_TRY(check_index(context, index, data.dims()[axis], axis));
  const Dims strides = row_major_strides(data.dims());
  Tensor y = data.clone();
  int64_t from = 0;
  for_each_index(index_tensor.dims(), [&](const Dims& at) {
    const int64_t to = offset_of(at, strides) + (indices[from] - at[axis]) * strides[axis];
    apply_updates(updates, from++, y, to, 1, reduction);
  });
  context.set_output(0, std::move(y));
  return ok_status();
}

OpDef define_scatter_elements() {
  OpDef op("ScatterElements", 9);  // 9 and 10 come as Scatter
  op.input("data", "T")
      .input("indices", "Tind")
      .input("updates", "T")
      .output("output", "T")
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("Tind", dtype_set(DType::kI32, DType::kI64))
      .attr("axis", int64_t{0})
      .attr("reduction", std::string("none"))
      .fact(kMovesData);
  op.infer = infer_scatter_elements;
  op.evaluate = scatter_elements_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
