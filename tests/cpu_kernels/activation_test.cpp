// Accuracy of the vectorised functions over all exponents, and their special values.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "cpu_kernels/support.h"

namespace sinter::cpu {
namespace {

float ulp(double x) {
  const float magnitude = static_cast<float>(std::abs(x));
  return std::nextafter(magnitude, std::numeric_limits<float>::infinity()) - magnitude;
}

// Every 997th float: about two million of each sign, all exponents.
std::vector<float> sample_floats() {
  std::vector<float> values;
  for (uint32_t bits = 0; bits < 0x7f800000u; bits += 997) {
    float x;
    std::memcpy(&x, &bits, sizeof(x));
    values.push_back(x);
    values.push_back(-x);
  }
  return values;
}

double worst_ulps(const KernelTable& table, Activation kind, const std::vector<float>& in) {
  const Epilogue e = with_activation(kind);
  double worst = 0;
  std::vector<float> out(in);
  for (size_t i = 0; i < out.size(); i += 4096) {
    const int n = static_cast<int>(std::min<size_t>(4096, out.size() - i));
    table.activate(out.data() + i, n, 1, n, e, 0, 0);
  }
  for (size_t i = 0; i < in.size(); ++i) {
    const double want = naive_activation(kind, in[i], e.alpha, e.beta);
    if (std::abs(want) > std::numeric_limits<float>::max()) {
      EXPECT_TRUE(std::isinf(out[i]) || kind == Activation::kGeluTanh) << in[i];
      continue;
    }
    // Below the normal range errors count in units of the smallest normal's ulp.
    const double unit = std::max(ulp(want), ulp(std::numeric_limits<float>::min()));
    const double error = std::abs(out[i] - want) / unit;
    if (!(error <= worst)) worst = error;
    if (std::isnan(out[i])) ADD_FAILURE() << "NaN for " << in[i] << " activation " << static_cast<int>(kind);
  }
  return worst;
}

TEST(Activation, Ulps) {
  const auto in = sample_floats();
  const std::pair<Activation, double> bounds[] = {{Activation::kExp, 2},  {Activation::kErf, 2}, {Activation::kTanh, 3},
                                                  {Activation::kSigmoid, 4}, {Activation::kElu, 2}};
  for (const KernelTable* table : all_tables()) {
    for (auto [kind, bound] : bounds) {
      const double worst = worst_ulps(*table, kind, in);
      const double slack = table->isa == Isa::kBaseline ? 2 : 1;  // no fused multiply-add on x86's baseline
      EXPECT_LE(worst, bound * slack) << isa_name(table->isa) << " activation " << static_cast<int>(kind);
    }
  }
}

// gelu and silu lose relative accuracy where they approach zero from below, as their formulas do in any float
// arithmetic; their error is bounded by an absolute one that is a few roundings of the argument.
TEST(Activation, AbsoluteError) {
  auto in = random_floats(100000, 5);
  for (size_t i = 0; i < in.size(); ++i) in[i] *= i % 2 == 0 ? 3.0f : 30.0f;
  for (const KernelTable* table : all_tables()) {
    for (int kind = 0; kind < kActivationCount; ++kind) {
      const Epilogue e = with_activation(static_cast<Activation>(kind));
      std::vector<float> out(in);
      table->activate(out.data(), 1000, 100, 1000, e, 0, 0);
      for (size_t i = 0; i < in.size(); ++i) {
        const double want = naive_activation(e.activation, in[i], e.alpha, e.beta);
        const double scale = std::max(std::abs(want), std::min(std::abs(double(in[i])), 6.0));
        ASSERT_NEAR(out[i], want, 4e-7 * scale) << isa_name(table->isa) << " activation " << kind << " x " << in[i];
      }
    }
  }
}

TEST(Activation, SpecialValues) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  for (const KernelTable* table : all_tables()) {
    for (int kind = 0; kind < kActivationCount; ++kind) {
      const Epilogue e = with_activation(static_cast<Activation>(kind));
      float v[3] = {nan, inf, -inf};
      table->activate(v, 3, 1, 3, e, 0, 0);
      EXPECT_TRUE(std::isnan(v[0])) << isa_name(table->isa) << " activation " << kind;
      EXPECT_EQ(v[1], static_cast<float>(naive_activation(e.activation, inf, e.alpha, e.beta)))
          << isa_name(table->isa) << " activation " << kind;
      const double low = naive_activation(e.activation, -inf, e.alpha, e.beta);  // NaN where the formula has -inf * 0
      if (!std::isnan(low)) {
        EXPECT_EQ(v[2], static_cast<float>(low)) << isa_name(table->isa) << " activation " << kind;
      }
    }
  }
}

}  // namespace
}  // namespace sinter::cpu
