// JPEG 2000 by OpenJPEG: grey or RGB of up to 16 bits a sample, alpha dropped.
#include <algorithm>
#include <cstring>
#include <memory>

#include "data/formats.h"

#ifdef SINTER_HAS_OPENJPEG
#include <openjpeg.h>
#endif

namespace sinter::data {

#ifdef SINTER_HAS_OPENJPEG
namespace {

struct Stream {
  std::string_view bytes;
  uint64_t at = 0;
};

OPJ_SIZE_T read_bytes(void* to, OPJ_SIZE_T size, void* user) {
  auto& stream = *static_cast<Stream*>(user);
  if (stream.at >= stream.bytes.size()) return static_cast<OPJ_SIZE_T>(-1);
  const auto count = std::min<uint64_t>(size, stream.bytes.size() - stream.at);
  std::memcpy(to, stream.bytes.data() + stream.at, count);
  stream.at += count;
  return static_cast<OPJ_SIZE_T>(count);
}
OPJ_OFF_T skip_bytes(OPJ_OFF_T count, void* user) {
  auto& stream = *static_cast<Stream*>(user);
  if (count < 0) return -1;
  stream.at = std::min<uint64_t>(stream.at + static_cast<uint64_t>(count), stream.bytes.size());
  return count;
}
OPJ_BOOL seek(OPJ_OFF_T place, void* user) {
  auto& stream = *static_cast<Stream*>(user);
  if (place < 0 || static_cast<uint64_t>(place) > stream.bytes.size()) return OPJ_FALSE;
  stream.at = static_cast<uint64_t>(place);
  return OPJ_TRUE;
}

bool is_plain(const opj_image_t& image) {
  if (image.numcomps == 0 || image.color_space == OPJ_CLRSPC_SYCC || image.color_space == OPJ_CLRSPC_EYCC || image.color_space == OPJ_CLRSPC_CMYK) return false;
  for (uint32_t c = 0; c < image.numcomps; ++c) {
    const opj_image_comp_t& part = image.comps[c];
    if (!part.data || part.w != image.comps[0].w || part.h != image.comps[0].h || part.prec < 1 || part.prec > 16) return false;
  }
  return true;
}

uint8_t to_byte(const opj_image_comp_t& part, size_t at) {
  const int32_t value = part.data[at] + (part.sgnd ? 1 << (part.prec - 1) : 0);
  const int32_t most = (1 << part.prec) - 1;
  return static_cast<uint8_t>((std::clamp(value, 0, most) * int64_t{255} + most / 2) / most);
}

}  // namespace

Result<Image> decode_jpeg2000(std::string_view bytes, const std::string& label) {
  Stream source{bytes};
  const bool bare = bytes.starts_with("\xff\x4f\xff\x51");
  const std::unique_ptr<opj_stream_t, void (*)(opj_stream_t*)> stream(opj_stream_default_create(OPJ_TRUE), [](opj_stream_t* s) { opj_stream_destroy(s); });
  const std::unique_ptr<opj_codec_t, void (*)(opj_codec_t*)> codec(opj_create_decompress(bare ? OPJ_CODEC_J2K : OPJ_CODEC_JP2), [](opj_codec_t* c) { opj_destroy_codec(c); });
  if (!stream || !codec) return make_error(Code::kOutOfMemory, "image '{}': no memory to decode it", label);
  opj_stream_set_user_data(stream.get(), &source, nullptr);
  opj_stream_set_user_data_length(stream.get(), bytes.size());
  opj_stream_set_read_function(stream.get(), read_bytes);
  opj_stream_set_skip_function(stream.get(), skip_bytes);
  opj_stream_set_seek_function(stream.get(), seek);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  opj_image_t* read = nullptr;
  const bool begun = opj_setup_decoder(codec.get(), &parameters) && opj_read_header(stream.get(), codec.get(), &read);
  const std::unique_ptr<opj_image_t, void (*)(opj_image_t*)> picture(read, [](opj_image_t* p) { opj_image_destroy(p); });
  if (!begun || !picture) return bad_image(label, "is a damaged JPEG 2000 picture");
  SINTER_TRY(check_image_size(label, picture->y1 - std::min(picture->y0, picture->y1), picture->x1 - std::min(picture->x0, picture->x1)));
  if (!opj_decode(codec.get(), stream.get(), picture.get()) || !opj_end_decompress(codec.get(), stream.get())) return bad_image(label, "is a damaged JPEG 2000 picture");
  if (!is_plain(*picture)) return bad_image(label, "is a JPEG 2000 picture of a kind that is not decoded, expected grey or RGB");
  Image image = make_image(picture->comps[0].h, picture->comps[0].w);
  const bool grey = picture->numcomps < 3;
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = to_byte(picture->comps[grey ? 0 : i % 3], i / 3);
  return image;
}
#else
Result<Image> decode_jpeg2000(std::string_view, const std::string& label) {
  return make_error(Code::kUnsupported, "image '{}': is JPEG 2000; expected a format that this build decodes; build with OpenJPEG", label);
}
#endif

}  // namespace sinter::data
