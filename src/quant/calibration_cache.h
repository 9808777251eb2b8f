// TensorRT's calibration cache: a text of scales by tensor name, read and written exactly.
//
//   TRT-8601-EntropyCalibration2
//   images: 3c010a14
//
// The hex digits are the bits of the scale as an IEEE single, not zero-padded; range = 127 * scale. A name may hold colons: the last ": " ends it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "quant/calibrate.h"
#include "quant/calibration.h"

namespace sinter::quant {

// What caches of ours say of their version: TensorRT 8.6.1, the last that most users of implicit quantization have.
constexpr int kCacheVersion = 8601;

struct CalibrationCache {
  std::string header;     // the first line: "TRT-8601-EntropyCalibration2"
  std::string version;    // "8601"; "" when the first line is of another form
  std::string algorithm;  // "EntropyCalibration2"; "" too
  std::vector<std::pair<std::string, float>> scales;  // in the file's order; names are unique

  bool operator==(const CalibrationCache&) const = default;
};

// `label` (the file's name) begins each message, with the line's number. Any first line is accepted; the caller says which it was. Lines may end with
// CR LF. Refused: no first line, a name twice, digits that are no finite scale of at least 0.
Result<CalibrationCache> parse_calibration_cache(std::string_view text, const std::string& label);
// The inverse. kInvalidArgument: a name that the form can't hold (with a line end, or empty).
Result<std::string> to_text(const CalibrationCache& cache);

CalibrationCache to_cache(const Calibration& calibration, Algorithm algorithm);
Calibration to_calibration(const CalibrationCache& cache);

}  // namespace sinter::quant
