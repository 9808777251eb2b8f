// WebP by libwebp.
#include "data/formats.h"

#ifdef SINTER_HAS_WEBP
#include <webp/decode.h>
#endif

namespace sinter::data {

#ifdef SINTER_HAS_WEBP
Result<Image> decode_webp(std::string_view bytes, const std::string& label) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  int width = 0, height = 0;
  if (!WebPGetInfo(data, bytes.size(), &width, &height)) return bad_image(label, "is a damaged WebP picture");
  SINTER_TRY(check_image_size(label, static_cast<uint64_t>(height), static_cast<uint64_t>(width)));
  Image image = make_image(height, width);
  if (!WebPDecodeRGBInto(data, bytes.size(), image.pixels.data(), image.pixels.size(), width * 3)) return bad_image(label, "is a damaged WebP picture");
  return image;
}
#else
Result<Image> decode_webp(std::string_view, const std::string& label) {
  return make_error(Code::kUnsupported, "image '{}': is WebP; expected a format that this build decodes; build with libwebp", label);
}
#endif

}  // namespace sinter::data
