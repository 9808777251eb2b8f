#include "core/dim.h"

#include <gtest/gtest.h>

#include <random>

namespace sinter {
namespace {

const Dim h = Dim::symbol("h"), w = Dim::symbol("w"), batch = Dim::symbol("batch");

TEST(Dim, equal_polynomials_are_equal) {
  EXPECT_EQ(Dim(2) * (batch + 3), Dim(6) + Dim(2) * batch);
  EXPECT_EQ((h + w) * (h - w), h * h - w * w);
  EXPECT_EQ(h - h, Dim(0));
  EXPECT_TRUE((h - h).is_constant());
  EXPECT_NE(h, w);
  EXPECT_NE(h * w, h + w);
}

TEST(Dim, text_of_common_forms) {
  EXPECT_EQ(batch.to_string(), "batch");
  EXPECT_EQ((Dim(2) * h + 3).to_string(), "2*h+3");
  EXPECT_EQ(floordiv(h + 1, 2).to_string(), "floordiv(h+1,2)");
  EXPECT_EQ((Dim(0) - h).to_string(), "-h");
  EXPECT_EQ(to_string(Shape{batch, 3, Dim(2) * h}), "[batch,3,2*h]");
  EXPECT_EQ(to_string(Dims{}), "[]");
}

TEST(Dim, symbol_names_are_made_safe) {
  EXPECT_EQ(Dim::symbol("batch size-1").symbol_name(), "batch_size_1");
  EXPECT_EQ(Dim::symbol("").symbol_name(), "_");
  EXPECT_EQ(Dim::symbol("3d").symbol_name(), "_3d");
  EXPECT_EQ((h + 1).symbol_name(), "");
}

TEST(Dim, quotients_are_simplified) {
  EXPECT_EQ(floordiv(h * w * 6, h * 2), w * 3);
  EXPECT_EQ(floordiv(Dim(4) * h + 2, 2), Dim(2) * h + 1);
  EXPECT_EQ(floordiv(Dim(4) * h + 3, 2), Dim(2) * h + 1);
  EXPECT_EQ(floordiv(floordiv(h + 1, 2) + 1, 2), floordiv(h + 3, 4));
  EXPECT_EQ(floordiv(h * h - w * w, h + w), h - w);
  EXPECT_EQ(floordiv(batch * floordiv(h + 1, 2), batch), floordiv(h + 1, 2));
  EXPECT_EQ(mod(Dim(4) * h, 4), Dim(0));
  EXPECT_EQ(mod(Dim(4) * h + 6, 4), Dim(2));
  EXPECT_EQ(mod(h * w, w), Dim(0));
  EXPECT_EQ(ceildiv(h, 16), floordiv(h + 15, 16));
  EXPECT_EQ(floordiv(Dim(-7), 2), Dim(-4));
  EXPECT_EQ(mod(Dim(-7), 2), Dim(1));
  EXPECT_EQ(mod(Dim(7), -2), Dim(-1));
}

TEST(Dim, min_and_max_decide_when_they_can) {
  EXPECT_EQ(max(h, 0), h);
  EXPECT_EQ(max(min(h, w), h), h);  // absorption: what broadcasting a slice of an axis with the axis gives
  EXPECT_EQ(max(max(h, w), w), max(h, w));
  EXPECT_EQ(min(max(h, w), min(h, w)), min(h, w));
  EXPECT_EQ(min(h, h + 1), h);
  EXPECT_EQ(max(h + w, h), h + w);
  EXPECT_EQ(min(h, w), min(w, h));
  EXPECT_FALSE(max(h, 1).is_constant());
}

TEST(Dim, arithmetic_saturates_and_evaluation_refuses_overflow) {
  const Dim big = INT64_MAX;
  EXPECT_EQ(big + 1, big);
  EXPECT_EQ(big * 2, big);
  EXPECT_EQ((h * h).evaluate({{"h", int64_t{1} << 40}}), std::nullopt);
  EXPECT_EQ(product(Dims{INT64_MAX, 8, 0}), 0);
  EXPECT_EQ(product(Dims{INT64_MAX, 8}), INT64_MAX);
  EXPECT_EQ(floordiv(Dim(INT64_MIN), Dim(-1)).value(), INT64_MAX);
  EXPECT_EQ(floordiv(h, w).evaluate({{"h", 4}, {"w", 0}}), std::nullopt);
  EXPECT_EQ(h.evaluate({}), std::nullopt);
  const Dim odd = Dim(INT64_MIN) * h;
  EXPECT_TRUE(floordiv(odd, Dim(-1) * h).is_constant());
}

TEST(Dim, growth_is_bounded) {
  Dim product = 1, chain = h;
  for (int i = 0; i < 40; ++i) {
    product = product * (Dim::symbol("s" + std::to_string(i)) + 1);
    chain = mod(max(chain, w) * h, w + i);
  }
  EXPECT_LE(product.to_string().size(), 70000u);
  EXPECT_LE(chain.to_string().size(), 70000u);
  EXPECT_EQ(product.evaluate({}), std::nullopt);
}

// A random expression and the value it must have for given bindings, computed beside it.
struct Sample {
  Dim dim;
  int64_t value;
};

Sample random_sample(std::mt19937& random, const Bindings& bindings, int depth) {
  const int kind = static_cast<int>(random() % (depth == 0 ? 2 : 9));
  if (kind == 0) {
    const auto value = static_cast<int64_t>(random() % 9);
    return {value, value};
  }
  if (kind == 1) {
    const char* names[] = {"h", "w", "batch"};
    const char* name = names[random() % 3];
    return {Dim::symbol(name), bindings.find(name)->second};
  }
  const Sample a = random_sample(random, bindings, depth - 1), b = random_sample(random, bindings, depth - 1);
  const auto positive = static_cast<int64_t>(random() % 6) + 1;
  const auto floored = [](int64_t x, int64_t y) { return x / y - (x % y != 0 && (x < 0) != (y < 0)); };
  switch (kind) {
    case 2: return {a.dim + b.dim, a.value + b.value};
    case 3: return {a.dim - b.dim, a.value - b.value};
    case 4: return {a.dim * b.dim, a.value * b.value};
    case 5: return {floordiv(a.dim, positive), floored(a.value, positive)};
    case 6: return {mod(a.dim, positive), a.value - positive * floored(a.value, positive)};
    case 7: return {min(a.dim, b.dim), std::min(a.value, b.value)};
    default: return {max(a.dim, b.dim), std::max(a.value, b.value)};
  }
}

TEST(Dim, random_expressions_keep_their_value_text_bounds_and_substitution) {
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    const Bindings bindings{{"h", random() % 20}, {"w", random() % 20}, {"batch", random() % 5}};
    const Sample sample = random_sample(random, bindings, 4);
    if (sample.dim.to_string().find("too_large") != std::string::npos) continue;
    ASSERT_EQ(sample.dim.evaluate(bindings), sample.value) << sample.dim.to_string();
    const auto parsed = Dim::parse(sample.dim.to_string());
    ASSERT_TRUE(parsed.ok()) << parsed.status().to_string();
    EXPECT_EQ(*parsed, sample.dim);
    EXPECT_EQ(parsed->to_string(), sample.dim.to_string());
    const DimRange range = sample.dim.bounds({{"h", {0, 19}}, {"w", {0, 19}}, {"batch", {0, 4}}});
    EXPECT_LE(range.min, sample.value) << sample.dim.to_string();
    EXPECT_GE(range.max, sample.value) << sample.dim.to_string();
    std::map<std::string, Dim, std::less<>> replacements;
    for (const auto& [name, value] : bindings) replacements[name] = value;
    const Dim constant = sample.dim.substitute(replacements);
    ASSERT_TRUE(constant.is(sample.value)) << sample.dim.to_string() << " gave " << constant.to_string();
  }
}

TEST(Dim, parse_refuses_hostile_text) {
  for (const char* text : {"", "2*", "h+", "floordiv(h)", "floordiv(h,2", "sin(h)", "99999999999999999999", "h h", "(h", "h)", "min(,)", "[h]"}) {
    EXPECT_FALSE(Dim::parse(text).ok()) << text;
  }
  EXPECT_FALSE(Dim::parse(std::string(100000, '(')).ok());
  EXPECT_FALSE(Dim::parse(std::string(4000, '(') + "h").ok());
  std::mt19937 random(3);
  const std::string alphabet = "h12w+-*(),floordivmnax ";
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (size_t i = random() % 40; i > 0; --i) text += alphabet[random() % alphabet.size()];
    const auto dim = Dim::parse(text);
    if (dim.ok()) {
      const auto again = Dim::parse(dim->to_string());
      ASSERT_TRUE(again.ok()) << text << " printed " << dim->to_string();
      EXPECT_EQ(*again, *dim) << text;
    }
  }
}

TEST(Shape, broadcast_follows_numpy) {
  EXPECT_EQ(*broadcast(Dims{3, 1, 5}, Dims{4, 1}), (Dims{3, 4, 5}));
  EXPECT_EQ(*broadcast(Dims{}, Dims{2}), (Dims{2}));
  EXPECT_EQ(*broadcast(Dims{0}, Dims{1}), (Dims{0}));
  const auto error = broadcast(Dims{2, 3}, Dims{4});
  ASSERT_FALSE(error.ok());
  EXPECT_NE(error.status().message().find("[2,3]"), std::string::npos);
  EXPECT_NE(error.status().message().find("[4]"), std::string::npos);
  EXPECT_EQ(*broadcast(Shape{batch, 1}, Shape{h}), (Shape{batch, h}));
  EXPECT_EQ(*broadcast(Shape{h}, Shape{w}), (Shape{max(h, w)}));
  EXPECT_EQ(*broadcast(Shape{h}, Shape{7}), (Shape{7}));
}

}  // namespace
}  // namespace sinter
