// Decoders of picture formats, one file each; decode_image (decode.cpp) chooses by signature. Each gives 8-bit RGB or an error that begins with `label`, and survives
// hostile bytes. A library that was not there at build time makes its format unsupported.
#pragma once

#include <string>
#include <string_view>

#include "data/image.h"

namespace sinter::data {

// "image '<label>': <what>; replace it …"
Status bad_image(const std::string& label, std::string_view what);
// Refuses pictures without pixels and hostile sizes.
Status check_image_size(const std::string& label, uint64_t height, uint64_t width);
// RGB of that size, black.
Image make_image(int64_t height, int64_t width);

Result<Image> decode_bmp(std::string_view bytes, const std::string& label);
Result<Image> decode_pnm(std::string_view bytes, const std::string& label);
Result<Image> decode_webp(std::string_view bytes, const std::string& label);
Result<Image> decode_tiff(std::string_view bytes, const std::string& label);
Result<Image> decode_jpeg2000(std::string_view bytes, const std::string& label);

}  // namespace sinter::data
