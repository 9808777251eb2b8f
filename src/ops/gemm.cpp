// Gemm: y = alpha·A'·B' + beta·C, A' and B' transposed on request, C broadcast to the result. Floats compute in double,
// integers too while exact, which the factors limit to below 2^53.
#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace gemm_impl {

Result<Shape> output_shape(const Attributes& attributes, const Shape& a, const Shape& b, const Shape* c) {
  const bool ta = attributes.i("transA") != 0, tb = attributes.i("transB") != 0;
  if (a.size() != 2 || b.size() != 2)
    return make_error(Code::kInvalidModel,
                      "the operands are {} and {}: expected matrices (rank 2); use MatMul for others", to_string(a),
                      to_string(b));
  if (decide_equal(a[ta ? 0 : 1], b[tb ? 1 : 0]) == false)
    return make_error(Code::kInvalidModel,
                      "A is {} (transA={}) and B {} (transB={}): the inner dims {} and {} must be equal; check "
                      "the exporter",
                      to_string(a), ta, to_string(b), tb, a[ta ? 0 : 1].to_string(), b[tb ? 1 : 0].to_string());
  Shape shape{a[ta ? 1 : 0], b[tb ? 0 : 1]};
  if (c) {
    const auto both = broadcast(shape, *c);
    bool fits = both.ok() && both.value().size() == 2;
    for (size_t i = 0; fits && i < 2; ++i) fits = decide_equal(both.value()[i], shape[i]) != false;
    if (!fits)
      return make_error(Code::kInvalidModel, "C is {}: expected a shape that broadcasts to {}; correct the model",
                        to_string(*c), to_string(shape));
  }
  return shape;
}

Status infer(InferContext& context) {
  std::optional<Shape> shape;
  if (context.input_shape(0) && context.input_shape(1)) {
    SINTER_ASSIGN(shape, at_node(context, output_shape(context.attributes(), *context.input_shape(0),
                                                       *context.input_shape(1), context.input_shape(2))));
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Attributes& attributes = context.attributes();
  const DType dtype = context.tensor(0).dtype();
  const auto operand = [&](int index) {
    return is_float(dtype) ? multiplicand(context.tensor(index)) : widened(context.tensor(index));
  };
  const Tensor a = operand(0), b = operand(1);
  const bool with_c = context.has_input(2);
  const Shape c_shape = with_c ? to_shape(context.tensor(2).dims()) : Shape();
  SINTER_ASSIGN(const Shape shape, at_node(context, output_shape(attributes, to_shape(a.dims()), to_shape(b.dims()),
                                                                 with_c ? &c_shape : nullptr)));
  const Dims dims = *constant_dims(shape);
  SINTER_TRY(check_output_dims(context, dims));
  const bool ta = attributes.i("transA") != 0, tb = attributes.i("transB") != 0;
  const double alpha = attributes.f("alpha"), beta = attributes.f("beta");
  Tensor y(DType::kF64, dims);
  multiply({&a, 0, ta ? 1 : a.dim(1), ta ? a.dim(1) : 1}, {&b, 0, tb ? 1 : b.dim(1), tb ? b.dim(1) : 1}, dims[0],
           a.dim(ta ? 0 : 1), dims[1], y.data<double>());
  double* out = y.data<double>();
  if (alpha != 1)
    for (int64_t i = 0; i < y.count(); ++i) out[i] *= alpha;
  if (with_c && beta != 0) {
    const Tensor c = widened(context.tensor(2));
    SINTER_ASSIGN(const BroadcastPlan plan, at_node(context, BroadcastPlan::make({dims, c.dims()})));
    plan.for_each_run([&](int64_t at, const int64_t* offsets) {
      for (int64_t i = 0; i < plan.run(); ++i)
        out[at + i] += beta * c.data<double>()[offsets[1] + i * plan.run_stride(1)];
    });
  }
  store(context, 0, dtype, y);
  return ok_status();
}

}  // namespace gemm_impl

OpDef define_gemm() {
  OpDef op("Gemm", 7);
  op.input("A", "T")
      .input("B", "T")
      .input("C", "T", ParamKind::kOptional)
      .output("Y", "T")
      .type("T", kFloatTypes | dtype_set(DType::kI32, DType::kI64, DType::kU32, DType::kU64))
      .attr("alpha", 1.0f)
      .attr("beta", 1.0f)
      .attr("transA", int64_t{0})
      .attr("transB", int64_t{0});
  op.infer = gemm_impl::infer;
  op.evaluate = gemm_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
