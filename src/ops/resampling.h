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
  };
  Mode mode = Mode::kNearest;
  Coordinates coordinates = Coordinates::kHalfPixel;
  Rounding rounding = Rounding::kPreferFloor;
  bool antialias = false, exclude_outside = false;
  double cubic_a = -0.75, extrapolation = 0;
  std::vector<Axis> axes;  // one an axis of the tensor
};

// Output 0 = input 0 resampled. Nearest moves elements of any type; the others compute in double and truncate for
// integers.
Status resample(EvalContext& context, const Resampling& plan);
// floor(input · scale) in single precision, as exporters compute it.
int64_t scaled_size(int64_t input, float scale);
// The same for a dim: exact where the scale is a small fraction; nullopt otherwise.
std::optional<Dim> scaled_dim(const Dim& input, float scale);

}  // namespace sinter::ops
