// MaxRoiPool: every region of interest (batch, x1, y1, x2, y2), rounded to whole elements, cut into pooled_shape bins;
// a bin is its largest element, 0 when empty.
#include <algorithm>
#include <cmath>

#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace max_roi_pool_impl {

template <typename Context>
Status read_bins(const Context& context, std::vector<int64_t>& bins) {
  bins = context.attributes().ints("pooled_shape");
  if (bins.size() == 2 && bins[0] > 0 && bins[1] > 0) return ok_status();
  return context.error(
      fmt::format("attribute 'pooled_shape' is {}: expected two positive sizes; correct the model", to_string(bins)));
}

Status infer(InferContext& context) {
  SINTER_TRY(check_rank(context, 0, 4, 4));
  SINTER_TRY(check_rank(context, 1, 2, 2));
  std::vector<int64_t> bins;
  SINTER_TRY(read_bins(context, bins));
  std::optional<Shape> shape;
  const Shape *x = context.input_shape(0), *rois = context.input_shape(1);
  if (x && rois) shape = Shape{(*rois)[0], (*x)[1], bins[0], bins[1]};
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  return ok_status();
}

// Elements [begin, end) of bin `i` along an axis.
std::pair<int64_t, int64_t> bin_range(int64_t i, int64_t bins, double start, double length, int64_t size) {
  const double bin = length / static_cast<double>(bins);
  const auto limit = static_cast<double>(size);
  const double begin = std::clamp(std::floor(static_cast<double>(i) * bin) + start, 0.0, limit);
  const double end = std::clamp(std::ceil(static_cast<double>(i + 1) * bin) + start, 0.0, limit);
  return {static_cast<int64_t>(begin), static_cast<int64_t>(end)};
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 4, 4));
  SINTER_TRY(check_rank(context, 1, 2, 2));
  SINTER_TRY(check_dims(context, 1, {context.tensor(1).dim(0), 5}));
  std::vector<int64_t> bins;
  SINTER_TRY(read_bins(context, bins));
  const Tensor x = widened(context.tensor(0)), rois = widened(context.tensor(1));
  const int64_t channels = x.dim(1), height = x.dim(2), width = x.dim(3);
  const Dims dims{rois.dim(0), channels, bins[0], bins[1]};
  SINTER_TRY(check_output_dims(context, dims));
  const float scale = context.attributes().f("spatial_scale");  // in float as ONNX Runtime has it: which of two elements a half goes to depends on it
  Tensor y = zeros_f64(dims);
  for (int64_t r = 0; r < dims[0]; ++r) {
    const double* roi = rois.data<double>() + r * 5;
    if (!(roi[0] >= 0 && roi[0] < static_cast<double>(x.dim(0))))
      return context.error(
          fmt::format("a batch index is {}: expected values in [0,{}]; correct the input", roi[0], x.dim(0) - 1));
    double edges[4];
    for (int i = 0; i < 4; ++i) {
      edges[i] = std::round(static_cast<float>(roi[i + 1]) * scale);
      if (!(std::abs(edges[i]) < 1e9))
        return context.error("a region is not finite: expected coordinates; correct the input");
    }
    const double w = std::max(edges[2] - edges[0] + 1, 1.0), h = std::max(edges[3] - edges[1] + 1, 1.0);
    for (int64_t bin = 0; bin < bins[0] * bins[1]; ++bin) {
      const auto [y0, y1] = bin_range(bin / bins[1], bins[0], edges[1], h, height);
      const auto [x0, x1] = bin_range(bin % bins[1], bins[1], edges[0], w, width);
      if (y0 >= y1 || x0 >= x1) continue;
      for (int64_t c = 0; c < channels; ++c) {
        const double* plane = x.data<double>() + (static_cast<int64_t>(roi[0]) * channels + c) * height * width;
        double best = plane[y0 * width + x0];
        for (int64_t i = y0; i < y1; ++i)
          for (int64_t j = x0; j < x1 && !std::isnan(best); ++j)
            if (!(plane[i * width + j] <= best)) best = plane[i * width + j];
        y.data<double>()[(r * channels + c) * bins[0] * bins[1] + bin] = best;
      }
    }
  }
  store(context, 0, context.tensor(0).dtype(), y);
  return ok_status();
}

}  // namespace max_roi_pool_impl

OpDef define_max_roi_pool() {
  OpDef op("MaxRoiPool", 1);
  op.input("X", "T")
      .input("rois", "T")
      .output("Y", "T")
      .type("T", kFloatTypes)
      .attr("pooled_shape", AttrKind::kInts, true)
      .attr("spatial_scale", 1.0f);
  op.infer = max_roi_pool_impl::infer;
  op.evaluate = max_roi_pool_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
