// What the Reduce operators share: axes, shapes, and the loop over reduced elements.
//
// Values are accumulated wide: floats in double, integers in 64 bits with wraparound; one rounding at the end.
#pragma once

#include <cmath>
#include <type_traits>

#include "ops/elementwise.h"
#include "ops/indexing.h"

namespace sinter::ops {

constexpr DTypeSet kReduceTypes = kFloatTypes | dtype_set(DType::kI32, DType::kI64, DType::kU32, DType::kU64);

// The parameters of the Reduce operators; `types` are those of the data.
OpDef reduce_op(std::string name, int since = 18, DTypeSet types = kReduceTypes);

// Output shape from `axes` (input 1) and attributes keepdims and noop_with_empty_axes. With `fold`, tracked elements of
// a 1-d input are reduced too (a product of a shape's elements is its size).
using FoldFn = Dim (*)(const Dim& a, const Dim& b);
Status infer_reduce(InferContext& context, FoldFn fold = nullptr);
Status infer_reduce_plain(InferContext& context);

struct ReducePlan {
  Dims out_dims;                 // of the result
  Dims kept, kept_strides;       // axes that stay
  std::vector<int64_t> offsets;  // of the elements that are reduced into one
};
Status plan_reduce(const EvalContext& context, ReducePlan& plan);

// Sums and products of 64-bit integers wrap around instead of being undefined.
template <typename A>
A wrapping_add(A a, A b) {
  if constexpr (std::is_integral_v<A>)
    return static_cast<A>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else
    return a + b;
}
template <typename A>
A wrapping_mul(A a, A b) {
  if constexpr (std::is_integral_v<A>)
    return static_cast<A>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else
    return a * b;
}

template <typename T>
using Accumulator =
    std::conditional_t<!std::is_integral_v<T>, double, std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>;

// Runs run(TypeTag<T>) for a dtype of kReduceTypes; false for the others.
template <typename Fn>
bool visit_reduced(DType dtype, Fn&& run) {
  if (visit_float(dtype, run)) return true;
  switch (dtype) {
    case DType::kI32: run(TypeTag<int32_t>{}); return true;
    case DType::kI64: run(TypeTag<int64_t>{}); return true;
    case DType::kU32: run(TypeTag<uint32_t>{}); return true;
    case DType::kU64: run(TypeTag<uint64_t>{}); return true;
    default: return false;
  }
}

// What is computed in double of integers (opsets before 28): truncated, 0 when it is not finite.
template <typename A>
A from_real(double value) {
  if constexpr (std::is_integral_v<A>)
    return std::isfinite(value) ? static_cast<A>(value) : A{0};
  else
    return value;
}

template <typename T, template <typename> typename Reducer>
void reduce_into(const T* x, T* y, const ReducePlan& plan) {
  using A = Accumulator<T>;
  int64_t at = 0;
  for_each_index(plan.kept, [&](const Dims& index) {
    const T* base = x + offset_of(index, plan.kept_strides);
    Reducer<A> reducer;
    for (const int64_t offset : plan.offsets) reducer.add(static_cast<A>(static_cast<Compute<T>>(base[offset])));
    y[at++] = static_cast<T>(reducer.result(static_cast<int64_t>(plan.offsets.size())));
  });
}

// Reducer<A>: default-constructed empty; add(A); A result(count).
template <template <typename> typename Reducer>
Status reduce(EvalContext& context) {
  ReducePlan plan;
  SINTER_TRY(plan_reduce(context, plan));
  const Tensor& x = context.tensor(0);
  const auto run = [&]<typename T>(TypeTag<T>) {
    Tensor& y = context.allocate(0, x.dtype(), plan.out_dims);
    reduce_into<T, Reducer>(x.data<T>(), y.data<T>(), plan);
  };
  return visit_reduced(x.dtype(), run) ? ok_status() : unsupported_dtype(context, 0);
}

// Max and Min: the types above and i8, u8, bool. `better(a, b)`: a replaces b. NaN wins. An empty set gives the type's
// worst value (an infinity for floats).
template <typename T, typename Better>
void select_into(const T* x, T* y, const ReducePlan& plan, T worst, Better better) {
  int64_t at = 0;
  for_each_index(plan.kept, [&](const Dims& index) {
    const T* base = x + offset_of(index, plan.kept_strides);
    T best = worst;
    for (const int64_t offset : plan.offsets) {
      const auto value = static_cast<Compute<T>>(base[offset]), current = static_cast<Compute<T>>(best);
      if (better(value, current) || value != value) best = base[offset];
      if (value != value) break;
    }
    y[at++] = best;
  });
}
Status reduce_extreme(EvalContext& context, bool largest);

}  // namespace sinter::ops
