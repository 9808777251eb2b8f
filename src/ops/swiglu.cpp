// SwiGLU: y = a * sigmoid(alpha*a) * b for a gate a and a value b of one shape (no broadcasting).
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace swiglu_impl {

Status infer(InferContext& context) {
  const Shape* a = context.input_shape(0);
  const Shape* b = context.input_shape(1);
  if (a && b && a->size() != b->size())
    return context.error(fmt::format("gate is {} but value is {}: expected equal shapes; correct the model",
                                     to_string(*a), to_string(*b)));
  context.set_output(
      0, a ? context.input_type(0) : ValueType::tensor(input_dtype(context, 0), context.input_type(1).shape));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  if (context.tensor(0).dims() != context.tensor(1).dims())
    return context.error(fmt::format("gate is {} but value is {}: expected equal shapes; correct the model",
                                     to_string(context.tensor(0).dims()), to_string(context.tensor(1).dims())));
  const float alpha = context.attributes().f("alpha");
  SINTER_TRY(check_same_dtype(context, 2));
  const DType dtype = context.tensor(0).dtype();
  Status status;
  const bool known = visit_float(dtype, [&]<typename T>(TypeTag<T>) {
    status = map_binary<T, T, T>(context, dtype,
                                 [=](auto a, auto b) { return a / (1 + std::exp(-decltype(a)(alpha) * a)) * b; });
  });
  return known ? std::move(status) : unsupported_dtype(context, 0);
}

bool pointwise(const Attributes& attributes, int inputs, PointwiseProgram& program) {
  if (inputs != 2) return false;
  program = PointwiseProgram();
  program.inputs = 2;
  const float alpha = attributes.f("alpha");
  int16_t swish;
  if (alpha == 1) {
    swish = program.append(PointwiseOp::kSilu, {0});
  } else {
    const int16_t factor = program.append_constant(alpha);
    const int16_t scaled = program.append(PointwiseOp::kMul, {0, factor});
    const int16_t gate = program.append(PointwiseOp::kSigmoid, {scaled});
    swish = program.append(PointwiseOp::kMul, {0, gate});
  }
  program.outputs = {program.append(PointwiseOp::kMul, {swish, 1})};
  return true;
}

}  // namespace swiglu_impl

OpDef define_swiglu() {
  OpDef op("SwiGLU", 28);
  op.input("A", "T").input("B", "T").output("Y", "T").type("T", kFloatTypes).attr("alpha", 1.0f).fact(kElementwise);
  op.infer = swiglu_impl::infer;
  op.evaluate = swiglu_impl::evaluate;
  op.pointwise = swiglu_impl::pointwise;
  return op;
}

}  // namespace sinter::ops
