// Integer products: sums are exact and the scale is one f32 product, so f32 results are equal bit by bit; a fused quantization may differ by one step.
#include "cuda/environment.h"
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

int low_of(DType dtype) { return dtype == DType::kI8 ? -128 : 0; }
int high_of(DType dtype) { return dtype == DType::kI8 ? 127 : 255; }
Tensor bytes(DType dtype, const Dims& dims, uint32_t seed) { return random_integers(dtype, dims, low_of(dtype), high_of(dtype), seed); }
Tensor zero(DType dtype, int value) { return random_integers(dtype, {1}, value, value, 1); }
Tensor scales(int64_t count) {
  Tensor out = random_tensor({count}, 9, 0.01f);
  for (int64_t i = 0; i < count; ++i) out.data<float>()[i] = 0.001f + std::fabs(out.data<float>()[i]);
  return out;
}

// A GPU's compiler makes one rounding of a product and a sum.
constexpr Tolerance kOneStep{0, 1};

struct Case {
  Dims x, w;
  std::vector<int64_t> strides, pads, dilations;
  int64_t group = 1;
};
const std::vector<Case> kCases = {{{2, 32, 9, 7}, {24, 32, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
                                  {{1, 24, 11, 8}, {16, 24, 3, 2}, {2, 1}, {0, 1, 2, 0}, {1, 2}},
                                  {{2, 64, 7, 5}, {40, 64, 1, 1}, {2, 2}, {0, 0, 0, 0}, {1, 1}},
                                  {{1, 32, 6, 6}, {48, 8, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 4},
                                  {{1, 5, 6, 7}, {7, 5, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
                                  {{1, 3, 13, 11}, {16, 3, 5, 5}, {2, 2}, {2, 2, 2, 2}, {1, 1}}};

struct Zeros {
  int x = 0, w = 0;
  bool constant = true;  // of x
  bool per_filter = false;
};

TacticRow conv(const Case& c, Tensor x, Tensor w, const Zeros& zeros = {}, bool bias = true) {
  TacticRow row("QuantizedConv", "sinter");
  row.attr("kernel_shape", std::vector<int64_t>(c.w.begin() + 2, c.w.end()));
  row.attr("strides", c.strides).attr("pads", c.pads).attr("dilations", c.dilations).attr("group", c.group);
  const DType a = x.dtype(), b = w.dtype();
  row.input(std::move(x)).constant_input(std::move(w)).constant_input(scales(c.w[0]));
  if (zeros.x == 0 && zeros.constant) row.absent();
  else row.add(Value(zero(a, zeros.x)), zeros.constant);
  if (zeros.per_filter) row.constant_input(bytes(b, {c.w[0]}, 77));
  else if (zeros.w == 0) row.absent();
  else row.constant_input(zero(b, zeros.w));
  if (bias) row.constant_input(random_integers(DType::kI32, {c.w[0]}, -100000, 100000, 5));
  return row;
}

TEST(QuantizedConv, filters_strides_pads_dilations_and_groups) {
  for (const Case& c : kCases) check(conv(c, bytes(DType::kI8, c.x, 1), bytes(DType::kI8, c.w, 2)), {});
  const Case line = {{2, 16, 37}, {8, 16, 5}, {2}, {2, 2}, {1}};
  check(conv(line, bytes(DType::kU8, line.x, 1), bytes(DType::kI8, line.w, 2)), {});
}

// As ConvDense.many_tiles.
TEST(QuantizedConv, many_tiles) {
  if (!on_real_gpu()) GTEST_SKIP() << "the mock has neither such blocks nor the patience for so many tiles";
  const std::vector<Case> cases = {{{1, 48, 97, 91}, {200, 48, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
                                   {{1, 16, 67, 61}, {264, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}}};
  for (const Case& c : cases) {
    check(conv(c, bytes(DType::kI8, c.x, 1), bytes(DType::kI8, c.w, 2)), {});
    TacticRow row = conv(c, bytes(DType::kU8, c.x, 1), bytes(DType::kI8, c.w, 2), {.x = 3});
    row.with_epilogue("2 | const(0.05) mul(1,2) add(0,3) relu(4) const(9) div(5,6) round(7) const(0) const(255) clip(8,9,10) | 11",
                      {bytes(DType::kU8, {c.x[0], c.w[0], c.x[2], c.x[3]}, 4)})
        .attr(std::string(kEpilogueTypeAttr), static_cast<int64_t>(DType::kU8));
    check(row, kOneStep);
  }
}

TEST(QuantizedConv, signs_and_zero_points_at_both_ends) {
  for (const Case* c : {&kCases[0], &kCases[4]}) {
    for (const DType x : {DType::kU8, DType::kI8}) {
      for (const Zeros& zeros : {Zeros{low_of(x), 0}, Zeros{high_of(x), 7}, Zeros{3, 0, false}, Zeros{high_of(x), 0, false, true}}) {
        if (c != &kCases[0] && x == DType::kI8) continue;
        check(conv(*c, bytes(x, c->x, 1), bytes(DType::kI8, c->w, 2), zeros), {});
      }
    }
    check(conv(*c, bytes(DType::kU8, c->x, 1), bytes(DType::kU8, c->w, 2), {0, 128}), {});
    check(conv(*c, bytes(DType::kI8, c->x, 1), bytes(DType::kU8, c->w, 2), {-128, 255}, false), {});
    check(conv(*c, bytes(DType::kU8, c->x, 1), bytes(DType::kU8, c->w, 2), {200, 0, true, true}), {});
  }
}

TEST(QuantizedConv, groups_with_zero_points) {
  const Case& c = kCases[3];
  check(conv(c, bytes(DType::kU8, c.x, 1), bytes(DType::kI8, c.w, 2), {9, 0}), {});
  check(conv(c, bytes(DType::kU8, c.x, 1), bytes(DType::kU8, c.w, 2), {200, 0, false, true}), {});
}

TEST(QuantizedConv, one_filter_a_channel) {
  const std::string quantize = "2 | add(0,1) const(0.3) div(2,3) round(4) const(7) add(5,6) const(-128) const(127) clip(7,8,9) | 10";
  for (const int64_t channels : {24, 13}) {
    const Case c = {{2, channels, 9, 11}, {channels, 1, 3, 3}, {2, 1}, {1, 1, 1, 1}, {1, 1}, channels};
    for (const DType x : {DType::kU8, DType::kI8}) {
      for (const Zeros& zeros : {Zeros{}, Zeros{high_of(x), -128}, Zeros{low_of(x), 127, false}, Zeros{3, 0, true, true}}) {
        TacticRow row = conv(c, bytes(x, c.x, 1), bytes(DType::kI8, c.w, 2), zeros);
        check(row, {});
        row.with_epilogue(quantize, {bytes(DType::kI8, {2, channels, 5, 11}, 4)}).attr(std::string(kEpilogueTypeAttr), static_cast<int64_t>(DType::kI8));
        check(row, kOneStep);
      }
    }
  }
  const Case dilated = {{1, 16, 12, 12}, {16, 1, 5, 5}, {1, 1}, {2, 4, 2, 0}, {1, 2}, 16};
  check(conv(dilated, random_integers(DType::kU8, dilated.x, 255, 255, 1), random_integers(DType::kU8, dilated.w, 255, 255, 1)), {});
}

TEST(QuantizedConv, images_of_few_channels) {
  const Case c = {{2, 3, 21, 37}, {24, 3, 7, 7}, {2, 2}, {3, 3, 3, 3}, {1, 1}}, words = {{2, 3, 19, 40}, {24, 3, 7, 7}, {2, 2}, {3, 3, 3, 3}, {1, 1}};
  for (const DType x : {DType::kU8, DType::kI8}) {
    check(conv(words, bytes(x, words.x, 1), bytes(DType::kI8, words.w, 2), {.x = 3}), {});
    for (const Zeros& zeros : {Zeros{}, Zeros{high_of(x), 0}, Zeros{low_of(x), 3, false}, Zeros{3, 0, true, true}}) {
      check(conv(c, bytes(x, c.x, 1), bytes(DType::kI8, c.w, 2), zeros), {});
    }
    TacticRow row = conv(c, random_integers(x, c.x, high_of(x), high_of(x), 1), random_integers(DType::kI8, c.w, -128, -128, 2));
    row.with_epilogue("1 | relu(0) const(35) div(1,2) round(3) const(-128) add(4,5) const(127) clip(6,5,7) | 8").attr(std::string(kEpilogueTypeAttr), static_cast<int64_t>(DType::kI8));
    check(row, kOneStep);
  }
}

// The largest products, all of one sign.
TEST(QuantizedConv, extremes) {
  const Case& c = kCases[0];
  for (const int value : {-128, 127}) {
    check(conv(c, random_integers(DType::kI8, c.x, -128, -128, 1), random_integers(DType::kI8, c.w, value, value, 1)), {});
    check(conv(c, random_integers(DType::kU8, c.x, 255, 255, 1), random_integers(DType::kI8, c.w, value, value, 1), {0, 0}), {});
    check(conv(c, random_integers(DType::kU8, c.x, 255, 255, 1), random_integers(DType::kI8, c.w, value, value, 1), {255, value}), {});
  }
}

// With the bias a sum may leave 32 bits.
TEST(QuantizedConv, biases_at_the_ends_of_their_type) {
  const Case& c = kCases[0];
  for (const int64_t bias : {int64_t{INT32_MAX}, int64_t{INT32_MIN}}) {
    TacticRow row = conv(c, random_integers(DType::kI8, c.x, 100, 127, 1), random_integers(DType::kI8, c.w, bias < 0 ? -127 : 100, bias < 0 ? -100 : 127, 1), {-128, 0}, false);
    check(TacticRow(row).constant_input(random_integers(DType::kI32, {c.w[0]}, bias, bias, 5)), {});
  }
}

TEST(QuantizedConv, fused_quantization_and_residuals) {
  for (const size_t i : {size_t{0}, size_t{2}, size_t{4}}) {
    const Case& c = kCases[i];
    TacticRow probe = conv(c, bytes(DType::kI8, c.x, 1), bytes(DType::kI8, c.w, 2));
    const std::vector<Value> plain = reference_outputs(probe);
    const Dims dims = plain[0].tensor().dims();
    for (const DType out : {DType::kI8, DType::kU8}) {
      TacticRow row = conv(c, bytes(DType::kI8, c.x, 1), bytes(DType::kI8, c.w, 2));
      row.with_epilogue(fmt::format("3 | add(0,1) const(9) sub(2,4) const(0.7) mul(5,6) add(3,7) relu(8) const(0.83) div(9,10) round(11) const({}) add(12,13) const({}) const({}) "
                                    "clip(14,15,16) | 17", out == DType::kI8 ? -128 : 4, low_of(out), high_of(out)),
                        {random_tensor({c.w[0], 1, 1}, 3, 20), bytes(DType::kI8, dims, 6)});
      row.attr(std::string(kEpilogueTypeAttr), static_cast<int64_t>(out));
      check(row, kOneStep);
    }
    TacticRow silu = conv(c, bytes(DType::kU8, c.x, 1), bytes(DType::kI8, c.w, 2), {128, 0});
    silu.with_epilogue("1 | silu(0) const(0.91) div(1,2) round(3) const(-128) const(127) clip(4,5,6) | 7").attr(std::string(kEpilogueTypeAttr), static_cast<int64_t>(DType::kI8));
    check(silu, kOneStep);
    TacticRow half = conv(c, bytes(DType::kU8, c.x, 1), bytes(DType::kI8, c.w, 2), {128, 0});
    half.with_epilogue("1 | relu(0) | 1").attr(std::string(kEpilogueTypeAttr), static_cast<int64_t>(DType::kF16));
    check(half, {});
  }
}

TacticRow matmul(Tensor a, Tensor b, bool b_constant, bool run_time, std::optional<int> a_zero, std::optional<int> b_zero, bool bias = true) {
  TacticRow row("QuantizedMatMul", "sinter");
  const int64_t n = b.dims().back();
  const DType x = a.dtype(), w = b.dtype();
  row.input(std::move(a)).add(Value(std::move(b)), b_constant);
  row.add(Value(run_time ? scales(1) : scales(n)), !run_time);
  if (a_zero) row.add(Value(zero(x, *a_zero)), !run_time);
  else row.absent();
  if (b_zero) row.add(Value(zero(w, *b_zero)), b_constant || !run_time);
  else row.absent();
  if (bias) row.constant_input(random_integers(DType::kI32, {n}, -1000, 1000, 5));
  return row;
}

TEST(QuantizedMatMul, shapes_operands_and_zero_points) {
  const std::vector<std::pair<Dims, Dims>> shapes = {{{37, 64}, {64, 48}}, {{5, 2, 33}, {33, 24}}, {{3, 9, 48}, {3, 48, 17}}, {{1, 2048}, {2048, 40}}, {{2, 3, 7, 16}, {3, 16, 8}}};
  int turn = 0;
  for (const auto& [a, b] : shapes) {
    const int row = turn++;
    for (const bool constant : {true, false}) {
      if (row % 2 == 0) check(matmul(bytes(DType::kI8, a, 1), bytes(DType::kI8, b, 2), constant, false, {}, {}), {});
      if (row % 2 == 1) check(matmul(bytes(DType::kU8, a, 1), bytes(DType::kI8, b, 2), constant, true, 77, {}), {});
      if (row % 3 == 0) check(matmul(bytes(DType::kU8, a, 1), bytes(DType::kU8, b, 2), constant, true, 255, 128), {});
      if (row % 3 != 0) check(matmul(bytes(DType::kI8, a, 1), bytes(DType::kU8, b, 2), constant, false, -128, 3, false), {});
    }
  }
}

// Neither depth nor width are known while building: the products of attention.
TEST(QuantizedMatMul, two_operands_of_unknown_size) {
  TacticRow row = matmul(bytes(DType::kU8, {2, 19, 24}, 1), bytes(DType::kI8, {2, 24, 32}, 2), false, true, 77, -3, false);
  row.shapes = {{Dim(2), Dim::symbol("m"), Dim::symbol("k")}, {Dim(2), Dim::symbol("k"), Dim::symbol("n")}, {Dim(1)}, {Dim(1)}, {Dim(1)}};
  row.output_shapes = {{Dim(2), Dim::symbol("m"), Dim::symbol("n")}};
  check(row, {});
}

TEST(QuantizedMatMul, fused_quantization) {
  TacticRow row = matmul(bytes(DType::kU8, {45, 96}, 1), bytes(DType::kI8, {96, 64}, 2), true, true, 20, {});
  row.with_epilogue("3 | add(0,1) gelu(3) add(4,2) const(0.4) div(5,6) round(7) const(12) add(8,9) const(0) const(255) clip(10,11,12) | 13",
                    {random_tensor({64}, 3, 20), random_tensor({45, 64}, 4, 20)});
  row.attr(std::string(kEpilogueTypeAttr), static_cast<int64_t>(DType::kU8));
  check(row, kOneStep);
}

}  // namespace
}  // namespace sinter::testing
