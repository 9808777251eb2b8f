// LinearAttention: a state S [d_k, d_v] for each key head that every token updates and each query reads, o = scale·qᵀS.
// update_rule: linear S += k⊗v; gated: S = exp(g)·S + k⊗v; delta: S += b·k⊗(v - Sᵀk); gated_delta: S = exp(g)·S first,
// then delta.
#include <cmath>

#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace linear_attention_impl {

struct Sizes {
  int64_t batch = 0, steps = 0, q_heads = 0, kv_heads = 0, d_k = 0, d_v = 0, decay_size = 0, beta_heads = 0;
  bool gated = false, delta = false;
};

template <typename Context>
Status read_heads(const Context& context, Sizes& s) {
  s.q_heads = context.attributes().i("q_num_heads");
  s.kv_heads = context.attributes().i("kv_num_heads");
  if (s.kv_heads < 1 || s.q_heads < 1 || s.q_heads % s.kv_heads != 0)
    return context.error(
        fmt::format("there are {} query heads for {} key heads: expected a positive multiple; correct the model",
                    s.q_heads, s.kv_heads));
  return ok_status();
}

Status infer(InferContext& context) {
  Sizes s;
  SINTER_TRY(read_heads(context, s));
  for (int i = 0; i < 3; ++i) SINTER_TRY(check_rank(context, i, 3, 3));
  const Shape *q = context.input_shape(0), *v = context.input_shape(2);
  std::optional<Shape> y, state;
  if (q && v) {
    const Dim d_v = floordiv((*v)[2], Dim(s.kv_heads)), d_k = floordiv((*q)[2], Dim(s.q_heads));
    y = Shape{(*q)[0], (*q)[1], d_v * Dim(s.q_heads)};
    state = Shape{(*q)[0], s.kv_heads, d_k, d_v};
  }
  const DType dtype = input_dtype(context, 0);
  context.set_output(0, ValueType::tensor(dtype, std::move(y)));
  if (context.has_output(1))
    context.set_output(1, ValueType::tensor(context.has_input(3) ? input_dtype(context, 3) : dtype, std::move(state)));
  return ok_status();
}

Status read(const EvalContext& context, Sizes& s) {
  SINTER_TRY(read_heads(context, s));
  for (int i = 0; i < 3; ++i) SINTER_TRY(check_rank(context, i, 3, 3));
  const Tensor &q = context.tensor(0), &v = context.tensor(2);
  s.batch = q.dim(0);
  s.steps = q.dim(1);
  s.d_k = q.dim(2) / s.q_heads;
  s.d_v = v.dim(2) / s.kv_heads;
  SINTER_TRY(check_dims(context, 0, {s.batch, s.steps, s.q_heads * s.d_k}));
  SINTER_TRY(check_dims(context, 1, {s.batch, s.steps, s.kv_heads * s.d_k}));
  SINTER_TRY(check_dims(context, 2, {s.batch, s.steps, s.kv_heads * s.d_v}));
  if (context.has_input(3)) SINTER_TRY(check_dims(context, 3, {s.batch, s.kv_heads, s.d_k, s.d_v}));
  const std::string& rule = context.attributes().s("update_rule");
  s.gated = rule == "gated" || rule == "gated_delta";
  s.delta = rule == "delta" || rule == "gated_delta";
  if (!s.gated && !s.delta && rule != "linear")
    return context.error(fmt::format(
        "attribute 'update_rule' is '{}': expected linear, gated, delta or gated_delta; correct the model", rule));
  if ((s.gated && !context.has_input(4)) || (s.delta && !context.has_input(5)))
    return context.error(fmt::format("update_rule '{}' needs '{}', which is absent; correct the model", rule,
                                     s.gated && !context.has_input(4) ? "decay" : "beta"));
  if (s.gated) {
    SINTER_TRY(check_rank(context, 4, 3, 3));
    s.decay_size = context.tensor(4).dim(2) / s.kv_heads;
    SINTER_TRY(check_dims(context, 4, {s.batch, s.steps, s.kv_heads * s.decay_size}));
    if (s.decay_size != 1 && s.decay_size != s.d_k)
      return check_dims(context, 4, {s.batch, s.steps, s.kv_heads * s.d_k});
  }
  if (s.delta) {
    SINTER_TRY(check_rank(context, 5, 3, 3));
    s.beta_heads = context.tensor(5).dim(2);
    if (s.beta_heads != 1) return check_dims(context, 5, {s.batch, s.steps, s.kv_heads});
  }
  return ok_status();
}

