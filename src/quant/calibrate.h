// Ranges from histograms: the algorithms of calibration. All are symmetric: scale = range / 127.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "quant/histogram.h"

namespace sinter::quant {

enum class Algorithm : uint8_t {
  kEntropy,     // least Kullback-Leibler divergence of 128 levels from the distribution
  kMinMax,      // the largest |x|
  kPercentile,  // the smallest bin edge that covers so many percent of |x|
  kMse,         // least mean squared error of quantization, values taken as even within a bin
};

std::string_view algorithm_name(Algorithm algorithm);  // "entropy", "minmax", "percentile", "mse"
std::optional<Algorithm> parse_algorithm(std::string_view name);
// As the first line of TensorRT's cache says it: "EntropyCalibration2", "MinMaxCalibration"; percentile is "LegacyCalibration" and MSE, which TensorRT
// has not, "EntropyCalibration2".
std::string_view cache_algorithm(Algorithm algorithm);

struct RangeOptions {
  Algorithm algorithm = Algorithm::kEntropy;
  double percentile = 99.99;  // kPercentile: above 0, at most 100
};
// "entropy", "percentile 99.99".
std::string to_string(const RangeOptions& options);

// The range of a tensor with these values; 0 when all are zero or there are none.
float choose_range(const Histogram& histogram, const RangeOptions& options);

// Mean squared error of x against its 8-bit value with this range, from the histogram.
double quantization_error(const Histogram& histogram, double range);

}  // namespace sinter::quant
