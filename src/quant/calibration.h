// Calibration: the outcome of calibrating a network: which range each of its tensors is quantized with.
#pragma once

#include <map>
#include <string>

#include "quant/histogram.h"

namespace sinter::quant {

struct Calibration {
  // What chose the ranges: "entropy", "minmax", "percentile 99.99", "mse"; of a cache file the text of its first line.
  std::string algorithm;
  // By the tensor's name in the ONNX model (one value of the optimised graph may stand for several, each then has its entry): range = 127 * scale,
  // symmetric. 0: the tensor was all zero, or the cache says so; any positive scale then represents it.
  std::map<std::string, float, std::less<>> ranges;
  // What the ranges were chosen from, when it was asked for (to try several algorithms per tensor); keys as in ranges.
  std::map<std::string, Histogram, std::less<>> histograms;
  int64_t samples = 0;  // what the statistics are of; 0: unknown (a cache)
};

}  // namespace sinter::quant