// One token's update of one head's state.
void update(const Sizes& s, const double* k, const double* v, const double* decay, double beta, double* state) {
  for (int64_t i = 0; decay && i < s.d_k; ++i) {
    const double factor = std::exp(decay[s.decay_size == 1 ? 0 : i]);
    for (int64_t j = 0; j < s.d_v; ++j) state[i * s.d_v + j] *= factor;
  }
  for (int64_t j = 0; j < s.d_v; ++j) {
    double change = v[j];
    if (s.delta) {
      for (int64_t i = 0; i < s.d_k; ++i) change -= state[i * s.d_v + j] * k[i];
      change *= beta;
    }
    for (int64_t i = 0; i < s.d_k; ++i) state[i * s.d_v + j] += k[i] * change;
  }
}

Status evaluate(EvalContext& context) {
  Sizes s;
  SINTER_TRY(read(context, s));
  const Tensor q = widened(context.tensor(0)), k = widened(context.tensor(1)), v = widened(context.tensor(2));
  const Tensor decay = s.gated ? widened(context.tensor(4)) : Tensor(),
               beta = s.delta ? widened(context.tensor(5)) : Tensor();
  const DType dtype = context.tensor(0).dtype();
  Tensor state =
      context.has_input(3) ? widened(context.tensor(3)).clone() : zeros_f64({s.batch, s.kv_heads, s.d_k, s.d_v});
  const double given = context.attributes().f("scale"),
               scale = given != 0 ? given : 1 / std::sqrt(static_cast<double>(s.d_k));
  const int64_t group = s.q_heads / s.kv_heads;
  Tensor y = zeros_f64({s.batch, s.steps, s.q_heads * s.d_v});
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t t = 0; t < s.steps; ++t)
      for (int64_t h = 0; h < s.kv_heads; ++h) {
        const int64_t token = b * s.steps + t, head = token * s.kv_heads + h;
        double* own = state.data<double>() + (b * s.kv_heads + h) * s.d_k * s.d_v;
        const double rate = s.delta ? beta.data<double>()[s.beta_heads == 1 ? token : head] : 1;
        update(s, k.data<double>() + head * s.d_k, v.data<double>() + head * s.d_v,
               s.gated ? decay.data<double>() + head * s.decay_size : nullptr, rate, own);
        for (int64_t g = h * group; g < (h + 1) * group; ++g) {
          const double* query = q.data<double>() + (token * s.q_heads + g) * s.d_k;
          double* to = y.data<double>() + (token * s.q_heads + g) * s.d_v;
          for (int64_t i = 0; i < s.d_k; ++i)
            for (int64_t j = 0; j < s.d_v; ++j) to[j] += scale * query[i] * own[i * s.d_v + j];
        }
      }
  store(context, 0, dtype, y);
  if (context.wants_output(1)) store(context, 1, context.has_input(3) ? context.tensor(3).dtype() : dtype, state);
  return ok_status();
}

}  // namespace linear_attention_impl

OpDef define_linear_attention() {
  OpDef op("LinearAttention", 27);
  op.input("query", "T")
      .input("key", "T")
      .input("value", "T")
      .input("past_state", "S", ParamKind::kOptional)
      .input("decay", "T", ParamKind::kOptional)
      .input("beta", "T", ParamKind::kOptional)
      .output("output", "T")
      .output("present_state", "S")
      .type("T", kFloatTypes)
      .type("S", kFloatTypes)
      .attr("chunk_size", int64_t{64})
      .attr("kv_num_heads", AttrKind::kInt, true)
      .attr("q_num_heads", AttrKind::kInt, true)
      .attr("scale", 0.0f)
      .attr("update_rule", std::string("gated_delta"));
  op.infer = linear_attention_impl::infer;
  op.evaluate = linear_attention_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
