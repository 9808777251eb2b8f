#include "data/preprocess.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/files.h"

namespace sinter::data {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMostSide = 1 << 16;
constexpr std::string_view kKeys = "resize_short, resize_long, resize, pad, pad_value, crop, color, scale, mean, std, layout, interpolation";

// Reads the keys one after another; the first problem stays.
class Reader {
 public:
  Reader(const Json& json, const std::string& label) : json_(json), label_(label) {}

  Status status = ok_status();

  void fail(std::string_view key, std::string_view expected) {
    if (!status.ok()) return;
    const std::string found = json_.contains(key) ? json_[std::string(key)].dump(-1, ' ', false, Json::error_handler_t::replace) : "nothing";
    status = make_error(Code::kInvalidArgument, "preprocessing '{}': \"{}\" is {}, expected {}; correct the file", label_, key, found.substr(0, 100), expected);
  }
  const Json* find(std::string_view key) const {
    const auto it = json_.find(key);
    return it == json_.end() ? nullptr : &*it;
  }
  static bool is_side(const Json& value) { return value.is_number_integer() && value.get<double>() >= 1 && value.get<double>() <= kMostSide; }
  void side(std::string_view key, std::optional<int64_t>& out) {
    const Json* value = find(key);
    if (!value) return;
    if (!is_side(*value)) return fail(key, fmt::format("an integer from 1 to {}", kMostSide));
    out = value->get<int64_t>();
  }
  void size(std::string_view key, std::optional<Size>& out) {
    const Json* value = find(key);
    if (!value) return;
    if (!value->is_array() || value->size() != 2 || !is_side((*value)[0]) || !is_side((*value)[1])) {
      return fail(key, fmt::format("[height, width], integers from 1 to {}", kMostSide));
    }
    out = Size{(*value)[0].get<int64_t>(), (*value)[1].get<int64_t>()};
  }
  void number(std::string_view key, double& out) {
    const Json* value = find(key);
    if (!value) return;
    if (!value->is_number() || !std::isfinite(value->get<double>())) return fail(key, "a number");
    out = value->get<double>();
  }
  void numbers(std::string_view key, int64_t channels, std::vector<double>& out) {
    const Json* value = find(key);
    if (!value) return;
    const Json list = value->is_array() ? *value : Json::array({*value});
    const bool length = list.size() == 1 || list.size() == static_cast<size_t>(channels);
    if (!length || !std::all_of(list.begin(), list.end(), [](const Json& item) { return item.is_number() && std::isfinite(item.get<double>()); })) {
      return fail(key, fmt::format("a number, or a list of {} numbers (one a channel)", channels));
    }
    out = list.get<std::vector<double>>();
  }
  // The index of the text among `names`, -1 when the key is not there.
  int choice(std::string_view key, std::initializer_list<const char*> names) {
    const Json* value = find(key);
    if (!value) return -1;
    int index = 0;
    std::string all;
    for (const char* name : names) {
      if (value->is_string() && value->get_ref<const std::string&>() == name) return index;
      all += fmt::format("{}\"{}\"", index++ ? ", " : "", name);
    }
    fail(key, "one of " + all);
    return -1;
  }

 private:
  const Json& json_;
  const std::string& label_;
};

// Adds borders below and to the right.
Image padded(const Image& image, const Size& size, uint8_t value) {
  Image result{size.height, size.width, std::vector<uint8_t>(static_cast<size_t>(size.height * size.width * 3), value)};
  for (int64_t y = 0; y < image.height; ++y) std::copy_n(image.row(y), image.width * 3, result.row(y));
  return result;
}

Image cropped(const Image& image, const Size& size) {
  const int64_t top = (image.height - size.height) / 2, left = (image.width - size.width) / 2;
  Image result{size.height, size.width, std::vector<uint8_t>(static_cast<size_t>(size.height * size.width * 3))};
  for (int64_t y = 0; y < size.height; ++y) std::copy_n(image.row(top + y) + left * 3, size.width * 3, result.row(y));
  return result;
}

Result<Image> shape(const Preprocess& preprocess, Image image, const std::string& label) {
  const auto to = [&](int64_t height, int64_t width) -> Status {
    if (height > kMostPixels / width) {
      return make_error(Code::kInvalidArgument, "image '{}': {} x {} would become {} x {}, expected at most {} pixels; its proportions, or the size asked for, are too extreme",
                        label, image.height, image.width, height, width, kMostPixels);
    }
    image = resize(image, height, width, preprocess.interpolation);
    return ok_status();
  };
  if (preprocess.resize_short) {
    const int64_t side = *preprocess.resize_short, shorter = std::min(image.height, image.width), longer = std::max(image.height, image.width);
    const int64_t other = side * longer / shorter;
    SINTER_TRY(image.height <= image.width ? to(side, other) : to(other, side));
  }
  if (preprocess.resize_long) {
    const int64_t side = *preprocess.resize_long, shorter = std::min(image.height, image.width), longer = std::max(image.height, image.width);
    const int64_t other = std::max<int64_t>(1, (2 * side * shorter + longer) / (2 * longer));
    SINTER_TRY(image.height >= image.width ? to(side, other) : to(other, side));
  }
  if (preprocess.resize) SINTER_TRY(to(preprocess.resize->height, preprocess.resize->width));
  if (const auto& pad = preprocess.pad) {
    if (image.height > pad->height || image.width > pad->width) {
      return make_error(Code::kInvalidArgument, "image '{}': {} x {} after resizing, expected at most {} x {} to pad to; resize it smaller", label, image.height,
                        image.width, pad->height, pad->width);
    }
    image = padded(image, *pad, static_cast<uint8_t>(std::clamp(std::lround(preprocess.pad_value), 0l, 255l)));
  }
  if (const auto& crop = preprocess.crop) {
    if (image.height < crop->height || image.width < crop->width) {
      return make_error(Code::kInvalidArgument, "image '{}': {} x {} after resizing, expected at least the crop's {} x {}; resize it larger", label, image.height,
                        image.width, crop->height, crop->width);
    }
    image = cropped(image, *crop);
  }
  return image;
}

double of_channel(const std::vector<double>& values, int64_t channel, double otherwise) {
  return values.empty() ? otherwise : values[values.size() == 1 ? 0 : static_cast<size_t>(channel)];
}

}  // namespace

