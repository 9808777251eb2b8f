// Dropout: the input itself unless training_mode (input 2) is true; then each element is zeroed with probability ratio
// (input 1, default 0.5) and the others are scaled by 1/(1 - ratio). The mask says what was kept.
#include <cmath>

#include "ops/random.h"

namespace sinter::ops {
namespace dropout_impl {

Status infer(InferContext& context) {
  context.set_output(0, context.input_type(0));
  if (context.has_output(1)) context.set_output(1, ValueType::tensor(DType::kBool, context.input_type(0).shape));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  const bool training = context.has_input(2) && context.tensor(2).count() == 1 && context.tensor(2).data<bool>()[0];
  double ratio = 0.5;
  if (context.has_input(1)) {
    const std::vector<double> given = context.tensor(1).to_f64();
    if (given.size() != 1 || !(given[0] >= 0 && given[0] < 1))
      return context.error(fmt::format("'ratio' is {}: expected one number in [0,1); correct the model",
                                       context.tensor(1).type().to_string()));
    ratio = given[0];
  }
  Tensor mask(DType::kBool, x.dims());
  std::memset(mask.raw(), 1, static_cast<size_t>(mask.bytes()));
  if (!training || ratio == 0) {
    context.set_output(0, x);
  } else {
    Generator generator = make_generator(context.attributes());
    Tensor wide = x.cast(DType::kF64);
    for (int64_t i = 0; i < x.count(); ++i) {
      const bool keep = uniform(generator) >= ratio;
      mask.data<bool>()[i] = keep;
      wide.data<double>()[i] = keep ? wide.data<double>()[i] / (1 - ratio) : 0.0;
    }
    context.set_output(0, wide.cast(x.dtype()));
  }
  if (context.wants_output(1)) context.set_output(1, std::move(mask));
  return ok_status();
}

}  // namespace dropout_impl

OpDef define_dropout() {
  OpDef op("Dropout", 12);
  op.input("data", "T")
      .input("ratio", "T1", ParamKind::kOptional)
      .input("training_mode", "T2", ParamKind::kOptional)
      .output("output", "T")
      .output("mask", "T2", ParamKind::kOptional)
      .type("T", kFloatTypes | dtype_set(DType::kF8E4M3FN, DType::kF8E4M3FNUZ, DType::kF8E5M2, DType::kF8E5M2FNUZ))
      .type("T1", kFloatTypes | dtype_set(DType::kF8E4M3FN, DType::kF8E4M3FNUZ, DType::kF8E5M2, DType::kF8E5M2FNUZ))
      .type("T2", kBoolType)
      .attr("seed", AttrKind::kInt, false)
      .fact(kNondeterministic);
  op.infer = dropout_impl::infer;
  op.evaluate = dropout_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
