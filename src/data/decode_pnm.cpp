// Netpbm's P1 to P6: bits, greys and colours, as text or binary, with a maximum of up to 65535, scaled to 255.
#include "data/formats.h"

namespace sinter::data {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes), at_(2) {}

  // A number after spaces and comments; -1 where there is none or it is above 2^31.
  int64_t number() {
    skip_spaces();
    if (at_ >= bytes_.size() || !is_digit(bytes_[at_])) return -1;
    int64_t value = 0;
    for (; at_ < bytes_.size() && is_digit(bytes_[at_]); ++at_) {
      value = value * 10 + (bytes_[at_] - '0');
      if (value > INT32_MAX) return -1;
    }
    return value;
  }
  // A single 0 or 1: P1 needs no spaces between them.
  int64_t bit() {
    skip_spaces();
    return at_ < bytes_.size() && (bytes_[at_] == '0' || bytes_[at_] == '1') ? bytes_[at_++] - '0' : -1;
  }
  void skip_one() { ++at_; }
  // What is left, of bytes.
  std::string_view rest() const { return at_ < bytes_.size() ? bytes_.substr(at_) : std::string_view(); }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  void skip_spaces() {
    for (; at_ < bytes_.size(); ++at_) {
      const char c = bytes_[at_];
      if (c == '#') {
        while (at_ < bytes_.size() && bytes_[at_] != '\n') ++at_;
      } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\v' && c != '\f') {
        return;
      }
    }
  }

  std::string_view bytes_;
  size_t at_;
};

// Samples in order, -1 behind the end.
class Samples {
 public:
  Samples(Reader reader, int kind, int64_t maximum, int64_t width) : reader_(reader), data_(reader.rest()), kind_(kind), maximum_(maximum), width_(width) {}

  int64_t next() {
    if (kind_ == 1) return flip(reader_.bit());
    if (kind_ == 4) return next_packed_bit();
    if (kind_ < 4) return reader_.number();
    const size_t size = maximum_ > 255 ? 2 : 1;
    if (at_ + size > data_.size()) return -1;
    int64_t value = static_cast<uint8_t>(data_[at_]);
    if (size == 2) value = value << 8 | static_cast<uint8_t>(data_[at_ + 1]);
    at_ += size;
    return value;
  }

 private:
  static int64_t flip(int64_t bit) { return bit < 0 ? bit : 1 - bit; }  // 1 is black
  // Rows begin with whole bytes.
  int64_t next_packed_bit() {
    const auto row = static_cast<size_t>(count_ / width_), x = static_cast<size_t>(count_ % width_);
    const size_t byte = row * ((static_cast<size_t>(width_) + 7) / 8) + x / 8;
    ++count_;
    return byte < data_.size() ? flip(static_cast<uint8_t>(data_[byte]) >> (7 - x % 8) & 1) : -1;
  }

  Reader reader_;
  std::string_view data_;
  int kind_;
  int64_t maximum_, width_, count_ = 0;
  size_t at_ = 0;
};

}  // namespace

Result<Image> decode_pnm(std::string_view bytes, const std::string& label) {
  const int kind = bytes[1] - '0';
  Reader reader(bytes);
  const int64_t width = reader.number(), height = reader.number(), maximum = kind == 1 || kind == 4 ? 1 : reader.number();
  if (width < 0 || height < 0 || maximum < 1 || maximum > 65535) return bad_image(label, "is a damaged PNM picture");
  SINTER_TRY(check_image_size(label, static_cast<uint64_t>(height), static_cast<uint64_t>(width)));
  // A sample takes at least a bit: what is shorter is refused before memory is taken for it.
  if (static_cast<uint64_t>(height) * static_cast<uint64_t>(width) / 8 > bytes.size()) return bad_image(label, "is a PNM picture cut short");
  reader.skip_one();
  Samples samples(reader, kind, maximum, width);
  Image image = make_image(height, width);
  const bool grey = kind != 3 && kind != 6;
  for (int64_t i = 0; i < height * width * 3; ++i) {
    uint8_t& pixel = image.pixels[static_cast<size_t>(i)];
    if (grey && i % 3 != 0) {
      pixel = image.pixels[static_cast<size_t>(i - 1)];
      continue;
    }
    const int64_t sample = samples.next();
    if (sample < 0 || sample > maximum) return bad_image(label, "is a PNM picture cut short, or has a sample above its maximum");
    pixel = static_cast<uint8_t>((sample * 255 + maximum / 2) / maximum);
  }
  return image;
}

}  // namespace sinter::data
