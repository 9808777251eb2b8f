// Separable resampling with the filters and the fixed-point rounding that make it equal to Pillow's.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "data/image.h"

namespace sinter::data {
namespace {

// Weights have this many bits after the point, so that 8-bit sums fit 32 bits.
constexpr int kFraction = 22;

double support_of(Interpolation how) {
  switch (how) {
    case Interpolation::kBox: return 0.5;
    case Interpolation::kBilinear: return 1;
    case Interpolation::kBicubic: return 2;
    case Interpolation::kLanczos: return 3;
    case Interpolation::kNearest: break;
  }
  return 0;
}

double sinc(double x) { return x == 0 ? 1 : std::sin(x * std::numbers::pi) / (x * std::numbers::pi); }

double weight_of(Interpolation how, double x) {
  if (how == Interpolation::kBox) return x > -0.5 && x <= 0.5 ? 1 : 0;
  if (how == Interpolation::kLanczos) return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
  x = std::fabs(x);
  if (how == Interpolation::kBilinear) return x < 1 ? 1 - x : 0;
  constexpr double kA = -0.5;  // Keys' cubic convolution
  if (x < 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * kA : 0;
}

// What one element of the result takes: weights of the elements from `first` on.
struct Taps {
  int64_t first = 0;
  std::vector<int32_t> weights;
};

std::vector<Taps> make_taps(int64_t from, int64_t to, Interpolation how) {
  const double scale = static_cast<double>(from) / static_cast<double>(to), widened = std::max(scale, 1.0);
  const double support = support_of(how) * widened;
  std::vector<Taps> all(static_cast<size_t>(to));
  for (int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const int64_t begin = std::max<int64_t>(0, static_cast<int64_t>(centre - support + 0.5));
    const int64_t end = std::min<int64_t>(from, static_cast<int64_t>(centre + support + 0.5));
    std::vector<double> weights;
    double sum = 0;
    for (int64_t x = begin; x < end; ++x) {
      weights.push_back(weight_of(how, (static_cast<double>(x) - centre + 0.5) * (1 / widened)));
      sum += weights.back();
    }
    Taps& taps = all[static_cast<size_t>(i)];
    taps.first = begin;
    for (double weight : weights) {
      const double fixed = (sum != 0 ? weight * (1 / sum) : weight) * (1 << kFraction);
      taps.weights.push_back(static_cast<int32_t>(fixed < 0 ? fixed - 0.5 : fixed + 0.5));
    }
  }
  return all;
}

uint8_t to_byte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kFraction, 0, 255)); }

Image resize_rows(const Image& image, int64_t width, Interpolation how) {
  const std::vector<Taps> all = make_taps(image.width, width, how);
  Image result{image.height, width, std::vector<uint8_t>(static_cast<size_t>(image.height * width * 3))};
  for (int64_t y = 0; y < image.height; ++y) {
    uint8_t* to = result.row(y);
    for (const Taps& taps : all) {
      int32_t sum[3] = {1 << (kFraction - 1), 1 << (kFraction - 1), 1 << (kFraction - 1)};
      const uint8_t* from = image.row(y) + taps.first * 3;
      for (int32_t weight : taps.weights) {
        for (int channel = 0; channel < 3; ++channel) sum[channel] += *from++ * weight;
      }
      for (int channel = 0; channel < 3; ++channel) *to++ = to_byte(sum[channel]);
    }
  }
  return result;
}

Image resize_columns(const Image& image, int64_t height, Interpolation how) {
  const std::vector<Taps> all = make_taps(image.height, height, how);
  Image result{height, image.width, std::vector<uint8_t>(static_cast<size_t>(height * image.width * 3))};
  const int64_t length = image.width * 3;
  std::vector<int32_t> sums(static_cast<size_t>(length));
  for (int64_t y = 0; y < height; ++y) {
    const Taps& taps = all[static_cast<size_t>(y)];
    std::fill(sums.begin(), sums.end(), 1 << (kFraction - 1));
    for (size_t k = 0; k < taps.weights.size(); ++k) {
      const uint8_t* from = image.row(taps.first + static_cast<int64_t>(k));
      for (int64_t x = 0; x < length; ++x) sums[static_cast<size_t>(x)] += from[x] * taps.weights[k];
    }
    std::transform(sums.begin(), sums.end(), result.row(y), to_byte);
  }
  return result;
}

Image resize_nearest(const Image& image, int64_t height, int64_t width) {
  Image result{height, width, std::vector<uint8_t>(static_cast<size_t>(height * width * 3))};
  const auto place = [](int64_t i, int64_t from, int64_t to) {
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    return std::min(from - 1, static_cast<int64_t>((static_cast<double>(i) + 0.5) * scale));
  };
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t* from = image.row(place(y, image.height, height));
    for (int64_t x = 0; x < width; ++x) std::copy_n(from + place(x, image.width, width) * 3, 3, result.row(y) + x * 3);
  }
  return result;
}

}  // namespace

Image resize(const Image& image, int64_t height, int64_t width, Interpolation how) {
  if (how == Interpolation::kNearest) return resize_nearest(image, height, width);
  if (width == image.width) return height == image.height ? image : resize_columns(image, height, how);
  const Image wide = resize_rows(image, width, how);
  return height == wide.height ? wide : resize_columns(wide, height, how);
}

}  // namespace sinter::data
