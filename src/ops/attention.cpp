// Attention: softmax(softcap(scale·Q·Kᵀ) + mask)·V for many heads, keys and values shared by groups of query heads.
// Past keys and values come before the new ones. Query i stands at position offset + i, offset = past length, or
// nonpad_kv_seqlen - queries; causal masking and windows count from there. A query without any key gives zeros.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/attention_math.h"
#include "ops/control_flow.h"
#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace attention_impl {

constexpr double kMasked = -std::numeric_limits<double>::infinity();

struct Sizes {
  Dim batch, q_heads, kv_heads, q_length, kv_length, past = 0, size, v_size;
  bool packed = false;  // 3-d inputs
  Dim total() const { return past + kv_length; }
};

template <typename Context>
Status read_sizes(const Context& context, const Shape& q, const Shape& k, const Shape& v, const Shape* past, Sizes& s) {
  const Attributes& attributes = context.attributes();
  if (q.size() != k.size() || q.size() != v.size() || (q.size() != 3 && q.size() != 4))
    return context.error(
        fmt::format("Q, K and V are {}, {} and {}: expected three tensors of rank 3 or of rank 4; check the exporter",
                    to_string(q), to_string(k), to_string(v)));
  s.packed = q.size() == 3;
  s.batch = q[0];
  if (s.packed) {
    const int64_t heads = attributes.i_or("q_num_heads", 0), kv_heads = attributes.i_or("kv_num_heads", 0);
    if (heads < 1 || kv_heads < 1)
      return context.error(
          "Q, K and V have rank 3, but 'q_num_heads' and 'kv_num_heads' are not both given: expected positive numbers; "
          "correct the model");
    s.q_heads = heads;
    s.kv_heads = kv_heads;
    s.size = floordiv(q[2], s.q_heads);
    s.v_size = floordiv(v[2], s.kv_heads);
    if ((q[2].is_constant() && q[2].value() % heads != 0) || (k[2].is_constant() && k[2].value() % kv_heads != 0) ||
        (v[2].is_constant() && v[2].value() % kv_heads != 0))
      return context.error(
          fmt::format("the hidden sizes {}, {} and {} are no multiples of the {} and {} heads; correct the model",
                      q[2].to_string(), k[2].to_string(), v[2].to_string(), heads, kv_heads));
  } else {
    s.q_heads = q[1];
    s.kv_heads = k[1];
    s.size = q[3];
    s.v_size = v[3];
  }
  s.q_length = q[q.size() - 2];
  s.kv_length = k[k.size() - 2];
  if (past) {
    if (past->size() != 4)
      return context.error(fmt::format("'past_key' is {}: expected rank 4; correct the model", to_string(*past)));
    s.past = (*past)[2];
  }
  // Kernels rely on it where all sizes are known.
  const auto differ = [](const Dim& a, const Dim& b) { return a.is_constant() && b.is_constant() && !(a == b); };
  const Dim k_size = s.packed ? floordiv(k[2], s.kv_heads) : k[3];
  if (differ(k[0], q[0]) || differ(v[0], q[0]) || differ(k_size, s.size) || differ(v[v.size() - 2], s.kv_length) || (!s.packed && differ(k[1], v[1])))
    return context.error(fmt::format("Q, K and V are {}, {} and {}: expected equal batches, sizes of Q and K, and lengths of K and V; correct the model", to_string(q), to_string(k),
                                     to_string(v)));
  if (past && (differ((*past)[0], q[0]) || differ((*past)[1], s.kv_heads) || differ((*past)[3], s.size)))
    return context.error(fmt::format("'past_key' is {} for K {}: expected equal batches, heads and sizes; correct the model", to_string(*past), to_string(k)));
  const bool heads_known = s.q_heads.is_constant() && s.kv_heads.is_constant();
  if (heads_known && (s.kv_heads.value() < 1 || s.q_heads.value() % s.kv_heads.value() != 0))
    return context.error(
        fmt::format("there are {} query heads for {} key heads: expected a multiple; correct the model",
                    s.q_heads.value(), s.kv_heads.value()));
  return ok_status();
}

// Sizes of the mask that no scores have. The last axis may be shorter.
Status check_mask(const InferContext& context, const Shape& scores) {
  const Shape* mask = context.input_shape(3);
  if (!mask) return ok_status();
  bool fits = !mask->empty() && mask->size() <= 4;
  for (size_t i = 0; fits && i < mask->size(); ++i) {
    const Dim &have = (*mask)[mask->size() - 1 - i], &want = scores[3 - i];
    if (!have.is_constant() || !want.is_constant() || have.is(1)) continue;
    fits = i == 0 ? have.value() <= want.value() : have == want;
  }
  if (fits) return ok_status();
  return context.error(
      fmt::format("'attn_mask' is {}: expected a shape that broadcasts to the scores' {}; correct the model", to_string(*mask), to_string(scores)));
}

