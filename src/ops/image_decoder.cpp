// ImageDecoder: the bytes of a JPEG, PNG, BMP, PNM, WebP, TIFF or JPEG 2000 file as u8[height,width,channels], by signature. Bytes that are no picture give one of no
// pixels; a library without decoders, or without this format's, refuses. Greys are (19595 r + 38470 g + 7471 b) / 65536, rounded.
#include "core/picture.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace image_decoder_impl {

template <typename Context>
Status check_format(const Context& context, const std::string& format) {
  if (format == "RGB" || format == "BGR" || format == "Grayscale") return ok_status();
  return context.error(fmt::format("pixel_format is '{}': expected RGB, BGR or Grayscale; correct the model", format));
}

Status infer(InferContext& context) {
  const std::string& format = context.attributes().s("pixel_format");
  SINTER_TRY(check_format(context, format));
  const Dim channels(format == "Grayscale" ? 1 : 3);
  context.set_output(0, ValueType::tensor(DType::kU8, Shape{context.fresh_symbol("height"), context.fresh_symbol("width"), channels}));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const std::string& format = context.attributes().s("pixel_format");
  SINTER_TRY(check_format(context, format));
  const PictureDecoder decode = picture_decoder();
  if (!decode) return context.error("this library has no decoders of pictures: expected libsinter, which has; load the engine with it");
  const Tensor& bytes = context.tensor(0);
  Result<Picture> decoded = decode({static_cast<const char*>(bytes.raw()), static_cast<size_t>(bytes.count())});
  if (!decoded.ok() && decoded.status().code() == Code::kUnsupported) return context.error(decoded.status().message());
  const Picture picture = decoded.ok() ? std::move(decoded).value() : Picture();
  const int64_t channels = format == "Grayscale" ? 1 : 3, pixels = picture.height * picture.width;
  uint8_t* out = context.allocate(0, DType::kU8, {picture.height, picture.width, channels}).data<uint8_t>();
  for (int64_t i = 0; i < pixels; ++i) {
    const uint8_t* rgb = picture.pixels.data() + 3 * i;
    if (channels == 1) {
      out[i] = static_cast<uint8_t>((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 32768u) >> 16);
      continue;
    }
    const bool reversed = format == "BGR";
    for (int c = 0; c < 3; ++c) out[3 * i + c] = rgb[reversed ? 2 - c : c];
  }
  return ok_status();
}

}  // namespace image_decoder_impl

OpDef define_image_decoder() {
  OpDef op("ImageDecoder", 20);
  op.input("encoded_stream", "T1").output("image", "T2").type("T1", dtype_bit(DType::kU8)).type("T2", dtype_bit(DType::kU8)).attr("pixel_format", std::string("RGB"));
  op.infer = image_decoder_impl::infer;
  op.evaluate = image_decoder_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
