// Decoding of all kinds of pictures, and resampling against Pillow.
#include "data/image.h"

#include <gtest/gtest.h>

#include <span>

#include "data/pictures.h"
#include "data/preprocess.h"

namespace sinter::data {
namespace {

uint64_t hash(std::span<const uint8_t> bytes) {
  uint64_t h = 0xcbf29ce484222325;
  for (uint8_t byte : bytes) h = (h ^ byte) * 0x100000001b3;
  return h;
}

struct Resized {
  Interpolation how;
  int64_t height, width;
  uint64_t expected;
};

// hash() of Pillow 9.4's Image.resize((width, height), how) of the same picture.
constexpr Resized kPillow[] = {
    {Interpolation::kNearest, 11, 16, 0x3c935c19fec01749ull},
    {Interpolation::kNearest, 40, 50, 0x10a9daea70e2da34ull},
    {Interpolation::kNearest, 23, 9, 0x8b22d87a78a149e5ull},
    {Interpolation::kNearest, 7, 37, 0x0cec4bac5ad48166ull},
    {Interpolation::kNearest, 1, 1, 0x95e0fe18466756d6ull},
    {Interpolation::kBox, 11, 16, 0x2540d8818a742a07ull},
    {Interpolation::kBox, 40, 50, 0x10a9daea70e2da34ull},
    {Interpolation::kBox, 23, 9, 0xe7bab048415202c1ull},
    {Interpolation::kBox, 7, 37, 0xb965488739397ae6ull},
    {Interpolation::kBox, 1, 1, 0xa32434196f07b4bdull},
    {Interpolation::kBilinear, 11, 16, 0xd12740e545eb4fd6ull},
    {Interpolation::kBilinear, 40, 50, 0x74a15083c38df449ull},
    {Interpolation::kBilinear, 23, 9, 0xea97e6759e613537ull},
    {Interpolation::kBilinear, 7, 37, 0x987f207fa86dd585ull},
    {Interpolation::kBilinear, 1, 1, 0xa32735196f09ec47ull},
    {Interpolation::kBicubic, 11, 16, 0x44b585638ce58c3bull},
    {Interpolation::kBicubic, 40, 50, 0x0a667faa74f4dd29ull},
    {Interpolation::kBicubic, 23, 9, 0xa04fe4393552cb5full},
    {Interpolation::kBicubic, 7, 37, 0xdcd27f7f0c84615full},
    {Interpolation::kBicubic, 1, 1, 0xa32735196f09ec47ull},
    {Interpolation::kLanczos, 11, 16, 0xfefaca6d0c07c7ccull},
    {Interpolation::kLanczos, 40, 50, 0x389315c38ce74119ull},
    {Interpolation::kLanczos, 23, 9, 0xffd944efcb7b1b3eull},
    {Interpolation::kLanczos, 7, 37, 0x707c6a0d0f53cb0full},
    {Interpolation::kLanczos, 1, 1, 0xa32735196f09ec47ull},
};

TEST(Resize, EqualsPillowBitByBit) {
  const Image image = test::pattern(23, 37);
  for (const Resized& row : kPillow) {
    const Image resized = resize(image, row.height, row.width, row.how);
    EXPECT_EQ(resized.height, row.height);
    EXPECT_EQ(resized.width, row.width);
    EXPECT_EQ(hash(resized.pixels), row.expected) << static_cast<int>(row.how) << " " << row.height << "x" << row.width;
  }
  EXPECT_EQ(resize(image, 23, 37, Interpolation::kLanczos).pixels, image.pixels);
}

TEST(Preprocess, GreyIsPillows) {
  Preprocess grey;
  grey.color = Preprocess::Color::kGray;
  const Tensor tensor = apply(grey, test::pattern(23, 37), "p").value();
  EXPECT_EQ(tensor.dims(), (Dims{1, 1, 23, 37}));
  std::vector<uint8_t> bytes;
  for (int64_t i = 0; i < tensor.count(); ++i) bytes.push_back(static_cast<uint8_t>(tensor.data<float>()[i]));
  EXPECT_EQ(hash(bytes), 0x695e709de178b2a4ull);  // Pillow's convert("L")
}

TEST(Decode, PngOfEveryKind) {
  const Image image = test::pattern(9, 7);
  EXPECT_EQ(decode_image(test::png_of(image), "p.png").value().pixels, image.pixels);
  std::vector<uint8_t> rgba, rgb16, grey(63), grey_alpha, grey16;
  for (size_t i = 0; i < 63; ++i) {
    for (size_t c = 0; c < 3; ++c) {
      rgba.push_back(image.pixels[3 * i + c]);
      rgb16.insert(rgb16.end(), {image.pixels[3 * i + c], image.pixels[3 * i + c]});
    }
    rgba.push_back(static_cast<uint8_t>(i));
    grey[i] = static_cast<uint8_t>(i * 4);
    grey_alpha.insert(grey_alpha.end(), {grey[i], 7});
    grey16.insert(grey16.end(), {grey[i], grey[i]});
  }
  EXPECT_EQ(decode_image(test::png_bytes(9, 7, rgba, SPNG_COLOR_TYPE_TRUECOLOR_ALPHA, 8), "p").value().pixels, image.pixels);
  EXPECT_EQ(decode_image(test::png_bytes(9, 7, rgb16, SPNG_COLOR_TYPE_TRUECOLOR, 16), "p").value().pixels, image.pixels);
  for (const std::string& bytes : {test::png_bytes(9, 7, grey, SPNG_COLOR_TYPE_GRAYSCALE, 8), test::png_bytes(9, 7, grey_alpha, SPNG_COLOR_TYPE_GRAYSCALE_ALPHA, 8),
                                   test::png_bytes(9, 7, grey16, SPNG_COLOR_TYPE_GRAYSCALE, 16)}) {
    const Result<Image> decoded = decode_image(bytes, "p");
    ASSERT_TRUE(decoded.ok()) << decoded.status().to_string();
    for (size_t i = 0; i < 63 * 3; ++i) ASSERT_EQ(decoded->pixels[i], grey[i / 3]);
  }
}

TEST(Decode, JpegColourGreyAndProgressive) {
  const Image image = test::gradient(32, 48);
  for (bool progressive : {false, true}) {
    const Result<Image> decoded = decode_image(test::jpeg_bytes(32, 48, image.pixels, JCS_RGB, 3, progressive), "p.jpg");
    ASSERT_TRUE(decoded.ok()) << decoded.status().to_string();
    ASSERT_EQ(decoded->width, 48);
    for (size_t i = 0; i < image.pixels.size(); ++i) ASSERT_NEAR(decoded->pixels[i], image.pixels[i], 12) << i;
  }
  std::vector<uint8_t> grey(32 * 48);
  for (size_t i = 0; i < grey.size(); ++i) grey[i] = image.pixels[3 * i];
  const Image decoded = decode_image(test::jpeg_bytes(32, 48, grey, JCS_GRAYSCALE, 1), "p.jpg").value();
  for (size_t i = 0; i < grey.size(); ++i) {
    ASSERT_NEAR(decoded.pixels[3 * i], grey[i], 6);
    ASSERT_EQ(decoded.pixels[3 * i], decoded.pixels[3 * i + 2]);
  }
}

// 2 by 3 pixels of each kind of bitmap: rows are padded to four bytes and stand from the bottom unless the height is negative.
std::string bitmap(int bits, int32_t height, const std::string& palette, const std::string& rows) {
  const auto number = [](uint64_t value, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += static_cast<char>(value >> (8 * i));
    return text;
  };
  const auto colours = static_cast<uint32_t>(palette.size() / 4), start = static_cast<uint32_t>(54 + palette.size());
  return "BM" + number(start + static_cast<uint32_t>(rows.size()), 4) + number(0, 4) + number(start, 4) + number(40, 4) + number(3, 4) + number(static_cast<uint32_t>(height), 4) + number(1, 2) +
         number(static_cast<uint32_t>(bits), 2) + number(0, 4) + number(0, 4) + number(0, 8) + number(colours, 4) + number(0, 4) + palette + rows;
}

TEST(Decode, Bitmaps) {
  using namespace std::string_literals;
  const std::vector<uint8_t> wanted{1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 4, 5, 6, 1, 2, 3};
  const std::string palette = "\3\2\1\0\6\5\4\0"s;
  const std::string top = "\3\2\1\6\5\4\3\2\1\0\0\0"s, bottom = "\6\5\4\6\5\4\3\2\1\0\0\0"s;
  for (const std::string& bytes : {bitmap(24, 2, "", bottom + top), bitmap(24, -2, "", top + bottom), bitmap(8, 2, palette, "\1\1\0\0\0\1\0\0"s), bitmap(4, 2, palette, "\x11\0\0\0\x01\0\0\0"s),
                                   bitmap(1, 2, palette, "\xc0\0\0\0\x40\0\0\0"s), bitmap(32, -2, "", "\3\2\1\0\6\5\4\0\3\2\1\0\6\5\4\0\6\5\4\0\3\2\1\0"s)}) {
    const Result<Image> image = decode_image(bytes, "b");
    ASSERT_TRUE(image.ok()) << image.status().to_string();
    EXPECT_EQ(image->pixels, wanted);
    for (size_t length = 2; length < bytes.size(); ++length) EXPECT_FALSE(decode_image(bytes.substr(0, length), "b").ok()) << length;
  }
  EXPECT_FALSE(decode_image(bitmap(8, 2, palette, "\1\1\2\0\0\1\0\0"s), "beyond the palette").ok());
  EXPECT_FALSE(decode_image(bitmap(24, INT32_MIN, "", bottom + top), "hostile").ok());
  EXPECT_FALSE(decode_image(bitmap(16, 2, "", bottom + top), "16 bits").ok());
}

TEST(Decode, PortableMaps) {
  using namespace std::string_literals;
  const std::vector<uint8_t> grey{0, 0, 0, 255, 255, 255}, colours{255, 0, 0, 0, 128, 255};
  for (const std::string& bytes : {"P1 # two\n2 1\n10"s, "P2\n2 1 9\n0 9\n"s, "P4 2 1\n\x80"s, "P5 2 1 255\n\0\xff"s, "P5 2 1 65535\n\0\0\xff\xff"s}) {
    const Result<Image> image = decode_image(bytes, "p");
    ASSERT_TRUE(image.ok()) << image.status().to_string();
    EXPECT_EQ(image->pixels, grey) << bytes;
  }
  for (const std::string& bytes : {"P3 2 1 255 255 0 0 0 128 255"s, "P6 2 1 255\n\xff\0\0\0\x80\xff"s}) EXPECT_EQ(decode_image(bytes, "p").value().pixels, colours);
  for (const std::string& bytes : {"P6 2 1 255\n\xff"s, "P6 2 1 0\n"s, "P5 2 1 256\n\1\1\0\0"s, "P2 2 1 9 0 10"s, "P5 99999999999 1 255\n"s, "P5 100000 100000 255\n"s, "P5 0 1 255\n"s, "P6"s})
    EXPECT_FALSE(decode_image(bytes, "p").ok()) << bytes;
}

TEST(Decode, RefusalsNameTheFileAndTheReason) {
  const std::string jpeg = test::jpeg_of(test::gradient(64, 64)), png = test::png_of(test::pattern(64, 64));
  struct Bad {
    std::string bytes;
    const char* says;
  };
  const Bad rows[] = {{test::jpeg_bytes(8, 8, std::vector<uint8_t>(256, 9), JCS_CMYK, 4), "CMYK"}, {jpeg.substr(0, jpeg.size() / 2), "damaged JPEG"},
                      {png.substr(0, png.size() / 2), "damaged PNG"}, {"", "empty"}, {"GIF89a......", "neither JPEG, PNG"}, {jpeg.substr(0, 3), "damaged JPEG"}};
  for (const Bad& bad : rows) {
    const Result<Image> image = decode_image(bad.bytes, "some/file");
    ASSERT_FALSE(image.ok()) << bad.says;
    EXPECT_NE(image.status().message().find(bad.says), std::string::npos) << image.status().message();
    EXPECT_NE(image.status().message().find("some/file"), std::string::npos);
  }
  std::string huge = png;
  for (size_t at : {size_t{16}, size_t{20}}) huge.replace(at, 4, std::string("\x7f\xff\xff\xff", 4));
  EXPECT_FALSE(decode_image(huge, "huge").ok());
}

}  // namespace
}  // namespace sinter::data
