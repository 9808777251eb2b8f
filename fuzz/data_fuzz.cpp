#include "data/image.h"
#include "data/labels.h"
#include "data/preprocess.h"
#include "fuzz_targets.h"
#include "quant/calibration_cache.h"

int fuzz_image(const uint8_t* data, size_t size) {
  (void)sinter::data::decode_image({reinterpret_cast<const char*>(data), size}, "fuzz");
  return 0;
}

int fuzz_calibration_text(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)sinter::data::parse_preprocess(text, "fuzz");
  (void)sinter::data::Labels::parse(text, "fuzz");
  (void)sinter::quant::parse_calibration_cache(text, "fuzz");
  (void)sinter::quant::Histogram::parse(text);
  return 0;
}
