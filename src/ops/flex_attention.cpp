// FlexAttention: P = prob_mod(softmax(score_mod(scale·Q·Kᵀ))), Y = P·V; the optional bodies see tensors [batch, heads,
// q, k] of the softmax precision (f32, or f64 for f64 inputs, unless the attribute says otherwise).
#include <cmath>

#include "ops/attention_math.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace flex_attention_impl {

template <typename Context>
Result<DType> softmax_type(const Context& context, DType input) {
  const int64_t* given = context.attributes().template find_as<int64_t>("softmax_precision");
  if (!given) return input == DType::kF64 ? DType::kF64 : DType::kF32;
  SINTER_ASSIGN(const DType type, dtype_attribute(context, "softmax_precision", *given));
  if (!contains(kFloatTypes, type))
    return context.error(fmt::format("attribute 'softmax_precision' is {}: expected a floating type; correct the model",
                                     dtype_name(type)));
  return type;
}

Status infer(InferContext& context) {
  for (int i = 0; i < 3; ++i) SINTER_TRY(check_rank(context, i, 4, 4));
  const Shape *q = context.input_shape(0), *k = context.input_shape(1), *v = context.input_shape(2);
  SINTER_ASSIGN(const DType type, softmax_type(context, input_dtype(context, 0)));
  std::optional<Shape> y, scores;
  if (q && k) scores = Shape{(*q)[0], (*q)[1], (*q)[2], (*k)[2]};
  if (q && v) y = Shape{(*q)[0], (*q)[1], (*q)[2], (*v)[3]};
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(y)));
  const ValueType argument = ValueType::tensor(type, scores);
  for (const char* body : {"score_mod", "prob_mod"})
    if (context.has_subgraph(body)) {
      SINTER_ASSIGN(const std::vector<ValueType> results, context.infer_subgraph(body, {&argument, 1}));
      if (results.size() != 1)
        return context.error(
            fmt::format("body '{}' has {} outputs: expected 1; correct the model", body, results.size()));
    }
  return ok_status();
}

Status modify(EvalContext& context, const char* body, DType type, Tensor& wide) {
  if (!context.has_subgraph(body)) return ok_status();
  SINTER_ASSIGN(std::vector<Value> results, context.run_subgraph(body, {Value(wide.cast(type))}));
  if (results.size() != 1 || !results[0].is_tensor() || results[0].tensor().dims() != wide.dims())
    return context.error(
        fmt::format("body '{}' did not return one tensor {}: expected its input's shape; correct the model", body,
                    to_string(wide.dims())));
  wide = widened(results[0].tensor()).clone();
  return ok_status();
}

Status evaluate(EvalContext& context) {
  for (int i = 0; i < 3; ++i) SINTER_TRY(check_rank(context, i, 4, 4));
  const Tensor q = widened(context.tensor(0)), k = widened(context.tensor(1)), v = widened(context.tensor(2));
  if (k.dim(1) < 1 || q.dim(1) % k.dim(1) != 0 || k.dim(1) != v.dim(1) || k.dim(2) != v.dim(2) ||
      q.dim(3) != k.dim(3) || q.dim(0) != k.dim(0) || q.dim(0) != v.dim(0))
    return context.error(fmt::format(
        "Q, K and V are {}, {} and {}: expected equal batches, equal sizes of Q and K, equal lengths of K and V, "
        "and query heads a multiple of the others; correct the model",
        to_string(q.dims()), to_string(k.dims()), to_string(v.dims())));
  SINTER_TRY(check_output_dims(context, {q.dim(0), q.dim(1), q.dim(2), k.dim(2)}));
  const DType dtype = context.tensor(0).dtype();
  SINTER_ASSIGN(const DType type, softmax_type(context, dtype));
  const double scale =
      context.attributes().f_or("scale", static_cast<float>(1 / std::sqrt(static_cast<double>(q.dim(3)))));
  Tensor scores = attention_scores(q, k, scale);
  SINTER_TRY(modify(context, "score_mod", type, scores));
  attention_softmax(scores);
  SINTER_TRY(modify(context, "prob_mod", type, scores));
  store(context, 0, dtype, attention_values(scores, v));
  return ok_status();
}

}  // namespace flex_attention_impl

OpDef define_flex_attention() {
  OpDef op("FlexAttention", 1, "ai.onnx.preview");
  op.input("Q", "T1")
      .input("K", "T1")
      .input("V", "T1")
      .output("Y", "T1")
      .type("T1", kFloatTypes)
      .attr("prob_mod", AttrKind::kGraph, false)
      .attr("scale", AttrKind::kFloat, false)
      .attr("score_mod", AttrKind::kGraph, false)
      .attr("softmax_precision", AttrKind::kInt, false)
      .fact(kControlFlow);
  op.infer = flex_attention_impl::infer;
  op.evaluate = flex_attention_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
