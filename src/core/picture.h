// Decoding of pictures for the operator ImageDecoder. Decoders need libraries of their own, which a program that only runs engines should not have to load: the
// full library registers its decoder when it starts, libsinter_rt has none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sinter {

struct Picture {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> pixels;  // rows of r, g, b
};

// kUnsupported: the build lacks the format's library; other errors: the bytes are no picture.
using PictureDecoder = Result<Picture> (*)(std::string_view bytes);

void set_picture_decoder(PictureDecoder decoder);  // before the first use
PictureDecoder picture_decoder();                  // null: none

}  // namespace sinter
