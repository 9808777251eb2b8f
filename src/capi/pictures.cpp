// The full library's decoders of pictures, for ImageDecoder: registered when the library is loaded.
#include "core/picture.h"
#include "data/image.h"

namespace sinter::capi {
namespace {

Result<Picture> decode(std::string_view bytes) {
  SINTER_ASSIGN(data::Image image, data::decode_image(bytes, "encoded_stream"));
  return Picture{image.height, image.width, std::move(image.pixels)};
}

[[maybe_unused]] const bool registered = (set_picture_decoder(decode), true);

}  // namespace
}  // namespace sinter::capi
