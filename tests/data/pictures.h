// Pictures for tests, made by formula and encoded here.
#pragma once

#include <cstdlib>
#include <cstdio>
#include <string>

#include <jpeglib.h>  // needs <cstdio>

#include <spng.h>

#include "data/image.h"

namespace sinter::test {

inline data::Image pattern(int64_t height, int64_t width) {
  data::Image image{height, width, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t c = 0; c < 3; ++c) image.pixels.push_back(static_cast<uint8_t>((x * 37 + y * 59 + c * 91 + (x * y) % 13 * 7) % 256));
    }
  }
  return image;
}

// Even enough for JPEG to keep.
inline data::Image gradient(int64_t height, int64_t width) {
  data::Image image{height, width, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      image.pixels.push_back(static_cast<uint8_t>(x * 255 / width));
      image.pixels.push_back(static_cast<uint8_t>(y * 255 / height));
      image.pixels.push_back(128);
    }
  }
  return image;
}

// Components of `space` as the bytes are: 3 JCS_RGB, 1 JCS_GRAYSCALE, 4 JCS_CMYK.
inline std::string jpeg_bytes(int64_t height, int64_t width, const std::vector<uint8_t>& pixels, J_COLOR_SPACE space, int components, bool progressive = false) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &buffer, &size);
  info.image_width = static_cast<JDIMENSION>(width), info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = components, info.in_color_space = space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 95, TRUE);
  if (progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  for (int64_t y = 0; y < height; ++y) {
    auto* row = const_cast<JSAMPROW>(pixels.data() + y * width * components);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string bytes(reinterpret_cast<char*>(buffer), size);
  std::free(buffer);
  return bytes;
}

inline std::string png_bytes(int64_t height, int64_t width, const std::vector<uint8_t>& data, uint8_t color_type, uint8_t depth) {
  spng_ctx* context = spng_ctx_new(SPNG_CTX_ENCODER);
  spng_set_option(context, SPNG_ENCODE_TO_BUFFER, 1);
  spng_ihdr header{};
  header.width = static_cast<uint32_t>(width), header.height = static_cast<uint32_t>(height);
  header.color_type = color_type, header.bit_depth = depth;
  spng_set_ihdr(context, &header);
  spng_encode_image(context, data.data(), data.size(), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
  size_t size = 0;
  int error = 0;
  void* buffer = spng_get_png_buffer(context, &size, &error);
  std::string bytes(static_cast<char*>(buffer), size);
  std::free(buffer);
  spng_ctx_free(context);
  return bytes;
}

inline std::string png_of(const data::Image& image) { return png_bytes(image.height, image.width, image.pixels, SPNG_COLOR_TYPE_TRUECOLOR, 8); }
inline std::string jpeg_of(const data::Image& image) { return jpeg_bytes(image.height, image.width, image.pixels, JCS_RGB, 3); }

}  // namespace sinter::test
