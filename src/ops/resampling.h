// Resampling along axes: what Resize and Upsample share.
#pragma once

#include "core/op_def.h"

namespace sinter::ops {

struct Resampling {
  enum class Mode { kNearest, kLinear, kCubic };
  enum class Coordinates {
    kHalfPixel,
    kHalfPixelSymmetric,
    kPytorchHalfPixel,
    kAlignCorners,
    kAsymmetric,
    kCropAndResize,
    kHalfPixelForNearest
  };
  enum class Rounding { kPreferFloor, kPreferCeil, kFloor, kCeil };
  struct Axis {
    double scale = 1;  // output over input; the fractional one when scales are given
    int64_t output = 0;
    double roi_begin = 0, roi_end = 1;
    bool sized = false;  // the output's size was given: it is no rounded product
  };
  Mode mode = Mode::kNearest;
  Coordinates coordinates = Coordinates::kHalfPixel;
  Rounding rounding = Rounding::kPreferFloor;
  bool antialias = false, exclude_outside = false;
  double cubic_a = -0.75, extrapolation = 0;
  std::vector<Axis> axes;  // one an axis of the tensor
};

// Position in the input of output position `x`, in the arithmetic of F. Nearest asks in float: where a position falls on an integer or a half of one depends on the
// rounding, and float is what ONNX Runtime and exporters' frameworks compute in. The others ask in double.
template <typename F>
F source_position(Resampling::Coordinates coordinates, const Resampling::Axis& axis, int64_t input, int64_t x) {
  using Coordinates = Resampling::Coordinates;
  const F at = static_cast<F>(x), size = static_cast<F>(input), output = static_cast<F>(axis.output), half = static_cast<F>(0.5);
  const F scale = axis.sized ? output / size : static_cast<F>(axis.scale), length = axis.sized ? output : scale * size;
  const F begin = static_cast<F>(axis.roi_begin), end = static_cast<F>(axis.roi_end);
  switch (coordinates) {
    case Coordinates::kHalfPixelForNearest: return (at + half) / scale;
    case Coordinates::kHalfPixelSymmetric: return size / 2 * (1 - output / length) + (at + half) / scale - half;
    case Coordinates::kPytorchHalfPixel: return axis.output > 1 ? (at + half) / scale - half : 0;
    case Coordinates::kAlignCorners: return axis.output == 1 ? 0 : at * (size - 1) / (length - 1);
    case Coordinates::kAsymmetric: return at / scale;
    case Coordinates::kCropAndResize:
      return axis.output > 1 ? begin * (size - 1) + at * (end - begin) * (size - 1) / (length - 1) : half * (begin + end) * (size - 1);
    default: return (at + half) / scale - half;
  }
}

// The place that nearest takes. A position so near to a half that only rounding keeps it away is one.
int64_t nearest_place(Resampling::Rounding rounding, double position);

// Output 0 = input 0 resampled. Nearest moves elements of any type; the others compute in double and truncate for
// integers.
Status resample(EvalContext& context, const Resampling& plan);
// floor(input · scale) in single precision, as exporters compute it.
int64_t scaled_size(int64_t input, float scale);
// The same for a dim: exact where the scale is a small fraction; nullopt otherwise.
std::optional<Dim> scaled_dim(const Dim& input, float scale);

}  // namespace sinter::ops
