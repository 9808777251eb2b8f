// RoiAlign: every region of interest cut into output_height x output_width bins; a bin is the mean ('avg') of bilinear
// samples on a grid, or ('max', as ONNX's own tests have it) the largest of the samples' weighted corners.
#include <algorithm>
#include <cmath>

#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace roi_align_impl {

constexpr int64_t kMaxGrid = 1 << 16;  // samples along an axis of a bin: a region so large is no region of an image

Status infer(InferContext& context) {
  SINTER_TRY(check_rank(context, 0, 4, 4));
  SINTER_TRY(check_rank(context, 1, 2, 2));
  std::optional<Shape> shape;
  const Shape *x = context.input_shape(0), *rois = context.input_shape(1);
  if (x && rois)
    shape = Shape{(*rois)[0], (*x)[1], context.attributes().i("output_height"), context.attributes().i("output_width")};
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  return ok_status();
}

// The four neighbours of a point and their weights; none outside.
struct Corners {
  int64_t offset[4] = {0, 0, 0, 0};
  double weight[4] = {0, 0, 0, 0};
};

Corners corners(double y, double x, int64_t height, int64_t width) {
  Corners c;
  if (!(y >= -1 && y <= static_cast<double>(height) && x >= -1 && x <= static_cast<double>(width))) return c;
  const auto split = [](double at, int64_t size, int64_t& low, int64_t& high) {
    at = std::max(at, 0.0);
    low = static_cast<int64_t>(at);
    if (low >= size - 1) {
      low = high = size - 1;
      return 0.0;
    }
    high = low + 1;
    return at - static_cast<double>(low);
  };
  int64_t y_low = 0, y_high = 0, x_low = 0, x_high = 0;
  const double fy = split(y, height, y_low, y_high), fx = split(x, width, x_low, x_high);
  const int64_t offsets[4] = {y_low * width + x_low, y_low * width + x_high, y_high * width + x_low,
                              y_high * width + x_high};
  const double weights[4] = {(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx};
  std::copy_n(offsets, 4, c.offset);
  std::copy_n(weights, 4, c.weight);
  return c;
}

double reduce(const double* plane, const std::vector<Corners>& samples, bool average) {
  double result = 0;
  for (size_t s = 0; s < samples.size(); ++s)
    for (int i = 0; i < 4; ++i) {
      const double value = samples[s].weight[i] * plane[samples[s].offset[i]];
      if (average)
        result += value;
      else
        result = s == 0 && i == 0 ? value : std::max(result, value);
    }
  return average ? result / static_cast<double>(std::max<size_t>(1, samples.size())) : result;
}

Status check(const EvalContext& context, bool& average) {
  SINTER_TRY(check_rank(context, 0, 4, 4));
  SINTER_TRY(check_rank(context, 1, 2, 2));
  SINTER_TRY(check_dims(context, 1, {context.tensor(1).dim(0), 4}));
  SINTER_TRY(check_dims(context, 2, {context.tensor(1).dim(0)}));
  const std::string& mode = context.attributes().s("mode");
  average = mode == "avg";
  if (!average && mode != "max")
    return context.error(fmt::format("attribute 'mode' is '{}': expected avg or max; correct the model", mode));
  for (const int64_t index : context.tensor(2).to_i64())
    if (index < 0 || index >= context.tensor(0).dim(0))
      return context.error(fmt::format("a batch index is {}: expected values in [0,{}]; correct the input", index,
                                       context.tensor(0).dim(0) - 1));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  bool average = true;
  SINTER_TRY(check(context, average));
  const Attributes& attributes = context.attributes();
  const Tensor x = widened(context.tensor(0)), rois = widened(context.tensor(1));
  const std::vector<int64_t> batches = context.tensor(2).to_i64();
  const int64_t channels = x.dim(1), height = x.dim(2), width = x.dim(3), bins_y = attributes.i("output_height"),
                bins_x = attributes.i("output_width"), ratio = attributes.i("sampling_ratio");
  const Dims dims{rois.dim(0), channels, bins_y, bins_x};
  SINTER_TRY(check_output_dims(context, dims));
  if (height < 1 || width < 1)
    return context.error("the input has empty planes: expected at least one element; correct the input");
  const double scale = attributes.f("spatial_scale");
  const bool aligned = attributes.s("coordinate_transformation_mode") == "half_pixel";
  Tensor y(DType::kF64, dims);
  for (int64_t r = 0; r < dims[0]; ++r) {
    const double* roi = rois.data<double>() + r * 4;
    const double shift = aligned ? 0.5 : 0, x0 = roi[0] * scale - shift, y0 = roi[1] * scale - shift;
    double w = roi[2] * scale - shift - x0, h = roi[3] * scale - shift - y0;
    if (!aligned) w = std::max(w, 1.0), h = std::max(h, 1.0);
    const double bin_y = h / static_cast<double>(bins_y), bin_x = w / static_cast<double>(bins_x);
    const auto grid = [&](double bin) {
      return std::clamp<int64_t>(ratio > 0 ? ratio : static_cast<int64_t>(std::ceil(std::min(bin, 1e9))), 0, kMaxGrid);
    };
    const int64_t grid_y = grid(bin_y), grid_x = grid(bin_x);
    for (int64_t bin = 0; bin < bins_y * bins_x; ++bin) {
      std::vector<Corners> samples;
      for (int64_t iy = 0; iy < grid_y; ++iy)
        for (int64_t ix = 0; ix < grid_x; ++ix) {
          const double at_y =
              y0 + (static_cast<double>(bin / bins_x) + (static_cast<double>(iy) + 0.5) / static_cast<double>(grid_y)) *
                       bin_y;
          const double at_x =
              x0 + (static_cast<double>(bin % bins_x) + (static_cast<double>(ix) + 0.5) / static_cast<double>(grid_x)) *
                       bin_x;
          samples.push_back(corners(at_y, at_x, height, width));
        }
      for (int64_t c = 0; c < channels; ++c)
        y.data<double>()[(r * channels + c) * bins_y * bins_x + bin] =
            reduce(x.data<double>() + (batches[r] * channels + c) * height * width, samples, average);
    }
  }
  store(context, 0, context.tensor(0).dtype(), y);
  return ok_status();
}

}  // namespace roi_align_impl

OpDef define_roi_align() {
  OpDef op("RoiAlign", 16);
  op.input("X", "T1")
      .input("rois", "T1")
      .input("batch_indices", "T2")
      .output("Y", "T1")
      .type("T1", kFloatTypes)
      .type("T2", dtype_set(DType::kI64))
      .attr("coordinate_transformation_mode", std::string("half_pixel"))
      .attr("mode", std::string("avg"))
      .attr("output_height", int64_t{1})
      .attr("output_width", int64_t{1})
      .attr("sampling_ratio", int64_t{0})
      .attr("spatial_scale", 1.0f);
  op.infer = roi_align_impl::infer;
  op.evaluate = roi_align_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
