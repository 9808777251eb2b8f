// The JSON of preprocessing, and its arithmetic.
#include "data/preprocess.h"

#include <gtest/gtest.h>

#include "data/pictures.h"

namespace sinter::data {
namespace {

TEST(Preprocess, SqueezeNets) {
  const Result<Preprocess> p = parse_preprocess(R"({"resize_short": 40, "crop": [24, 32], "color": "BGR", "mean": [104, 117, 123], "layout": "NCHW"})", "p");
  ASSERT_TRUE(p.ok()) << p.status().to_string();
  const Image image = test::pattern(40, 53);  // of that short side already: no resampling
  const Tensor tensor = apply(*p, image, "i").value();
  ASSERT_EQ(tensor.dims(), (Dims{1, 3, 24, 32}));
  const float means[] = {104, 117, 123};
  for (int64_t c = 0; c < 3; ++c) {
    for (int64_t y = 0; y < 24; ++y) {
      for (int64_t x = 0; x < 32; ++x) {
        const float expected = static_cast<float>(image.row(y + 8)[(x + 10) * 3 + 2 - c]) - means[c];
        ASSERT_EQ(tensor.data<float>()[(c * 24 + y) * 32 + x], expected);
      }
    }
  }
}

TEST(Preprocess, ScaleMeanStdAndChannelsLast) {
  const Preprocess p = parse_preprocess(R"({"resize":[5,6],"scale":0.00392156862745098,"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225],"layout":"NHWC","interpolation":"bicubic"})", "p").value();
  const Tensor tensor = apply(p, test::pattern(9, 11), "i").value();
  ASSERT_EQ(tensor.dims(), (Dims{1, 5, 6, 3}));
  const Image image = resize(test::pattern(9, 11), 5, 6, Interpolation::kBicubic);
  const double mean[] = {0.485, 0.456, 0.406}, deviation[] = {0.229, 0.224, 0.225};
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    ASSERT_NEAR(tensor.data<float>()[i], (image.pixels[i] / 255.0 - mean[i % 3]) / deviation[i % 3], 1e-5);
  }
}

TEST(Preprocess, DetectorsSquashOrPad) {
  const Preprocess squash = parse_preprocess(R"({"resize":[24,32],"mean":127,"std":[128]})", "p").value();
  const Tensor a = apply(squash, test::pattern(50, 90), "i").value();
  EXPECT_EQ(a.dims(), (Dims{1, 3, 24, 32}));
  EXPECT_EQ(a.data<float>()[0], (static_cast<float>(resize(test::pattern(50, 90), 24, 32, Interpolation::kBilinear).pixels[0]) - 127) / 128);
  const Preprocess box = parse_preprocess(R"({"resize_long":64,"pad":[64,64],"color":"BGR"})", "p").value();
  const Tensor b = apply(box, test::pattern(50, 100), "i").value();
  ASSERT_EQ(b.dims(), (Dims{1, 3, 64, 64}));
  const Image small = resize(test::pattern(50, 100), 32, 64, Interpolation::kBilinear);
  EXPECT_EQ(b.data<float>()[31 * 64 + 63], small.row(31)[63 * 3 + 2]);
  EXPECT_EQ(b.data<float>()[32 * 64], 0);
}

TEST(Preprocess, ShortSideRoundsDownAsTorchvision) {
  const Preprocess p = parse_preprocess(R"({"resize_short":256})", "p").value();
  EXPECT_EQ(apply(p, test::pattern(500, 333), "i").value().dims(), (Dims{1, 3, 384, 256}));
  EXPECT_EQ(apply(p, test::pattern(333, 500), "i").value().dims(), (Dims{1, 3, 256, 384}));
}

TEST(Preprocess, MistakesNameTheKey) {
  struct Bad {
    const char* json;
    const char* says;
  };
  for (const Bad& bad : {Bad{"", "no valid JSON"}, Bad{"[1]", "no object"}, Bad{R"({"crops":[1,2]})", "unknown key \"crops\""}, Bad{R"({"resize":224})", "\"resize\""},
                         Bad{R"({"resize":[224]})", "[height, width]"}, Bad{R"({"resize_short":"256"})", "\"resize_short\""}, Bad{R"({"resize_short":0})", "from 1"},
                         Bad{R"({"resize_short":2.5})", "\"resize_short\""}, Bad{R"({"crop":[1e9,2]})", "\"crop\""}, Bad{R"({"color":"rgb"})", "\"RGB\", \"BGR\""},
                         Bad{R"({"mean":[1,2]})", "list of 3"}, Bad{R"({"std":[1,0,1]})", "other than 0"}, Bad{R"({"color":"GRAY","mean":[1,2,3]})", "list of 1"},
                         Bad{R"({"layout":1})", "\"NCHW\""}, Bad{R"({"resize":[2,2],"resize_short":2})", "only one"}, Bad{R"({"pad_value":256})", "0 to 255"},
                         Bad{R"({"interpolation":"area"})", "bilinear"}, Bad{R"({"scale":null})", "\"scale\""}, Bad{R"({"resize": [2, 2], "": 1})", "unknown key"}}) {
    const Result<Preprocess> p = parse_preprocess(bad.json, "file.json");
    ASSERT_FALSE(p.ok()) << bad.json;
    EXPECT_NE(p.status().message().find(bad.says), std::string::npos) << p.status().message();
    EXPECT_NE(p.status().message().find("file.json"), std::string::npos);
  }
  const Preprocess crop = parse_preprocess(R"({"crop":[10,10]})", "p").value(), pad = parse_preprocess(R"({"pad":[10,10]})", "p").value();
  EXPECT_FALSE(apply(crop, test::pattern(9, 20), "i").ok());
  EXPECT_FALSE(apply(pad, test::pattern(9, 20), "i").ok());
  EXPECT_FALSE(apply(parse_preprocess(R"({"resize_short":60000})", "p").value(), test::pattern(9, 20), "i").ok());
}

}  // namespace
}  // namespace sinter::data
