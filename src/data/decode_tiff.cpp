// TIFF by libtiff: the first picture of the file.
#include <algorithm>
#include <cstring>
#include <memory>

#include "data/formats.h"

#ifdef SINTER_HAS_TIFF
#include <tiffio.h>
#endif

namespace sinter::data {

#ifdef SINTER_HAS_TIFF
namespace {

struct Stream {
  std::string_view bytes;
  uint64_t at = 0;
};

tmsize_t read_bytes(thandle_t handle, void* to, tmsize_t size) {
  auto& stream = *static_cast<Stream*>(handle);
  if (size <= 0 || stream.at >= stream.bytes.size()) return 0;
  const auto count = std::min<uint64_t>(static_cast<uint64_t>(size), stream.bytes.size() - stream.at);
  std::memcpy(to, stream.bytes.data() + stream.at, count);
  stream.at += count;
  return static_cast<tmsize_t>(count);
}
tmsize_t write_nothing(thandle_t, void*, tmsize_t) { return 0; }
toff_t seek(thandle_t handle, toff_t offset, int whence) {
  auto& stream = *static_cast<Stream*>(handle);
  stream.at = whence == SEEK_SET ? offset : whence == SEEK_CUR ? stream.at + offset : stream.bytes.size() + offset;
  return stream.at;
}
int close_nothing(thandle_t) { return 0; }
toff_t size_of(thandle_t handle) { return static_cast<Stream*>(handle)->bytes.size(); }
int map_nothing(thandle_t, void**, toff_t*) { return 0; }
void unmap_nothing(thandle_t, void*, toff_t) {}

// libtiff prints what it finds; callers get an error of ours.
void be_silent() {
  static const bool once = [] {
    TIFFSetErrorHandler(nullptr);
    TIFFSetWarningHandler(nullptr);
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace

Result<Image> decode_tiff(std::string_view bytes, const std::string& label) {
  be_silent();
  Stream stream{bytes};
  // "m": the file is not mapped; the callbacks read it.
  const std::unique_ptr<TIFF, void (*)(TIFF*)> file(
      TIFFClientOpen("picture", "rm", &stream, read_bytes, write_nothing, seek, close_nothing, size_of, map_nothing, unmap_nothing), TIFFClose);
  uint32_t width = 0, height = 0;
  if (!file || !TIFFGetField(file.get(), TIFFTAG_IMAGEWIDTH, &width) || !TIFFGetField(file.get(), TIFFTAG_IMAGELENGTH, &height))
    return bad_image(label, "is a damaged TIFF picture");
  SINTER_TRY(check_image_size(label, height, width));
  char why[1024];
  if (!TIFFRGBAImageOK(file.get(), why)) return bad_image(label, fmt::format("is a TIFF picture of a kind that is not decoded ({})", static_cast<const char*>(why)));
  std::vector<uint32_t> pixels(static_cast<size_t>(width) * height);
  if (!TIFFReadRGBAImageOriented(file.get(), width, height, pixels.data(), ORIENTATION_TOPLEFT, 1)) return bad_image(label, "is a damaged TIFF picture");
  Image image = make_image(height, width);
  for (size_t i = 0; i < pixels.size(); ++i) {
    image.pixels[3 * i] = static_cast<uint8_t>(TIFFGetR(pixels[i]));
    image.pixels[3 * i + 1] = static_cast<uint8_t>(TIFFGetG(pixels[i]));
    image.pixels[3 * i + 2] = static_cast<uint8_t>(TIFFGetB(pixels[i]));
  }
  return image;
}
#else
Result<Image> decode_tiff(std::string_view, const std::string& label) {
  return make_error(Code::kUnsupported, "image '{}': is TIFF; expected a format that this build decodes; build with libtiff", label);
}
#endif

}  // namespace sinter::data
