// Range: start, start+delta, … before limit: max(ceil((limit - start) / delta), 0) elements. f16 and bf16 are computed
// in f32 and rounded once; integers wrap around.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace range_impl {

constexpr double kMaxCount = 0x1p46;

// Number of elements; negative: delta is 0 or the count is beyond reason.
template <typename T>
int64_t count_elements(T start, T limit, T delta) {
  if (delta == 0) return -1;
  if constexpr (std::is_integral_v<T>) {
    const __int128 span = static_cast<__int128>(limit) - start, step = delta;
    const __int128 count = span == 0 || (span > 0) != (step > 0) ? 0 : (span + step - (step > 0 ? 1 : -1)) / step;
    return count > static_cast<__int128>(kMaxCount) ? -1 : static_cast<int64_t>(count);
  } else {
    const double count =
        std::ceil((static_cast<double>(limit) - static_cast<double>(start)) / static_cast<double>(delta));
    return !(count < kMaxCount) ? -1 : count > 0 ? static_cast<int64_t>(count) : 0;
  }
}

Status infer(InferContext& context) {
  const auto start = context.input_elements(0), limit = context.input_elements(1), delta = context.input_elements(2);
  std::optional<Dim> size;
  if (start && limit && delta && delta->elements[0].is_constant() && !delta->elements[0].is(0)) {
    const int64_t step = delta->elements[0].value();
    const Dim& from = start->elements[0];
    const Dim& to = limit->elements[0];
    if (from.is_constant() && to.is_constant()) {
      const int64_t count = count_elements<int64_t>(from.value(), to.value(), step);
      if (count >= 0) size = Dim(count);
    } else if (step > 0 || step > INT64_MIN + 1) {
      const Dim span = step > 0 ? to - from : from - to;
      size = ceildiv(never_negative(span) ? span : max(Dim(0), span), Dim(step > 0 ? step : -step));
    }
    if (size && size->is_constant() && size->value() <= kMaxTrackedElements) {
      std::vector<Dim> elements;
      for (int64_t i = 0; i < size->value(); ++i) elements.push_back(from + Dim(i) * Dim(step));
      track(context, 0, {size->value()}, std::move(elements));
    }
  }
  const DType dtype = input_dtype(context, 0);
  const Tensor *a = context.input_constant(0), *b = context.input_constant(1), *c = context.input_constant(2);
  if (!size && a && b && c && a->count() == 1 && b->count() == 1 && c->count() == 1 && is_float(dtype)) {
    const int64_t count = count_elements<double>(a->to_f64()[0], b->to_f64()[0], c->to_f64()[0]);
    if (count >= 0) size = Dim(count);
  }
  if (!size) size = context.fresh_symbol("range");
  context.set_output(0, ValueType::tensor(dtype, Shape{*size}));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_same_dtype(context, 3));
  for (int i = 0; i < 3; ++i)
    if (context.tensor(i).count() != 1)
      return context.error(
          fmt::format("input {} is {}: expected a scalar; correct the model", i, to_string(context.tensor(i).dims())));
  const DType dtype = context.tensor(0).dtype();
  Status status;
  const bool known = visit_numeric(dtype, [&]<typename T>(TypeTag<T>) {
    using C = Compute<T>;
    const C start = *context.tensor(0).data<T>(), limit = *context.tensor(1).data<T>(),
            delta = *context.tensor(2).data<T>();
    const int64_t count = count_elements<C>(start, limit, delta);
    if (count < 0) {
      status = context.error(fmt::format("from {} to {} by {}: expected a step that ends; correct the inputs",
                                         static_cast<double>(start), static_cast<double>(limit),
                                         static_cast<double>(delta)));
      return;
    }
    T* y = context.allocate(0, dtype, {count}).template data<T>();
    for (int64_t i = 0; i < count; ++i) {
      if constexpr (std::is_integral_v<T>)
        y[i] = static_cast<T>(static_cast<uint64_t>(start) + static_cast<uint64_t>(i) * static_cast<uint64_t>(delta));
      else
        y[i] = static_cast<T>(start + static_cast<C>(i) * delta);
    }
  });
  return known ? std::move(status) : unsupported_dtype(context, 0);
}

}  // namespace range_impl

OpDef define_range() {
  OpDef op("Range", 11);
  op.input("start", "T")
      .input("limit", "T")
      .input("delta", "T")
      .output("output", "T")
      .type("T", kFloatTypes | dtype_set(DType::kI16, DType::kI32, DType::kI64))
      .attr("stash_type", int64_t{1});
  op.infer = range_impl::infer;
  op.evaluate = range_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
