// Clip: y = min(max(x, lo), hi) with optional scalar bounds; lo > hi gives hi. NaN stays NaN.
#include <limits>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace clip_impl {

Status evaluate(EvalContext& context) {
  const DType dtype = context.tensor(0).dtype();
  for (int i = 1; i <= 2; ++i) {
    if (!context.has_input(i)) continue;
    const Tensor& bound = context.tensor(i);
    if (bound.count() != 1 || bound.dtype() != dtype)
      return context.error(fmt::format("bound {} is {}: expected one element of type {}; correct the model", i,
                                       bound.type().to_string(), dtype_name(dtype)));
  }
  const bool known = visit_numeric(dtype, [&]<typename T>(TypeTag<T>) {
    const T* low = context.has_input(1) ? context.tensor(1).data<T>() : nullptr;
    const T* high = context.has_input(2) ? context.tensor(2).data<T>() : nullptr;
    map_unary<T, T>(context, dtype, [=](Compute<T> x) {
      if (low && x < static_cast<Compute<T>>(*low)) x = *low;
      if (high && x > static_cast<Compute<T>>(*high)) x = *high;
      return x;
    });
  });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

// With two inputs only: an absent lower bound can't be told from here, and callers pass no program for absent inputs.
bool pointwise(const Attributes&, int inputs, PointwiseProgram& program) {
  if (inputs == 3) return pointwise_direct<PointwiseOp::kClip>({}, 3, program);
  if (inputs != 2) return false;
  // Not Max, which hands a bound that is NaN on.
  program.inputs = 2;
  const int16_t high = program.append_constant(std::numeric_limits<float>::infinity());
  program.outputs = {program.append(PointwiseOp::kClip, {0, 1, high})};
  return true;
}

}  // namespace clip_impl

OpDef define_clip() {
  OpDef op("Clip", 11);
  op.input("input", "T")
      .input("min", "T", ParamKind::kOptional)
      .input("max", "T", ParamKind::kOptional)
      .output("output", "T")
      .type("T", kNumericTypes)
      .fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = clip_impl::evaluate;
  op.pointwise = clip_impl::pointwise;
  return op;
}

}  // namespace sinter::ops