Result<Preprocess> parse_preprocess(std::string_view text, const std::string& label) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return make_error(Code::kInvalidArgument, "preprocessing '{}': {}, expected a JSON object with keys of {}", label, json.is_discarded() ? "no valid JSON" : "no object", kKeys);
  }
  for (const auto& item : json.items()) {
    if ((", " + std::string(kKeys) + ",").find(", " + item.key() + ",") == std::string::npos) {
      return make_error(Code::kInvalidArgument, "preprocessing '{}': unknown key \"{}\", expected {}; correct the file", label, item.key().substr(0, 100), kKeys);
    }
  }
  Reader reader(json, label);
  Preprocess result;
  reader.side("resize_short", result.resize_short);
  reader.side("resize_long", result.resize_long);
  reader.size("resize", result.resize);
  reader.size("pad", result.pad);
  reader.number("pad_value", result.pad_value);
  if (result.pad_value < 0 || result.pad_value > 255) reader.fail("pad_value", "a pixel value from 0 to 255");
  reader.size("crop", result.crop);
  result.color = static_cast<Preprocess::Color>(std::max(0, reader.choice("color", {"RGB", "BGR", "GRAY"})));
  reader.number("scale", result.scale);
  reader.numbers("mean", result.channels(), result.mean);
  reader.numbers("std", result.channels(), result.std);
  if (std::find(result.std.begin(), result.std.end(), 0.0) != result.std.end()) reader.fail("std", "numbers other than 0");
  result.channels_last = reader.choice("layout", {"NCHW", "NHWC"}) == 1;
  constexpr Interpolation kHow[] = {Interpolation::kBilinear, Interpolation::kBicubic, Interpolation::kLanczos, Interpolation::kBox, Interpolation::kNearest};
  result.interpolation = kHow[std::max(0, reader.choice("interpolation", {"bilinear", "bicubic", "lanczos", "box", "nearest"}))];
  if (result.resize_short.has_value() + result.resize_long.has_value() + result.resize.has_value() > 1) {
    reader.fail(result.resize ? "resize" : "resize_long", "only one of resize_short, resize_long and resize");
  }
  SINTER_TRY(std::move(reader.status));
  return result;
}

Result<Preprocess> read_preprocess(const std::string& path) {
  SINTER_ASSIGN(const std::string text, read_file(path));
  return parse_preprocess(text, path);
}

Result<Tensor> apply(const Preprocess& preprocess, Image given, const std::string& label) {
  SINTER_ASSIGN(const Image image, shape(preprocess, std::move(given), label));
  const int64_t channels = preprocess.channels(), height = image.height, width = image.width, pixels = height * width;
  Tensor tensor(DType::kF32, preprocess.channels_last ? Dims{1, height, width, channels} : Dims{1, channels, height, width});
  for (int64_t channel = 0; channel < channels; ++channel) {
    // Each of the 256 values once.
    float values[256];
    const auto mean = static_cast<float>(of_channel(preprocess.mean, channel, 0)), divisor = static_cast<float>(of_channel(preprocess.std, channel, 1));
    for (int x = 0; x < 256; ++x) values[x] = (static_cast<float>(x * preprocess.scale) - mean) / divisor;
    float* to = tensor.data<float>() + (preprocess.channels_last ? channel : channel * pixels);
    const int64_t stride = preprocess.channels_last ? channels : 1;
    const uint8_t* from = image.pixels.data();
    if (preprocess.color == Preprocess::Color::kGray) {
      for (int64_t i = 0; i < pixels; ++i, from += 3) to[i * stride] = values[(from[0] * 19595 + from[1] * 38470 + from[2] * 7471 + 0x8000) >> 16];
    } else {
      from += preprocess.color == Preprocess::Color::kBgr ? 2 - channel : channel;
      for (int64_t i = 0; i < pixels; ++i) to[i * stride] = values[from[i * 3]];
    }
  }
  return tensor;
}

}  // namespace sinter::data
