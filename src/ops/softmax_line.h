// What Softmax, LogSoftmax and Hardmax share: the shape rule, and for the first two the maximum and the sum of a line.
#pragma once

#include <cmath>

#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/lines.h"
#include "ops/shape_rules.h"

namespace sinter::ops {

// Output 0 has input 0's type; attribute 'axis' must fit its rank.
inline Status infer_axis_same(InferContext& context) {
  if (const Shape* shape = context.input_shape(0)) {
    int axis = 0;
    SINTER_TRY(check_axis(context, context.attributes().i("axis"), static_cast<int64_t>(shape->size()), axis));
  }
  return infer_same(context);
}

// y = fn(x, maximum of its line, sum of exp(x - maximum)).
template <typename Fn>
Status map_softmax_lines(EvalContext& context, Fn fn) {
  const Tensor& x = context.tensor(0);
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), x.rank(), axis));
  const Lines lines(x.dims(), axis);
  const bool known = visit_float(x.dtype(), [&]<typename T>(TypeTag<T>) {
    using C = Compute<T>;
    const T* from = x.data<T>();
    T* to = context.allocate(0, x.dtype(), x.dims()).template data<T>();
    lines.for_each([&](int64_t at) {
      const int64_t end = at + lines.length * lines.inner;
      if (at == end) return;
      C max = from[at];
      for (int64_t i = at; i < end; i += lines.inner)
        max = static_cast<C>(from[i]) > max ? static_cast<C>(from[i]) : max;
      double sum = 0;
      for (int64_t i = at; i < end; i += lines.inner) sum += std::exp(static_cast<C>(from[i]) - max);
      for (int64_t i = at; i < end; i += lines.inner) to[i] = static_cast<T>(fn(static_cast<C>(from[i]), max, sum));
    });
  });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace sinter::ops