Status infer(InferContext& context) {
  const Shape *q = context.input_shape(0), *k = context.input_shape(1), *v = context.input_shape(2),
              *past = context.input_shape(4);
  std::optional<Shape> y, key, value, scores;
  if (q && k && v && (past || !context.has_input(4))) {
    Sizes s;
    SINTER_TRY(read_sizes(context, *q, *k, *v, past, s));
    y = s.packed ? Shape{s.batch, s.q_length, s.q_heads * s.v_size} : Shape{s.batch, s.q_heads, s.q_length, s.v_size};
    key = Shape{s.batch, s.kv_heads, s.total(), s.size};
    value = Shape{s.batch, s.kv_heads, s.total(), s.v_size};
    scores = Shape{s.batch, s.q_heads, s.q_length, s.total()};
    SINTER_TRY(check_mask(context, *scores));
  }
  const DType dtype = input_dtype(context, 0);
  context.set_output(0, ValueType::tensor(dtype, y));
  if (context.has_output(1)) context.set_output(1, ValueType::tensor(dtype, key));
  if (context.has_output(2)) context.set_output(2, ValueType::tensor(input_dtype(context, 2), value));
  if (context.has_output(3)) context.set_output(3, ValueType::tensor(dtype, scores));
  return ok_status();
}

// Adds the mask input to the scores; its last axis may be shorter, the rest is masked.
Status add_mask(const EvalContext& context, Tensor& scores) {
  if (!context.has_input(3)) return ok_status();
  const Tensor& given = context.tensor(3);
  const bool allows = given.dtype() == DType::kBool;
  Dims region = scores.dims();
  if (given.rank() < 1 || given.rank() > 4)
    return context.error(
        fmt::format("'attn_mask' is {}: expected rank 1 to 4; correct the model", to_string(given.dims())));
  const int64_t total = region[3], length = given.dim(-1) == 1 ? total : given.dim(-1);
  region[3] = std::min(length, total);
  const auto plan = BroadcastPlan::make({region, given.dims()});
  if (length > total || !plan.ok() || plan.value().dims() != region)
    return context.error(
        fmt::format("'attn_mask' is {}: expected a shape that broadcasts to the scores' {}; correct the model",
                    to_string(given.dims()), to_string(scores.dims())));
  const Tensor mask = widened(given);
  Tensor bias(DType::kF64, scores.dims());
  std::fill_n(bias.data<double>(), bias.count(), kMasked);
  plan.value().for_each_run([&](int64_t at, const int64_t* offsets) {
    for (int64_t i = 0; i < plan.value().run(); ++i) {
      const double m = mask.data<double>()[offsets[1] + i * plan.value().run_stride(1)];
      const int64_t to = (at + i) / region[3] * total + (at + i) % region[3];
      bias.data<double>()[to] = !allows ? m : m != 0 ? 0 : kMasked;
    }
  });
  for (int64_t i = 0; i < scores.count(); ++i) {
    double& score = scores.data<double>()[i];
    // A masked position stays masked whatever the score is, NaN and infinity included.
    score = bias.data<double>()[i] == kMasked ? kMasked : score + bias.data<double>()[i];
  }
  return ok_status();
}

// Causal masking, windows and the padding of an external cache.
Status mask_positions(const EvalContext& context, Tensor& scores, int64_t past) {
  const Attributes& attributes = context.attributes();
  const bool causal = attributes.i("is_causal") != 0;
  const int64_t left = attributes.i_or("left_window_size", -1), right = attributes.i_or("right_window_size", -1);
  const int64_t heads = scores.dim(1), rows = scores.dim(2), total = scores.dim(3);
  std::vector<int64_t> valid(scores.dim(0), total);
  const bool external = context.has_input(6);
  if (external) {
    SINTER_TRY(check_dims(context, 6, {scores.dim(0)}));
    valid = context.tensor(6).to_i64();
  }
  for (int64_t b = 0; b < scores.dim(0); ++b) {
    const int64_t offset = context.has_input(4) || !external ? past : valid[b] - rows;
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = 0; i < rows; ++i) {
        double* row = scores.data<double>() + ((b * heads + h) * rows + i) * total;
        const int64_t position = offset + i;
        for (int64_t j = 0; j < total; ++j)
          if (j >= valid[b] || (causal && j > position) || (left >= 0 && j < position - left) ||
              (right >= 0 && j - right > position))
            row[j] = kMasked;
      }
  }
  return ok_status();
}

// New keys or values after the past ones.
Status extend(const EvalContext& context, int past_input, Tensor& current) {
  if (!context.has_input(past_input)) return ok_status();
  SINTER_ASSIGN(current, at_node(context, concatenate({widened(context.tensor(past_input)), current}, 2)));
  return ok_status();
}

