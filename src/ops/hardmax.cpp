// Hardmax: 1 at the first maximum of each line along the axis, 0 elsewhere. The first NaN counts as the maximum.
#include "ops/softmax_line.h"

namespace sinter::ops {
namespace hardmax_impl {

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  int axis = 0;
  SINTER_TRY(check_axis(context, context.attributes().i("axis"), x.rank(), axis));
  const Lines lines(x.dims(), axis);
  const bool known = visit_float(x.dtype(), [&]<typename T>(TypeTag<T>) {
    const T* from = x.data<T>();
    T* to = context.allocate(0, x.dtype(), x.dims()).template data<T>();
    lines.for_each([&](int64_t at) {
      int64_t best = 0;
      for (int64_t i = 0; i < lines.length; ++i) {
        const auto value = static_cast<Compute<T>>(from[at + i * lines.inner]);
        const auto current = static_cast<Compute<T>>(from[at + best * lines.inner]);
        if (value > current || (value != value && current == current)) best = i;
      }
      for (int64_t i = 0; i < lines.length; ++i) to[at + i * lines.inner] = static_cast<T>(i == best ? 1.0f : 0.0f);
    });
  });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace hardmax_impl

OpDef define_hardmax() {
  OpDef op("Hardmax", 13);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).attr("axis", int64_t{-1});
  op.infer = infer_axis_same;
  op.evaluate = hardmax_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
