// Bernoulli: 1 with the probability that the input's element is, else 0.
#include <cmath>

#include "ops/random.h"

namespace sinter::ops {
namespace bernoulli_impl {

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  DType dtype;
  SINTER_TRY(output_dtype(context, x.dtype(), dtype));
  Generator generator = make_generator(context.attributes());
  const std::vector<double> probabilities = x.to_f64();
  Tensor drawn(DType::kBool, x.dims());
  for (int64_t i = 0; i < x.count(); ++i) drawn.data<bool>()[i] = uniform(generator) < probabilities[i];
  context.set_output(0, drawn.cast(dtype));
  return ok_status();
}

}  // namespace bernoulli_impl

OpDef define_bernoulli() {
  OpDef op("Bernoulli", 15);
  op.input("input", "T1")
      .output("output", "T2")
      .type("T1", kFloatTypes)
      .type("T2", kNumericTypes | kBoolType)
      .attr("dtype", AttrKind::kInt, false)
      .attr("seed", AttrKind::kFloat, false)
      .fact(kNondeterministic);
  op.infer = infer_random_like;
  op.evaluate = bernoulli_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
