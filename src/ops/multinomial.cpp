// Multinomial: for each row of unnormalised log-probabilities [batch, classes], sample_size class numbers drawn from
// it.
#include <algorithm>
#include <cmath>

#include "ops/random.h"

namespace sinter::ops {
namespace multinomial_impl {

Status infer(InferContext& context) {
  DType dtype;
  SINTER_TRY(output_dtype(context, DType::kI32, dtype));
  const Shape* input = context.input_shape(0);
  if (input && input->size() != 2)
    return context.error(
        fmt::format("the input is {}: expected [batch, classes]; correct the model", to_string(*input)));
  context.set_output(0, ValueType::tensor(dtype, Shape{input ? (*input)[0] : context.fresh_symbol("batch"),
                                                       context.attributes().i("sample_size")}));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  DType dtype;
  SINTER_TRY(output_dtype(context, DType::kI32, dtype));
  const int64_t samples = context.attributes().i("sample_size");
  if (x.rank() != 2 || x.dim(1) == 0 || samples < 0 || !contains(dtype_set(DType::kI32, DType::kI64), dtype))
    return context.error(fmt::format(
        "input {}, sample_size {}, dtype {}: expected [batch, classes], a count, and i32 or i64; correct the model",
        to_string(x.dims()), samples, dtype_name(dtype)));
  SINTER_TRY(check_output_dims(context, {x.dim(0), samples}));
  Generator generator = make_generator(context.attributes());
  const std::vector<double> logits = x.to_f64();
  const int64_t classes = x.dim(1);
  Tensor drawn(DType::kI64, {x.dim(0), samples});
  std::vector<double> cumulative(static_cast<size_t>(classes));
  for (int64_t row = 0; row < x.dim(0); ++row) {
    const double* line = logits.data() + row * classes;
    const double max = *std::max_element(line, line + classes);
    double total = 0;
    for (int64_t i = 0; i < classes; ++i) cumulative[i] = total += std::exp(line[i] - max);
    for (int64_t i = 0; i < samples; ++i) {
      const auto found = std::upper_bound(cumulative.begin(), cumulative.end(), uniform(generator) * total);
      drawn.data<int64_t>()[row * samples + i] = std::min<int64_t>(found - cumulative.begin(), classes - 1);
    }
  }
  context.set_output(0, drawn.cast(dtype));
  return ok_status();
}

}  // namespace multinomial_impl

OpDef define_multinomial() {
  OpDef op("Multinomial", 7);
  op.input("input", "T1")
      .output("output", "T2")
      .type("T1", kFloatTypes)
      .type("T2", dtype_set(DType::kI32, DType::kI64))
      .attr("dtype", int64_t{6})
      .attr("sample_size", int64_t{1})
      .attr("seed", AttrKind::kFloat, false)
      .fact(kNondeterministic);
  op.infer = multinomial_impl::infer;
  op.evaluate = multinomial_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
