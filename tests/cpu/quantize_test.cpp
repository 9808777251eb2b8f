// QuantizeLinear and DequantizeLinear of all types that are stored in 8 and 16 bits, bit for bit.
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

constexpr DType kFloat8[] = {DType::kF8E4M3FN, DType::kF8E4M3FNUZ, DType::kF8E5M2, DType::kF8E5M2FNUZ};
constexpr DType kIntegers[] = {DType::kI8, DType::kU8, DType::kI16, DType::kU16};

Tensor zero_of(DType dtype, Dims dims = {}) { return (is_float(dtype) ? Tensor(DType::kF32, dims) : random_integers(DType::kI64, dims, is_signed(dtype) ? -20 : 0, 40, 3)).cast(dtype); }

// Ties of every kind: each number of the type, halfway to the next and just beside it; subnormals, beyond the largest, infinities, NaN.
Tensor hard_values(DType dtype) {
  std::vector<float> values{0.0f, -0.0f, 1e-30f, -1e-30f, 1e30f, -1e30f, INFINITY, -INFINITY, NAN, 448, 464, 465, 57344, 61440, 61441, -464, 240, 248};
  for (int code = 0; code < 256; ++code) {
    const float a = small_float_to_float(dtype, static_cast<uint8_t>(code)), b = small_float_to_float(dtype, static_cast<uint8_t>(code + 1));
    const float middle = a + (b - a) / 2;
    for (const float v : {a, middle, std::nextafter(middle, 1e9f), std::nextafter(middle, -1e9f)}) values.push_back(v);
  }
  Tensor tensor(DType::kF32, {static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), tensor.data<float>());
  return tensor;
}

TEST(Quantize, every_float8_rounds_to_nearest_even) {
  for (const DType dtype : kFloat8) {
    for (const int64_t saturate : {1, 0}) {
      for (const float scale : {1.0f, 0.37f}) {
        check(TacticRow("QuantizeLinear").attr("saturate", saturate).input(hard_values(dtype)).input(Tensor::scalar(DType::kF32, scale)).input(zero_of(dtype)), {});
      }
    }
    check(TacticRow("QuantizeLinear").input(random_tensor({3, 7, 9, 131}, 5, 40, true)).input(Tensor::scalar(DType::kF32, 0.3f)).input(zero_of(dtype)), {});
    Tensor codes(DType::kU8, {1, 16, 16, 1});
    for (int i = 0; i < 256; ++i) codes.data<uint8_t>()[i] = static_cast<uint8_t>(i);
    Tensor bits(dtype, codes.dims());
    std::memcpy(bits.raw(), codes.raw(), 256);
    check(TacticRow("DequantizeLinear").input(bits).input(Tensor::scalar(DType::kF32, 0.37f)).input(zero_of(dtype)), {});
  }
}

TEST(Quantize, scales_for_all_along_axes_and_in_blocks) {
  for (const DType dtype : {DType::kI8, DType::kU8, DType::kI16, DType::kU16, DType::kF8E4M3FN}) {
    const Tensor x = random_tensor({4, 6, 10, 33}, 1, 300, true);
    for (const int64_t axis : {0, 1, -1}) {
      const Dims one{x.dims()[static_cast<size_t>(axis < 0 ? 3 : axis)]};
      Tensor scales = random_tensor(one, 2);
      for (int64_t i = 0; i < scales.count(); ++i) scales.data<float>()[i] = 0.01f + std::abs(scales.data<float>()[i]);
      const auto row = [&](const char* op) { return TacticRow(op).attr("axis", axis); };
      check(row("QuantizeLinear").input(x).input(scales).input(zero_of(dtype, one)), {});
      const Tensor whole = is_float(dtype) ? x.cast(dtype) : random_integers(DType::kI64, x.dims(), is_signed(dtype) ? -100 : 0, 120, 4).cast(dtype);
      check(row("DequantizeLinear").input(whole).input(scales).input(zero_of(dtype, one)), {});
    }
    const Dims blocks{4, 6, 3, 33};
    Tensor scales = random_tensor(blocks, 2);
    for (int64_t i = 0; i < scales.count(); ++i) scales.data<float>()[i] = 0.01f + std::abs(scales.data<float>()[i]);
    check(TacticRow("QuantizeLinear").attr("axis", int64_t{2}).attr("block_size", int64_t{4}).input(x).input(scales).input(zero_of(dtype, blocks)), {});
  }
}

TEST(Quantize, half_precision_on_either_side) {
  for (const DType dtype : {DType::kI8, DType::kU16, DType::kF8E5M2}) {
    for (const DType half : {DType::kF16, DType::kBF16}) {
      const Tensor x = random_tensor({2, 5, 64}, 1, 30, true).cast(half), scale = Tensor::scalar(DType::kF32, 0.23f).cast(half);
      check(TacticRow("QuantizeLinear").input(x).input(scale).input(zero_of(dtype)), {});
      check(TacticRow("QuantizeLinear").attr("precision", int64_t{static_cast<int>(DType::kF32)}).input(x).input(scale).input(zero_of(dtype)), {});
      check(TacticRow("DequantizeLinear").input(x.cast(DType::kF32).cast(dtype)).input(scale).input(zero_of(dtype)), {});
    }
  }
}

TEST(Quantize, ends_of_the_integers) {
  for (const DType dtype : kIntegers) {
    Tensor x(DType::kF32, {14});
    const float values[] = {-1e30f, 1e30f, -32768.5f, 32767.5f, 65535.5f, 65536.5f, 127.5f, 128.5f, -128.5f, 0.5f, 1.5f, -0.5f, NAN, INFINITY};
    std::copy(std::begin(values), std::end(values), x.data<float>());
    for (const int64_t zero : {int64_t{0}, int64_t{is_signed(dtype) ? -128 : 255}, int64_t{100}}) {
      check(TacticRow("QuantizeLinear").input(x).input(Tensor::scalar(DType::kF32, 1.0f)).input(Tensor::scalar(DType::kI64, zero).cast(dtype)), {});
    }
  }
  check(TacticRow("DequantizeLinear").input(random_integers(DType::kI32, {3, 50}, -2000000000, 2000000000, 7)).input(Tensor::scalar(DType::kF32, 1e-5f)), {});
}

}  // namespace
}  // namespace sinter::testing
