// Images: bytes of picture files to 8-bit RGB, and resampling.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sinter::data {

struct Image {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> pixels;  // rows of r, g, b

  uint8_t* row(int64_t y) { return pixels.data() + y * width * 3; }
  const uint8_t* row(int64_t y) const { return pixels.data() + y * width * 3; }
};

constexpr int64_t kMostPixels = int64_t{1} << 27;  // larger pictures are refused as hostile

// By the bytes' signature, whatever the name: JPEG, PNG, BMP, PNM, and where their libraries were there at build time WebP, TIFF, JPEG 2000. Grey and palettes become RGB, alpha is dropped, 16-bit channels keep their upper 8 bits, as PIL's
// convert("RGB") does for 8-bit pictures. Refused: what is damaged or cut short, CMYK, other formats. `label` begins the messages.
Result<Image> decode_image(std::string_view bytes, const std::string& label);
bool is_image_name(std::string_view name);  // .jpg, .jpeg, .png, in any case

enum class Interpolation : uint8_t { kNearest, kBox, kBilinear, kBicubic, kLanczos };

// To height x width. The convention is PIL's: pixel centres at +0.5; when shrinking, the filter is widened by the factor (antialiasing); first along
// rows, then columns, rounded to 8 bits after each. Equal to Pillow's Image.resize bit by bit.
Image resize(const Image& image, int64_t height, int64_t width, Interpolation how);

}  // namespace sinter::data
