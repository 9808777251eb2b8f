// Bytes outside of products on every instruction set that this machine has: quantization is the division's result, bit for bit, and sums of
// columns are exact.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "cpu/kernels/kernel_table.h"
#include "cpu/kernels/pointwise_steps.h"

namespace sinter::cpu {
namespace {

std::vector<Isa> isas() {
  std::vector<Isa> result;
  for (const Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Vnni, Isa::kDotprod}) {
    if (has_isa(isa)) result.push_back(isa);
  }
  return result;
}

// Halves of steps and their neighbours, where a quotient that is off by the last place would show, and what is out of range.
std::vector<float> values_around_halves(float divisor) {
  std::vector<float> values{0.0f, -0.0f, 1e-40f, std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest(), std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity()};
  for (int i = -600; i <= 600; ++i) {
    const float tie = static_cast<float>(i) * 0.5f * divisor;
    values.insert(values.end(), {tie, std::nextafter(tie, -1e30f), std::nextafter(tie, 1e30f)});
  }
  return values;
}

TEST(PointwiseBytes, QuantizationIsTheQuotients) {
  const ByteQuantization hows[] = {{1, 0, 0, 255, false}, {1, 131, 3, 250, false}, {1, -5, -100, 127, true}, {1, 0, -128, 127, true}};
  for (const Isa isa : isas()) {
    for (const float divisor : {0.013f, 1.0f / 3, 7.7e-5f, 0.99999994f, 1234.5f, 0.0078125f}) {
      const std::vector<float> values = values_around_halves(divisor);
      for (ByteQuantization how : hows) {
        how.divisor = divisor;
        for (const size_t n : {values.size(), size_t{1}, size_t{63}, size_t{80}}) {
          std::vector<uint8_t> got(n + 1, 77);
          pointwise_steps(isa).quantize(how, values.data(), static_cast<int64_t>(n), got.data());
          for (size_t i = 0; i < n; ++i) {
            const float whole = std::nearbyint(values[i] / divisor) + static_cast<float>(how.zero);
            const int want = static_cast<int>(std::clamp(whole, static_cast<float>(how.low), static_cast<float>(how.high)));
            ASSERT_EQ(how.is_signed ? static_cast<int8_t>(got[i]) : got[i], want) << isa_name(isa) << " " << values[i] << " / " << divisor;
          }
          ASSERT_EQ(got[n], 77);
        }
      }
    }
  }
}

TEST(PointwiseBytes, SumsOfColumns) {
  std::mt19937 random(1);
  for (const Isa isa : isas()) {
    for (const int64_t n : {1, 16, 31, 64, 100, 144}) {
      for (const int64_t pixels : {0, 1, 255, 257, 1000}) {
        const int64_t stride = n + 3;
        std::vector<uint8_t> source(static_cast<size_t>(pixels * stride + 1));
        for (uint8_t& byte : source) byte = random() % 4 == 0 ? 255 : static_cast<uint8_t>(random());
        for (const uint8_t flip : {0, 0x80}) {
          std::vector<int64_t> got(static_cast<size_t>(n), 5), want = got;
          for (int64_t i = 0; i < pixels * n; ++i) want[static_cast<size_t>(i % n)] += source[static_cast<size_t>(i / n * stride + i % n)] ^ flip;
          kernel_table(isa).sum_bytes(source.data(), stride, pixels, n, flip, got.data());
          ASSERT_EQ(got, want) << isa_name(isa) << " columns " << n << " pixels " << pixels;
        }
      }
    }
  }
}

}  // namespace
}  // namespace sinter::cpu
