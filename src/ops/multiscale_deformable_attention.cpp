// MultiscaleDeformableAttnPlugin_TRT: each head of a query is the sum, over levels and points, of a feature map's value at the point, bilinear between pixel centres and 0
// outside, times the point's weight. Places are in [0,1] of the map, x first.
//
// value [N,S,M,D], spatial_shapes [L,2] (height, width), level_start_index [L], sampling_locations [N,Q,M,L,P,2], attention_weights [N,Q,M,L,P] → [N,Q,M,D].
#include <cmath>

#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace multiscale_deformable_attention_impl {

Status infer(InferContext& context) {
  SINTER_TRY(check_rank(context, 0, 4, 4));
  SINTER_TRY(check_rank(context, 3, 6, 6));
  SINTER_TRY(check_rank(context, 4, 5, 5));
  const Shape *value = context.input_shape(0), *places = context.input_shape(3);
  std::optional<Shape> shape;
  if (value && places) shape = Shape{(*value)[0], (*places)[1], (*value)[2], (*value)[3]};
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  return ok_status();
}

struct Level {
  int64_t height = 0, width = 0, start = 0;
};

// Adds weight times the value at (y, x), in pixels whose centres are whole numbers, of a map whose pixels are `stride` apart.
void add_sample(const double* map, const Level& level, int64_t stride, int64_t depth, double y, double x, double weight, double* out) {
  if (!(y > -1 && x > -1 && y < static_cast<double>(level.height) && x < static_cast<double>(level.width))) return;
  const auto top = static_cast<int64_t>(std::floor(y)), left = static_cast<int64_t>(std::floor(x));
  const double down = y - static_cast<double>(top), right = x - static_cast<double>(left);
  for (int64_t i = 0; i < 2; ++i) {
    for (int64_t j = 0; j < 2; ++j) {
      if (top + i < 0 || top + i >= level.height || left + j < 0 || left + j >= level.width) continue;
      const double part = weight * (i ? down : 1 - down) * (j ? right : 1 - right);
      const double* pixel = map + (level.start + (top + i) * level.width + left + j) * stride;
      for (int64_t d = 0; d < depth; ++d) out[d] += part * pixel[d];
    }
  }
}

Status read_levels(const EvalContext& context, std::vector<Level>& levels) {
  const std::vector<int64_t> sizes = context.tensor(1).to_i64(), starts = context.tensor(2).to_i64();
  const Dims &value = context.tensor(0).dims(), &places = context.tensor(3).dims(), &weights = context.tensor(4).dims();
  const Dims expected{value[0], places[1], value[2], static_cast<int64_t>(starts.size()), places[4]};
  if (sizes.size() != 2 * starts.size() || weights != expected || places[5] != 2 || !std::equal(expected.begin(), expected.end(), places.begin()))
    return context.error(fmt::format("places are {} and weights {} for {} levels and values of {}: expected [N,Q,M,L,P,2] and [N,Q,M,L,P]; correct the model", to_string(places),
                                     to_string(weights), starts.size(), to_string(value)));
  for (size_t i = 0; i < starts.size(); ++i) {
    const Level level{sizes[2 * i], sizes[2 * i + 1], starts[i]};
    const bool sound = level.height >= 0 && level.width >= 0 && level.start >= 0 && level.start <= value[1] &&
                       (level.width == 0 || level.height <= (value[1] - level.start) / level.width);
    if (!sound)
      return context.error(fmt::format("level {} is {} by {} from place {} on: expected it to lie within the {} places of the values; correct the model", i, level.height,
                                       level.width, level.start, value[1]));
    levels.push_back(level);
  }
  return ok_status();
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 4, 4));
  SINTER_TRY(check_rank(context, 3, 6, 6));
  SINTER_TRY(check_rank(context, 4, 5, 5));
  std::vector<Level> levels;
  SINTER_TRY(read_levels(context, levels));
  const Tensor value = widened(context.tensor(0)), places = widened(context.tensor(3)), weights = widened(context.tensor(4));
  const int64_t batch = value.dim(0), heads = value.dim(2), depth = value.dim(3), queries = places.dim(1), points = places.dim(4);
  SINTER_TRY(check_output_dims(context, {batch, queries, heads, depth}));
  Tensor y = zeros_f64({batch, queries, heads, depth});
  const double *place = places.data<double>(), *weight = weights.data<double>();
  double* out = y.data<double>();
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t at = 0; at < queries * heads; ++at, out += depth) {
      const double* map = value.data<double>() + n * value.dim(1) * heads * depth + at % heads * depth;
      for (const Level& level : levels) {
        for (int64_t p = 0; p < points; ++p, place += 2, ++weight)
          add_sample(map, level, heads * depth, depth, place[1] * static_cast<double>(level.height) - 0.5, place[0] * static_cast<double>(level.width) - 0.5, *weight, out);
      }
    }
  }
  store(context, 0, context.tensor(0).dtype(), y);
  return ok_status();
}

}  // namespace multiscale_deformable_attention_impl

OpDef define_multiscale_deformable_attention() {
  OpDef op("MultiscaleDeformableAttnPlugin_TRT", 1, "TRT");
  constexpr DTypeSet kIndices = dtype_set(DType::kI32, DType::kI64);
  op.input("value", "T").input("spatial_shapes", "I").input("level_start_index", "I").input("sampling_locations", "T").input("attention_weights", "T").output("output", "T");
  op.type("T", kFloatTypes).type("I", kIndices);
  op.infer = multiscale_deformable_attention_impl::infer;
  op.evaluate = multiscale_deformable_attention_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