Status load(const EvalContext& context, Tensor& q, Tensor& k, Tensor& v, Sizes& s) {
  if (context.has_input(4) != context.has_input(5))
    return context.error("only one of 'past_key' and 'past_value' is given: expected both or none; correct the model");
  const Shape past = context.has_input(4) ? to_shape(context.tensor(4).dims()) : Shape();
  SINTER_TRY(read_sizes(context, to_shape(context.tensor(0).dims()), to_shape(context.tensor(1).dims()),
                        to_shape(context.tensor(2).dims()), context.has_input(4) ? &past : nullptr, s));
  if (context.has_input(5)) SINTER_TRY(check_rank(context, 5, 4, 4));
  q = split_heads(context.tensor(0), s.q_heads.value());
  k = split_heads(context.tensor(1), s.kv_heads.value());
  v = split_heads(context.tensor(2), s.kv_heads.value());
  SINTER_TRY(extend(context, 4, k));
  SINTER_TRY(extend(context, 5, v));
  if (k.dim(0) != q.dim(0) || v.dim(0) != q.dim(0) || k.dim(3) != q.dim(3) || k.dim(2) != v.dim(2) ||
      k.dim(1) != v.dim(1))
    return context.error(fmt::format(
        "Q, K and V, split by heads, are {}, {} and {}: expected equal batches, sizes of Q and K, and lengths of "
        "K and V; correct the model",
        to_string(q.dims()), to_string(k.dims()), to_string(v.dims())));
  return check_output_dims(context, {q.dim(0), q.dim(1), q.dim(2), k.dim(2)});
}

Status evaluate(EvalContext& context) {
  const Attributes& attributes = context.attributes();
  Tensor q, k, v;
  Sizes s;
  SINTER_TRY(load(context, q, k, v, s));
  const DType dtype = context.tensor(0).dtype();
  const double scale = attributes.f_or("scale", static_cast<float>(1 / std::sqrt(static_cast<double>(q.dim(3)))));
  const double softcap = attributes.f("softcap");
  const int64_t mode = context.wants_output(3) ? attributes.i("qk_matmul_output_mode") : -1;
  Tensor scores = attention_scores(q, k, scale);
  if (mode == 0) store(context, 3, dtype, scores);
  if (softcap != 0)
    for (int64_t i = 0; i < scores.count(); ++i)
      scores.data<double>()[i] = softcap * std::tanh(scores.data<double>()[i] / softcap);
  if (mode == 1) store(context, 3, dtype, scores);
  SINTER_TRY(add_mask(context, scores));
  SINTER_TRY(mask_positions(context, scores, s.past.value()));
  if (mode == 2) store(context, 3, dtype, scores);
  if (const int64_t* precision = attributes.find_as<int64_t>("softmax_precision")) {
    SINTER_ASSIGN(const DType type, dtype_attribute(context, "softmax_precision", *precision));
    if (contains(kFloatTypes, type)) round_to(scores, type);
  }
  attention_softmax(scores);
  if (mode == 3) store(context, 3, dtype, scores);
  const Tensor y = attention_values(scores, v);
  store(context, 0, dtype, s.packed ? merge_heads(y) : y);
  if (context.wants_output(1)) store(context, 1, dtype, k);
  if (context.wants_output(2)) store(context, 2, context.tensor(2).dtype(), v);
  return ok_status();
}

}  // namespace attention_impl

OpDef define_attention() {
  OpDef op("Attention", 23);
  op.input("Q", "T1")
      .input("K", "T1")
      .input("V", "T2")
      .input("attn_mask", "U", ParamKind::kOptional)
      .input("past_key", "T1", ParamKind::kOptional)
      .input("past_value", "T2", ParamKind::kOptional)
      .input("nonpad_kv_seqlen", "I64", ParamKind::kOptional)
      .output("Y", "T1")
      .output("present_key", "T1", ParamKind::kOptional)
      .output("present_value", "T2", ParamKind::kOptional)
      .output("qk_matmul_output", "T1", ParamKind::kOptional)
      .type("T1", kFloatTypes)
      .type("T2", kFloatTypes)
      .type("U", kNumericTypes | kBoolType)
      .type("I64", dtype_set(DType::kI64))
      .attr("is_causal", int64_t{0})
      .attr("kv_num_heads", AttrKind::kInt, false)
      .attr("left_window_size", int64_t{-1})
      .attr("q_num_heads", AttrKind::kInt, false)
      .attr("qk_matmul_output_mode", int64_t{0})
      .attr("right_window_size", int64_t{-1})
      .attr("scale", AttrKind::kFloat, false)
      .attr("softcap", 0.0f)
      .attr("softmax_precision", AttrKind::kInt, false);
  op.infer = attention_impl::infer;
  op.evaluate = attention_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
