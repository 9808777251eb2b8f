// Damaged pictures and texts: an error or a good result, never a crash.
#include <gtest/gtest.h>

#include "../../fuzz/fuzz_targets.h"
#include "../data/pictures.h"
#include "quant/histogram.h"
#include "support/mutate.h"

namespace sinter {
namespace {

TEST(FuzzData, DamagedPicturesNeverCrash) {
  const data::Image image = test::pattern(33, 40);
  test::Mutator mutator({test::jpeg_of(image), test::jpeg_bytes(33, 40, image.pixels, JCS_RGB, 3, /*progressive=*/true), test::png_of(image),
                         test::png_bytes(33, 20, std::vector<uint8_t>(33 * 20, 5), SPNG_COLOR_TYPE_GRAYSCALE, 8)}, 4);
  for (uint64_t i = 0; i < 3000; ++i) {
    const auto mutation = mutator.at(i);
    SCOPED_TRACE("mutation " + std::to_string(i) + ": " + mutation.what);
    fuzz_image(reinterpret_cast<const uint8_t*>(mutation.bytes.data()), mutation.bytes.size());
  }
}

TEST(FuzzData, DamagedTextsNeverCrash) {
  quant::Histogram histogram;
  histogram.add(std::vector<float>{0, 1, 2, 3.5f});
  test::Mutator mutator({R"({"resize_short":256,"crop":[224,224],"color":"BGR","mean":[104,117,123],"std":[1,2,3],"layout":"NCHW","scale":0.5})",
                         "file,class_index,class_name\na.jpg,1,\"x, y\"\n", "TRT-8401-EntropyCalibration2\na: 3c010a14\n", histogram.to_text()}, 5);
  for (uint64_t i = 0; i < 6000; ++i) {
    const auto mutation = mutator.at(i);
    SCOPED_TRACE("mutation " + std::to_string(i) + ": " + mutation.what);
    fuzz_calibration_text(reinterpret_cast<const uint8_t*>(mutation.bytes.data()), mutation.bytes.size());
  }
}

}  // namespace
}  // namespace sinter
