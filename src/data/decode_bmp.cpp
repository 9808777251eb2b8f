// Windows bitmaps without compression: 1, 4 and 8 bits with a palette, 24 and 32 bits; rows from the bottom, or from the top when the height is negative.
#include <algorithm>

#include "data/formats.h"

namespace sinter::data {
namespace {

uint32_t little_endian(std::string_view bytes, size_t at, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i) value |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[at + static_cast<size_t>(i)])) << (8 * i);
  return value;
}

struct Header {
  size_t data = 0, palette = 0;
  size_t colours = 0;
  int64_t height = 0, width = 0;
  int bits = 0;
  bool from_top = false;
};

Status read_header(std::string_view bytes, const std::string& label, Header& h) {
  constexpr size_t kFile = 14, kInfo = 40;
  if (bytes.size() < kFile + kInfo) return bad_image(label, "is a bitmap cut short");
  const uint32_t size = little_endian(bytes, kFile, 4);
  if (size < kInfo || size > bytes.size() - kFile) return bad_image(label, "is a bitmap with a header of an unknown kind");
  h.data = little_endian(bytes, 10, 4);
  h.width = static_cast<int32_t>(little_endian(bytes, 18, 4));
  const int64_t height = static_cast<int32_t>(little_endian(bytes, 22, 4));
  h.from_top = height < 0;
  h.height = height < 0 ? -height : height;
  h.bits = static_cast<int>(little_endian(bytes, 28, 2));
  const bool known = h.bits == 1 || h.bits == 4 || h.bits == 8 || h.bits == 24 || h.bits == 32;
  if (!known || little_endian(bytes, 30, 4) != 0) return bad_image(label, fmt::format("is a bitmap of {} bits a pixel or with compression, expected 1, 4, 8, 24 or 32 without", h.bits));
  if (h.width <= 0) return bad_image(label, "has no pixels");
  SINTER_TRY(check_image_size(label, static_cast<uint64_t>(h.height), static_cast<uint64_t>(h.width)));
  h.palette = kFile + size;
  if (h.bits <= 8) {
    const uint32_t used = little_endian(bytes, 46, 4);
    h.colours = used == 0 ? size_t{1} << h.bits : used;
    if (h.colours > 256 || h.palette + h.colours * 4 > bytes.size()) return bad_image(label, "is a bitmap whose palette is cut short");
  }
  return ok_status();
}

}  // namespace

Result<Image> decode_bmp(std::string_view bytes, const std::string& label) {
  Header h;
  SINTER_TRY(read_header(bytes, label, h));
  const size_t stride = (static_cast<size_t>(h.width) * static_cast<size_t>(h.bits) + 31) / 32 * 4;
  if (h.data > bytes.size() || stride * static_cast<size_t>(h.height) > bytes.size() - h.data) return bad_image(label, "is a bitmap cut short");
  Image image = make_image(h.height, h.width);
  for (int64_t y = 0; y < h.height; ++y) {
    const size_t row = h.data + stride * static_cast<size_t>(h.from_top ? y : h.height - 1 - y);
    for (int64_t x = 0; x < h.width; ++x) {
      const size_t bit = static_cast<size_t>(x) * static_cast<size_t>(h.bits);
      size_t from = row + bit / 8;
      if (h.bits <= 8) {
        const auto number = static_cast<size_t>(static_cast<uint8_t>(bytes[from]) >> (8 - h.bits - static_cast<int>(bit % 8)) & ((1 << h.bits) - 1));
        if (number >= h.colours) return bad_image(label, "is a bitmap with a colour beyond its palette");
        from = h.palette + number * 4;
      }
      for (size_t c = 0; c < 3; ++c) image.row(y)[3 * x + static_cast<int64_t>(c)] = static_cast<uint8_t>(bytes[from + 2 - c]);
    }
  }
  return image;
}

}  // namespace sinter::data
