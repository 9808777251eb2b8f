// What CumSum and CumProd share: a running fold along an axis that is input 1.
#pragma once

#include "ops/lines.h"
#include "ops/reduce.h"
#include "ops/shape_rules.h"

namespace sinter::ops {

inline OpDef scan_axis_op(std::string name, int since) {
  OpDef op(std::move(name), since);
  op.input("x", "T")
      .input("axis", "T2")
      .output("y", "T")
      .type("T", kReduceTypes)
      .type("T2", dtype_set(DType::kI32, DType::kI64))
      .attr("exclusive", int64_t{0})
      .attr("reverse", int64_t{0});
  op.infer = infer_same;
  return op;
}

// The running fold of the input, from `start`.
template <typename Fn>
Status scan_axis(EvalContext& context, int start, Fn fold) {
  const Tensor& x = context.tensor(0);
  const std::vector<int64_t> given = read_indices(context.tensor(1));
  if (given.size() != 1)
    return context.error(fmt::format("'axis' has {} elements: expected one; correct the model", given.size()));
  int axis = 0;
  SINTER_TRY(check_axis(context, given[0], x.rank(), axis));
  const bool exclusive = context.attributes().i("exclusive") != 0, reverse = context.attributes().i("reverse") != 0;
  const Lines lines(x.dims(), axis);
  const auto run = [&]<typename T>(TypeTag<T>) {
    using A = Accumulator<T>;
    const T* from = x.data<T>();
    T* to = context.allocate(0, x.dtype(), x.dims()).template data<T>();
    lines.for_each([&](int64_t at) {
      A total = static_cast<A>(start);
      for (int64_t i = 0; i < lines.length; ++i) {
        const int64_t place = at + (reverse ? lines.length - 1 - i : i) * lines.inner;
        const A next = fold(total, static_cast<A>(static_cast<Compute<T>>(from[place])));
        to[place] = static_cast<T>(exclusive ? total : next);
        total = next;
      }
    });
  };
  return visit_reduced(x.dtype(), run) ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace sinter::ops
