// The choice of a decoder; JPEG by libjpeg(-turbo), PNG by libspng. Neither may end the process or leak on damaged bytes: libjpeg's errors come back by longjmp to a
// function without objects that need destruction.
#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <memory>

#include <jpeglib.h>  // needs <cstdio>

#include <jerror.h>
#include <spng.h>

#include "data/formats.h"

namespace sinter::data {

Status bad_image(const std::string& label, std::string_view what) {
  return make_error(Code::kInvalidArgument, "image '{}': {}; replace it or remove it from the folder", label, what);
}

Image make_image(int64_t height, int64_t width) {
  Image image;
  image.height = height, image.width = width;
  image.pixels.resize(static_cast<size_t>(height * width * 3));
  return image;
}

Status check_image_size(const std::string& label, uint64_t height, uint64_t width) {
  if (height == 0 || width == 0) return bad_image(label, "has no pixels");
  if (height > static_cast<uint64_t>(kMostPixels) / width) {
    return bad_image(label, fmt::format("has {} x {} pixels, expected at most {} in all", height, width, kMostPixels));
  }
  return ok_status();
}

namespace {

struct JpegErrors {
  jpeg_error_mgr manager;  // first: libjpeg gives its address back
  std::jmp_buf back;
  int warning;
  char text[JMSG_LENGTH_MAX];
};

void on_error(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  info->err->format_message(info, errors->text);
  std::longjmp(errors->back, 1);
}

// Warnings are of damaged data, which libjpeg papers over with grey; two kinds are harmless.
void on_message(j_common_ptr info, int level) {
  const int code = info->err->msg_code;
  if (level >= 0 || code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM) return;
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  if (errors->warning == 0) info->err->format_message(info, errors->text);
  errors->warning = code;
}

enum class JpegOutcome { kDone, kDamaged, kColours, kSize };

// Header into `info`. No object with a destructor lives in the functions that longjmp may leave.
JpegOutcome read_header(jpeg_decompress_struct& info, JpegErrors& errors, std::string_view bytes) {
  if (setjmp(errors.back)) return JpegOutcome::kDamaged;
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&info, TRUE);
  if (info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK) return JpegOutcome::kColours;
  if (static_cast<int64_t>(info.image_height) > kMostPixels / std::max<int64_t>(1, info.image_width)) return JpegOutcome::kSize;
  info.out_color_space = JCS_RGB;
  return JpegOutcome::kDone;
}

JpegOutcome read_rows(jpeg_decompress_struct& info, JpegErrors& errors, uint8_t* pixels) {
  if (setjmp(errors.back)) return JpegOutcome::kDamaged;
  jpeg_start_decompress(&info);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = pixels + size_t{info.output_scanline} * info.output_width * 3;
    jpeg_read_scanlines(&info, &row, 1);
    if (errors.warning != 0) return JpegOutcome::kDamaged;  // a cut progressive file of hostile size would take long
  }
  jpeg_finish_decompress(&info);
  return errors.warning != 0 ? JpegOutcome::kDamaged : JpegOutcome::kDone;
}

Result<Image> decode_jpeg(std::string_view bytes, const std::string& label) {
  jpeg_decompress_struct info;
  JpegErrors errors{};
  info.err = jpeg_std_error(&errors.manager);
  errors.manager.error_exit = on_error;
  errors.manager.emit_message = on_message;
  jpeg_create_decompress(&info);
  struct Destroy {
    jpeg_decompress_struct* info;
    ~Destroy() { jpeg_destroy_decompress(info); }
  } destroy{&info};
  JpegOutcome outcome = read_header(info, errors, bytes);
  Image image;
  if (outcome == JpegOutcome::kDone) {
    SINTER_TRY(check_image_size(label, info.image_height, info.image_width));
    image = make_image(info.image_height, info.image_width);
    outcome = read_rows(info, errors, image.pixels.data());
  }
  switch (outcome) {
    case JpegOutcome::kDone: return image;
    case JpegOutcome::kColours: return bad_image(label, "is a CMYK JPEG, expected grey or YCbCr; convert it to RGB");
    case JpegOutcome::kSize: return check_image_size(label, info.image_height, info.image_width);
    case JpegOutcome::kDamaged: break;
  }
  return bad_image(label, fmt::format("is a damaged JPEG ({})", static_cast<const char*>(errors.text)));
}

Result<Image> decode_png(std::string_view bytes, const std::string& label) {
  const auto damaged = [&](int code) { return bad_image(label, fmt::format("is a damaged PNG ({})", spng_strerror(code))); };
  const std::unique_ptr<spng_ctx, void (*)(spng_ctx*)> context(spng_ctx_new(0), spng_ctx_free);
  if (!context) return make_error(Code::kOutOfMemory, "image '{}': no memory to decode it", label);
  constexpr size_t kMostChunkBytes = size_t{1} << 24;
  spng_set_chunk_limits(context.get(), kMostChunkBytes, kMostChunkBytes);
  if (int code = spng_set_png_buffer(context.get(), bytes.data(), bytes.size())) return damaged(code);
  spng_ihdr header;
  if (int code = spng_get_ihdr(context.get(), &header)) return damaged(code);
  SINTER_TRY(check_image_size(label, header.height, header.width));
  size_t size = 0;
  if (int code = spng_decoded_image_size(context.get(), SPNG_FMT_RGB8, &size)) return damaged(code);
  Image image;
  image.height = header.height, image.width = header.width;
  if (size != static_cast<size_t>(image.height * image.width * 3)) return bad_image(label, "has rows of an unexpected size");
  image.pixels.resize(size);
  if (int code = spng_decode_image(context.get(), image.pixels.data(), size, SPNG_FMT_RGB8, 0)) return damaged(code);
  return image;
}

}  // namespace

bool is_image_name(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == name.npos) return false;
  std::string ending(name.substr(dot));
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

Result<Image> decode_image(std::string_view bytes, const std::string& label) {
  if (bytes.starts_with("\xff\xd8\xff")) return decode_jpeg(bytes, label);
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return decode_png(bytes, label);
  if (bytes.starts_with("BM")) return decode_bmp(bytes, label);
  if (bytes.size() > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6') return decode_pnm(bytes, label);
  if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP")) return decode_webp(bytes, label);
  if (bytes.starts_with(std::string_view("II*\0", 4)) || bytes.starts_with(std::string_view("MM\0*", 4))) return decode_tiff(bytes, label);
  if (bytes.starts_with("\xff\x4f\xff\x51") || bytes.starts_with(std::string_view("\0\0\0\x0cjP  ", 8))) return decode_jpeg2000(bytes, label);
  return bad_image(label, bytes.empty() ? "is empty" : "is neither JPEG, PNG, BMP, PNM, WebP, TIFF nor JPEG 2000");
}

}  // namespace sinter::data
