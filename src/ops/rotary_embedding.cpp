// RotaryEmbedding: pairs of elements of each head turned by the angle of their position: (a, b) → (a·cos - b·sin, a·sin
// + b·cos). A pair is elements i and i + half, or 2i and 2i+1 when interleaved. Only the first rotary_embedding_dim
// elements take part (0: all).
#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace rotary_embedding_impl {

Status infer(InferContext& context) {
  SINTER_TRY(check_rank(context, 0, 3, 4));
  return infer_same(context);
}

struct Sizes {
  int64_t batch, steps, heads, size, half;
  bool packed;
};

Status read_sizes(const EvalContext& context, Sizes& s) {
  const Tensor& x = context.tensor(0);
  SINTER_TRY(check_rank(context, 0, 3, 4));
  s.packed = x.rank() == 3;
  s.batch = x.dim(0);
  s.steps = s.packed ? x.dim(1) : x.dim(2);
  s.heads = s.packed ? context.attributes().i_or("num_heads", 0) : x.dim(1);
  if (s.packed && (s.heads < 1 || x.dim(2) % s.heads != 0))
    return context.error(fmt::format("'num_heads' is {} for a hidden size of {}: expected a divisor; correct the model",
                                     s.heads, x.dim(2)));
  s.size = s.packed ? x.dim(2) / s.heads : x.dim(3);
  const int64_t rotary = context.attributes().i("rotary_embedding_dim");
  const int64_t turned = rotary == 0 ? s.size : rotary;
  if (turned < 0 || turned > s.size || turned % 2 != 0)
    return context.error(fmt::format(
        "{} elements of a head of {} are to be turned: expected an even number; correct the model", turned, s.size));
  s.half = turned / 2;
  return ok_status();
}

// Row of the caches for every (batch, step).
Status read_rows(const EvalContext& context, const Sizes& s, std::vector<int64_t>& rows) {
  const Tensor& cos = context.tensor(1);
  const bool positions = context.has_input(3);
  SINTER_TRY(check_rank(context, 1, positions ? 2 : 3, positions ? 2 : 3));
  SINTER_TRY(check_dims(context, 2, cos.dims()));
  if (cos.dim(-1) != s.half)
    return context.error(
        fmt::format("the caches are {}: expected a last dim of {}, half of what is turned; correct the model",
                    to_string(cos.dims()), s.half));
  if (!positions) {
    SINTER_TRY(check_dims(context, 1, {s.batch, s.steps, s.half}));
    for (int64_t i = 0; i < s.batch * s.steps; ++i) rows.push_back(i);
    return ok_status();
  }
  SINTER_TRY(check_dims(context, 3, {s.batch, s.steps}));
  rows = context.tensor(3).to_i64();
  for (const int64_t row : rows)
    if (row < 0 || row >= cos.dim(0))
      return context.error(
          fmt::format("a position is {}: expected values in [0,{}]; correct the input", row, cos.dim(0) - 1));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  Sizes s;
  SINTER_TRY(read_sizes(context, s));
  std::vector<int64_t> rows;
  SINTER_TRY(read_rows(context, s, rows));
  const bool interleaved = context.attributes().i("interleaved") != 0;
  const Tensor x = widened(context.tensor(0)), cos = widened(context.tensor(1)), sin = widened(context.tensor(2));
  Tensor y = x.clone();
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t h = 0; h < s.heads; ++h)
      for (int64_t t = 0; t < s.steps; ++t) {
        const int64_t head = s.packed ? (b * s.steps + t) * s.heads + h : (b * s.heads + h) * s.steps + t;
        const double* from = x.data<double>() + head * s.size;
        double* to = y.data<double>() + head * s.size;
        const double *c = cos.data<double>() + rows[b * s.steps + t] * s.half,
                     *n = sin.data<double>() + rows[b * s.steps + t] * s.half;
        for (int64_t i = 0; i < s.half; ++i) {
          const int64_t first = interleaved ? 2 * i : i, second = interleaved ? 2 * i + 1 : i + s.half;
          to[first] = c[i] * from[first] - n[i] * from[second];
          to[second] = n[i] * from[first] + c[i] * from[second];
        }
      }
  store(context, 0, context.tensor(0).dtype(), y);
  return ok_status();
}

}  // namespace rotary_embedding_impl

OpDef define_rotary_embedding() {
  OpDef op("RotaryEmbedding", 23);
  op.input("X", "T")
      .input("cos_cache", "T")
      .input("sin_cache", "T")
      .input("position_ids", "M", ParamKind::kOptional)
      .output("Y", "T")
      .type("T", kFloatTypes)
      .type("M", dtype_set(DType::kI64))
      .attr("interleaved", int64_t{0})
      .attr("num_heads", AttrKind::kInt, false)
      .attr("rotary_embedding_dim", int64_t{0});
  op.infer = rotary_embedding_impl::infer;
  op.evaluate = rotary_embedding_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
