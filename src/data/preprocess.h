// Preprocessing: a picture to the tensor a network takes, as a small JSON object says.
//
//   {"resize_short": 256, "crop": [224, 224], "color": "BGR", "mean": [104, 117, 123], "layout": "NCHW"}
//
// In this order, each step only if its key is there:
//   resize_short N      the shorter side becomes N, the other floor(N * longer / shorter)
//   resize_long N       the longer side becomes N, the other round(N * shorter / longer), at least 1
//   resize [H, W]       to that size, whatever the proportions
//   pad [H, W]          filled below and to the right with "pad_value" (default 0)
//   crop [H, W]         the middle, floor((height - H) / 2) from the top, likewise from the left
//   color               "RGB" (default), "BGR" or "GRAY" (one channel: PIL's (19595 R + 38470 G + 7471 B + 32768) >> 16)
//   scale S             x * S                        mean, std: one number, or one for each channel in the order of "color"
//   mean, std           (x - mean) / std, x in 0..255 unless scaled
//   layout              "NCHW" (default) or "NHWC"
// "interpolation": "bilinear" (default), "bicubic", "lanczos", "box", "nearest", with PIL's conventions (data/image.h).
#pragma once

#include <optional>

#include "core/tensor.h"
#include "data/image.h"

namespace sinter::data {

struct Size {
  int64_t height = 0, width = 0;
  bool operator==(const Size&) const = default;
};

struct Preprocess {
  enum class Color : uint8_t { kRgb, kBgr, kGray };

  std::optional<int64_t> resize_short, resize_long;
  std::optional<Size> resize, pad, crop;
  double pad_value = 0;
  Color color = Color::kRgb;
  double scale = 1;
  std::vector<double> mean, std;  // empty, 1 or one a channel
  bool channels_last = false;     // "NHWC"
  Interpolation interpolation = Interpolation::kBilinear;

  int64_t channels() const { return color == Color::kGray ? 1 : 3; }
};

// `label`: the file's name, for messages. Unknown keys, wrong types and impossible numbers are errors that name the key.
Result<Preprocess> parse_preprocess(std::string_view json, const std::string& label);
Result<Preprocess> read_preprocess(const std::string& path);

// f32[1,C,H,W] or f32[1,H,W,C]. kInvalidArgument: the picture is smaller than the crop, or larger than the padding.
Result<Tensor> apply(const Preprocess& preprocess, Image image, const std::string& label);

}  // namespace sinter::data
