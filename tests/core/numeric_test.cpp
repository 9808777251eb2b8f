#include "core/numeric.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "core/layout.h"
#include "core/type.h"

namespace sinter {
namespace {

TEST(Half, every_value_survives_the_round_trip) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = half_to_float(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value))));
    } else {
      ASSERT_EQ(float_to_half(value), half);
    }
    const float wide = bfloat16_to_float(half);
    if (!std::isnan(wide)) {
      ASSERT_EQ(float_to_bfloat16(wide), half);
    }
  }
}

// The nearest representable neighbour, ties to the even code, for any increasing table of values indexed by code.
template <typename Decode, typename Encode>
void check_rounding(int codes, Decode decode, Encode encode) {
  for (int code = 0; code + 1 < codes; ++code) {
    const double low = decode(code), high = decode(code + 1);
    const auto middle = static_cast<float>((low + high) / 2);
    const int even = code % 2 == 0 ? code : code + 1;
    ASSERT_EQ(encode(middle), even) << "tie between codes " << code << " and " << code + 1;
    ASSERT_EQ(encode(std::nextafter(middle, 0.0f)), code);
    ASSERT_EQ(encode(std::nextafter(middle, HUGE_VALF)), code + 1);
  }
}

TEST(Half, rounds_to_nearest_even_everywhere) {
  check_rounding(0x7c00, [](int c) { return half_to_float(static_cast<uint16_t>(c)); }, [](float v) { return int{float_to_half(v)}; });
  EXPECT_EQ(float_to_half(65519.9f), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
  EXPECT_EQ(float_to_half(-1e30f), 0xfc00);
  EXPECT_EQ(float_to_half(-0.0f), 0x8000);
  EXPECT_EQ(float_to_half(1e-9f), 0);
}

struct Small {
  DType type;
  int codes;  // finite magnitudes
  float largest;
};
const std::vector<Small> kSmall = {
    {DType::kF8E4M3FN, 0x7f, 448},    {DType::kF8E4M3FNUZ, 0x80, 240}, {DType::kF8E5M2, 0x7c, 57344},
    {DType::kF8E5M2FNUZ, 0x80, 57344}, {DType::kF4E2M1, 8, 6},          {DType::kF6E2M3, 32, 7.5f},
    {DType::kF6E3M2, 32, 28},
};

TEST(SmallFloat, rounds_to_nearest_even_and_round_trips) {
  for (const Small& s : kSmall) {
    SCOPED_TRACE(std::string(dtype_name(s.type)));
    const auto decode = [&](int code) { return small_float_to_float(s.type, static_cast<uint8_t>(code)); };
    check_rounding(s.codes, decode, [&](float v) { return int{float_to_small_float(s.type, v)}; });
    EXPECT_EQ(decode(s.codes - 1), s.largest);
    const int sign = 1 << (dtype_bits(s.type) - 1);
    for (int code = 1; code < s.codes; ++code) {
      ASSERT_EQ(float_to_small_float(s.type, -decode(code)), sign | code);
      ASSERT_EQ(decode(sign | code), -decode(code));
    }
  }
}

TEST(SmallFloat, overflow_follows_the_cast_tables) {
  const float inf = HUGE_VALF;
  for (const Small& s : kSmall) {
    for (const float value : {inf, 1e30f}) {
      EXPECT_EQ(small_float_to_float(s.type, float_to_small_float(s.type, value)), s.largest) << dtype_name(s.type);
      EXPECT_EQ(small_float_to_float(s.type, float_to_small_float(s.type, -value)), -s.largest) << dtype_name(s.type);
    }
  }
  EXPECT_EQ(float_to_small_float(DType::kF8E4M3FN, 500, false), 0x7f);
  EXPECT_EQ(float_to_small_float(DType::kF8E4M3FN, -inf, false), 0xff);
  EXPECT_EQ(float_to_small_float(DType::kF8E5M2, inf, false), 0x7c);
  EXPECT_EQ(float_to_small_float(DType::kF8E5M2, -1e9f, false), 0xfc);
  EXPECT_EQ(float_to_small_float(DType::kF8E4M3FNUZ, inf, false), 0x80);
  EXPECT_EQ(float_to_small_float(DType::kF8E5M2FNUZ, -inf, false), 0x80);
  EXPECT_EQ(float_to_small_float(DType::kF8E4M3FNUZ, -0.0f), 0);
  EXPECT_EQ(float_to_small_float(DType::kF8E4M3FNUZ, -1e-7f), 0);
  EXPECT_EQ(float_to_small_float(DType::kF8E4M3FN, -0.0f), 0x80);
  const float nan = std::nanf("");
  for (const DType type : {DType::kF8E4M3FN, DType::kF8E4M3FNUZ, DType::kF8E5M2, DType::kF8E5M2FNUZ, DType::kF8E8M0}) {
    EXPECT_TRUE(std::isnan(small_float_to_float(type, float_to_small_float(type, nan)))) << dtype_name(type);
  }
  EXPECT_EQ(float_to_small_float(DType::kF4E2M1, nan), 8);
}

TEST(SmallFloat, e8m0_rounds_up) {
  for (int code = 0; code < 255; ++code) {
    const float value = small_float_to_float(DType::kF8E8M0, static_cast<uint8_t>(code));
    ASSERT_EQ(value, std::ldexp(1.0f, code - 127));
    ASSERT_EQ(float_to_small_float(DType::kF8E8M0, value), code);
    ASSERT_EQ(float_to_small_float(DType::kF8E8M0, std::nextafter(value, HUGE_VALF)), std::min(code + 1, 254));
  }
  EXPECT_EQ(float_to_small_float(DType::kF8E8M0, HUGE_VALF), 254);
  EXPECT_EQ(float_to_small_float(DType::kF8E8M0, HUGE_VALF, false), 255);
  EXPECT_EQ(float_to_small_float(DType::kF8E8M0, 0), 0);
}

TEST(DType, names_and_sizes) {
  for (int i = 1; i < kDTypeCount; ++i) {
    const auto type = static_cast<DType>(i);
    EXPECT_EQ(parse_dtype(dtype_name(type)), type);
  }
  EXPECT_EQ(parse_dtype("undefined"), std::nullopt);
  EXPECT_EQ(dtype_bytes(DType::kI4, 3), 2);
  EXPECT_EQ(dtype_bytes(DType::kF6E2M3, 5), 4);
  EXPECT_EQ(dtype_bytes(DType::kU2, 0), 0);
  EXPECT_EQ(dtype_bytes(DType::kF64, 3), 24);
  EXPECT_EQ(dtype_bytes(DType::kI4, INT64_MAX), int64_t{1} << 62);
}

TEST(Layout, names_and_padded_sizes) {
  for (int i = 0; i < kLayoutCount; ++i) EXPECT_EQ(parse_layout(layout_name(static_cast<Layout>(i))), static_cast<Layout>(i));
  EXPECT_EQ(physical_count(Layout::kChannelsBlocked16, Dims{2, 17, 3, 3}), 2 * 32 * 9);
  EXPECT_EQ(physical_count(Layout::kChannelsBlocked8, Dims{2, 17, 3, 3}), 2 * 24 * 9);
  EXPECT_EQ(physical_count(Layout::kChannelsLast, Dims{2, 17, 3, 3}), 2 * 17 * 9);
  const Dim c = Dim::symbol("c");
  EXPECT_EQ(physical_count(Layout::kChannelsBlocked8, Shape{2, c, 3}).evaluate({{"c", 9}}), 2 * 16 * 3);
}

TEST(ValueType, text_round_trip_and_hostile_text) {
  for (const char* text : {"f32[1,3,h,w]", "f32[*]", "i64[]", "?", "seq(f32[*])", "optional(seq(bool[floordiv(h+1,2),3]))", "seq(?)"}) {
    const auto type = ValueType::parse(text);
    ASSERT_TRUE(type.ok()) << text;
    EXPECT_EQ(type->to_string(), text);
    EXPECT_EQ(*type, *ValueType::parse(type->to_string()));
  }
  std::string nested;
  for (int i = 0; i < 5000; ++i) nested += "seq(";
  for (const std::string& text : {std::string(), std::string("f32"), std::string("f33[1]"), std::string("f32[1"), std::string("f32[1,]"),
                                  std::string("seq(f32[1]"), std::string("f32[(]"), nested}) {
    EXPECT_FALSE(ValueType::parse(text).ok()) << text.substr(0, 20);
  }
}

}  // namespace
}  // namespace sinter
