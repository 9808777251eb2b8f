// What the Reduce operators share.
#include "ops/reduce.h"

#include <algorithm>
#include <limits>

#include "ops/shape_rules.h"

namespace sinter::ops {
namespace reduce_impl {

// Which axes are reduced, from the axes input's values (empty: all, or none with noop_with_empty_axes).
template <typename Context>
Status mark_axes(const Context& context, const std::vector<int64_t>& axes, int rank, std::vector<bool>& reduced) {
  const bool all = axes.empty() && context.attributes().i("noop_with_empty_axes") == 0;
  reduced.assign(rank, all);
  for (const int64_t axis : axes) {
    int normal = 0;
    SINTER_TRY(check_axis(context, axis, rank, normal));
    reduced[normal] = true;
  }
  return ok_status();
}

}  // namespace reduce_impl

OpDef reduce_op(std::string name, int since, DTypeSet types) {
  OpDef op(std::move(name), since);
  op.input("data", "T")
      .input("axes", "I64", ParamKind::kOptional)
      .output("reduced", "T")
      .type("T", types)
      .type("I64", dtype_bit(DType::kI64))
      .attr("keepdims", int64_t{1})
      .attr("noop_with_empty_axes", int64_t{0});
  return op;
}

Status infer_reduce(InferContext& context, FoldFn fold) {
  const Shape* input = context.input_shape(0);
  const bool keep = context.attributes().i("keepdims") != 0;
  std::optional<Shape> output;
  std::optional<std::vector<int64_t>> axes =
      context.has_input(1) ? constant_elements(context, 1) : std::optional(std::vector<int64_t>());
  if (input && axes) {
    std::vector<bool> reduced;
    SINTER_TRY(reduce_impl::mark_axes(context, *axes, static_cast<int>(input->size()), reduced));
    output.emplace();
    for (size_t i = 0; i < input->size(); ++i) {
      if (!reduced[i])
        output->push_back((*input)[i]);
      else if (keep)
        output->push_back(1);
    }
    const auto elements = fold ? context.input_elements(0) : std::nullopt;
    if (elements && elements->dims.size() == 1 && reduced[0] && !elements->elements.empty()) {
      Dim total = elements->elements[0];
      for (size_t i = 1; i < elements->elements.size(); ++i) total = fold(total, elements->elements[i]);
      if (fits(input_dtype(context, 0), total)) track(context, 0, keep ? Dims{1} : Dims{}, {total});
    }
  } else if (input && keep) {
    output = fresh_shape(context, static_cast<int64_t>(input->size()), "reduced");
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

Status infer_reduce_plain(InferContext& context) { return infer_reduce(context, nullptr); }

Status plan_reduce(const EvalContext& context, ReducePlan& plan) {
  const Tensor& x = context.tensor(0);
  const bool keep = context.attributes().i("keepdims") != 0;
  std::vector<int64_t> axes;
  if (context.has_input(1)) axes = read_indices(context.tensor(1));
  std::vector<bool> reduced;
  SINTER_TRY(reduce_impl::mark_axes(context, axes, x.rank(), reduced));
  const Dims strides = row_major_strides(x.dims());
  Dims inner, inner_strides;
  for (int i = 0; i < x.rank(); ++i) {
    if (!reduced[i]) {
      plan.out_dims.push_back(x.dims()[i]);
      plan.kept.push_back(x.dims()[i]);
      plan.kept_strides.push_back(strides[i]);
      continue;
    }
    if (keep) plan.out_dims.push_back(1);
    inner.push_back(x.dims()[i]);
    inner_strides.push_back(strides[i]);
  }
  if (product(plan.kept) == 0) return ok_status();
  for_each_index(inner, [&](const Dims& index) { plan.offsets.push_back(offset_of(index, inner_strides)); });
  return ok_status();
}

Status reduce_extreme(EvalContext& context, bool largest) {
  ReducePlan plan;
  SINTER_TRY(plan_reduce(context, plan));
  const Tensor& x = context.tensor(0);
  const auto run = [&]<typename T>(TypeTag<T>) {
    T worst;
    if constexpr (std::is_integral_v<T>) {
      worst = largest ? std::numeric_limits<T>::lowest() : std::numeric_limits<T>::max();
    } else {
      worst =
          static_cast<T>(largest ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity());
    }
    T* y = context.allocate(0, x.dtype(), plan.out_dims).template data<T>();
    select_into(x.data<T>(), y, plan, worst, [=](auto a, auto b) { return largest ? a > b : a < b; });
  };
  if (x.dtype() == DType::kBool)
    run(TypeTag<bool>{});
  else if (!visit_numeric(x.dtype(), run))
    return unsupported_dtype(context, 0);
  return ok_status();
}

}  // namespace sinter::ops
