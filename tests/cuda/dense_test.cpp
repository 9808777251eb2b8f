#include "cuda/environment.h"
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

// The result is rounded once to its type; sums in f32 of operands that the type holds exactly differ from the
// reference's by far less.
Tolerance of(DType dtype) {
  if (dtype == DType::kF16) return {1.0 / 1024, 1e-3};
  if (dtype == DType::kBF16) return {1.0 / 128, 8e-3};
  return {2e-3, 4e-3};  // tf32: operands of unit size rounded to 11 bits, hundreds of products
}

struct ConvCase {
  Dims x, w;
  std::vector<int64_t> strides, pads, dilations;
  int64_t group = 1;
};

TacticRow conv(const ConvCase& c, DType dtype, uint32_t seed = 1, float size = 1) {
  TacticRow row("Conv");
  const float scale = 1.0f / std::sqrt(static_cast<float>(product(c.w, 1)));
  row.attr("kernel_shape", std::vector<int64_t>(c.w.begin() + 2, c.w.end()));
  row.attr("strides", c.strides).attr("pads", c.pads).attr("dilations", c.dilations).attr("group", c.group);
  row.input(random_tensor(c.x, seed, size).cast(dtype)).constant_input(random_tensor(c.w, seed + 1, scale).cast(dtype));
  return row;
}

TEST(ConvDense, filters_strides_pads_dilations_and_groups) {
  const std::vector<ConvCase> cases = {{{2, 16, 9, 7}, {24, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
                                       {{1, 24, 11, 8}, {16, 24, 3, 2}, {2, 1}, {0, 1, 2, 0}, {1, 2}},
                                       {{2, 32, 7, 5}, {40, 32, 1, 1}, {2, 2}, {0, 0, 0, 0}, {1, 1}},
                                       {{1, 32, 6, 6}, {48, 8, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 4},
                                       {{1, 5, 6, 7}, {7, 5, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}}};
  for (const ConvCase& c : cases) {
    TacticRow row = conv(c, DType::kF16);
    row.input(random_tensor({c.w[0]}, 5).cast(DType::kF16));
    check(row, of(DType::kF16));
  }
}

// More tiles than sm_90's processors hold at once: blocks that stay take several, and their last are not whole. Small sums, as the reference rounds
// them to f16 before it adds the residual.
TEST(ConvDense, many_tiles) {
  if (!on_real_gpu()) GTEST_SKIP() << "the mock has neither such blocks nor the patience for so many tiles";
  const std::vector<ConvCase> cases = {{{1, 40, 97, 91}, {200, 40, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
                                       {{1, 16, 67, 61}, {264, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
                                       {{1, 16, 181, 183}, {130, 16, 1, 1}, {2, 2}, {0, 0, 0, 0}, {1, 1}},
                                       {{1, 48, 40, 41}, {1200, 48, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
                                       {{1, 64, 90, 91}, {192, 32, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 2}};
  for (const ConvCase& c : cases) {
    const int64_t rows = c.strides[0] == 2 ? (c.x[2] + 1) / 2 : c.x[2], columns = c.strides[0] == 2 ? (c.x[3] + 1) / 2 : c.x[3];
    TacticRow row = conv(c, DType::kF16, 1, 0.25f);
    row.input(random_tensor({c.w[0]}, 5, 0.125f).cast(DType::kF16))
        .with_epilogue("2 | add(0,1) relu(2) | 3", {random_tensor({c.x[0], c.w[0], rows, columns}, 6).cast(DType::kF16)});
    check_with("cuda.conv_dense", row, of(DType::kF16));
  }
}

TEST(ConvDense, patches_of_row_major_images) {
  const ConvCase c = {{2, 3, 24, 32}, {24, 3, 8, 8}, {8, 8}, {0, 0, 0, 0}, {1, 1}};
  TacticRow row = conv(c, DType::kF16);
  row.input(random_tensor({24}, 5).cast(DType::kF16)).with_epilogue("2 | add(0,1) | 2", {random_tensor({2, 24, 3, 4}, 6).cast(DType::kF16)});
  check(row, of(DType::kF16));
  check(conv({{1, 5, 23, 16}, {7, 5, 3, 8}, {2, 8}, {0, 0, 0, 0}, {2, 1}}, DType::kBF16), of(DType::kBF16));
}

TEST(ConvDense, types) {
  const ConvCase c = {{1, 16, 6, 9}, {24, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}};
  check(conv(c, DType::kBF16), of(DType::kBF16));
  check(conv(c, DType::kF32), of(DType::kF32));
}

TEST(ConvDense, full_f32) {
  TacticRow row = conv({{2, 12, 6, 9}, {24, 12, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}}, DType::kF32);
  row.precision.tf32 = false;
  check(row, {2e-6, 2e-6});
}

TEST(ConvDepthwise, filters_and_types) {
  for (const DType dtype : {DType::kF16, DType::kBF16, DType::kF32}) {
    const int64_t c = dtype == DType::kF16 ? 24 : 13;
    TacticRow row = conv({{2, c, 9, 11}, {c, 1, 3, 3}, {2, 1}, {1, 1, 1, 1}, {1, 1}, c}, dtype);
    row.input(random_tensor({c}, 5).cast(dtype))
        .with_epilogue("2 | relu(0) add(2,1) | 3", {random_tensor({2, c, 5, 11}, 6).cast(dtype)});
    check(row, dtype == DType::kF32 ? Tolerance{2e-6, 2e-6} : of(dtype));
  }
  check(conv({{1, 16, 12, 12}, {16, 1, 5, 5}, {1, 1}, {2, 4, 2, 0}, {1, 2}, 16}, DType::kF16), of(DType::kF16));
  check(conv({{2, 8, 19}, {8, 1, 3}, {1}, {1, 1}, {1}, 8}, DType::kF16), of(DType::kF16));
}

TEST(ConvFirst, images_of_few_channels) {
  const std::vector<ConvCase> cases = {{{2, 3, 21, 37}, {24, 3, 7, 7}, {2, 2}, {3, 3, 3, 3}, {1, 1}},
                                       {{1, 3, 11, 40}, {16, 3, 5, 6}, {1, 2}, {2, 1, 2, 4}, {1, 1}},
                                       {{1, 1, 12, 20}, {6, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
                                       {{1, 4, 9, 35}, {16, 4, 3, 2}, {2, 2}, {0, 1, 1, 0}, {1, 1}}};
  for (const ConvCase& c : cases) {
    TacticRow row = conv(c, DType::kF16);
    row.input(random_tensor({c.w[0]}, 5).cast(DType::kF16)).with_epilogue("1 | hard_swish(0) | 1");
    check(row, of(DType::kF16));
  }
  check(conv(cases[2], DType::kBF16), of(DType::kBF16));
}

TEST(ConvDense, epilogues) {
  const ConvCase c = {{2, 8, 5, 6}, {16, 8, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}};
  TacticRow row = conv(c, DType::kF16);
  row.input(random_tensor({16}, 5).cast(DType::kF16));
  row.with_epilogue(
      "5 | add(0,1) silu(5) mul(6,2) add(7,3) mul(8,4) | 9",
      {random_tensor({2, 16, 5, 6}, 6).cast(DType::kF16), random_tensor({2, 16, 1, 1}, 7).cast(DType::kF16),
       random_tensor({1, 16, 5, 6}, 8), random_tensor({1, 1, 5, 6}, 9).cast(DType::kF16)});
  check(row, {2.0 / 1024, 4e-3});
}

TEST(ConvDense, one_spatial_axis) {
  const ConvCase c = {{2, 16, 37}, {8, 16, 5}, {2}, {2, 2}, {1}};
  check(conv(c, DType::kF16), of(DType::kF16));
}

TEST(ConvTranspose, phases) {
  struct Case {
    Dims x, w;
    std::vector<int64_t> strides, pads, dilations, output_padding;
    int64_t group;
  };
  const std::vector<Case> cases = {{{1, 16, 5, 6}, {16, 8, 2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}, {0, 0}, 1},
                                   {{2, 8, 5, 4}, {8, 12, 4, 3}, {2, 3}, {1, 0, 1, 1}, {1, 1}, {1, 0}, 2},
                                   {{1, 8, 4, 5}, {8, 16, 3, 2}, {1, 4}, {1, 1, 1, 0}, {2, 3}, {0, 1}, 1}};
  for (const Case& c : cases) {
    TacticRow row("ConvTranspose");
    row.attr("kernel_shape", std::vector<int64_t>(c.w.begin() + 2, c.w.end()))
        .attr("strides", c.strides)
        .attr("pads", c.pads);
    row.attr("dilations", c.dilations).attr("output_padding", c.output_padding).attr("group", c.group);
    row.input(random_tensor(c.x, 1, 0.25f).cast(DType::kF16)).constant_input(random_tensor(c.w, 2).cast(DType::kF16));
    row.input(random_tensor({c.w[1] * c.group}, 3).cast(DType::kF16)).with_epilogue("1 | relu(0) | 1");
    check(row, of(DType::kF16));
  }
}

TacticRow matmul(Dims a, Dims b, DType dtype, bool constant) {
  TacticRow row("MatMul");
  const float scale = 1.0f / std::sqrt(static_cast<float>(a.back()));
  row.input(random_tensor(std::move(a), 1).cast(dtype));
  return row.add(Value(random_tensor(std::move(b), 2, scale).cast(dtype)), constant);
}

TEST(MatmulDense, batches_that_broadcast) {
  const std::vector<std::pair<Dims, Dims>> cases = {
      {{5, 24}, {24, 16}},           {{2, 3, 9, 16}, {3, 16, 8}}, {{3, 5, 8}, {8, 24}}, {{7, 40}, {2, 40, 8}},
      {{2, 1, 4, 8}, {1, 3, 8, 16}}, {{6, 11}, {11, 5}},          {{16}, {3, 16, 8}},   {{4, 16}, {16}}};
  for (const auto& [a, b] : cases) {
    check(matmul(a, b, DType::kF16, false), of(DType::kF16));
    check(matmul(a, b, DType::kF16, true), of(DType::kF16));
  }
}

TEST(MatmulDense, types) {
  for (const bool constant : {false, true}) {
    check(matmul({33, 40}, {40, 24}, DType::kBF16, constant), of(DType::kBF16));
    check(matmul({33, 40}, {40, 24}, DType::kF32, constant), of(DType::kF32));
  }
}

TEST(MatmulDense, full_f32) {
  for (const bool constant : {false, true}) {
    TacticRow row = matmul({35, 41}, {41, 24}, DType::kF32, constant);
    row.precision.tf32 = false;
    check(row, {2e-6, 2e-6});
  }
}

TEST(MatmulDense, gemm_with_transposes_and_scales) {
  for (const int64_t trans : {0, 1, 2, 3}) {
    TacticRow row("Gemm");
    row.attr("transA", trans % 2).attr("transB", trans / 2).attr("alpha", 0.5f).attr("beta", 2.0f);
    row.input(random_tensor(trans % 2 ? Dims{16, 10} : Dims{10, 16}, 1, 0.25f).cast(DType::kF16));
    row.input(random_tensor(trans / 2 ? Dims{24, 16} : Dims{16, 24}, 2).cast(DType::kF16))
        .input(random_tensor({24}, 3).cast(DType::kF16));
    check(row, of(DType::kF16));
  }
}

TEST(MatmulDense, a_result_wider_than_the_operands) {
  TacticRow row("MatMul");
  row.input(random_tensor({19, 40}, 1).cast(DType::kF16)).constant_input(random_tensor({40, 24}, 2).cast(DType::kF16));
  row.with_epilogue("2 | add(0,1) | 2", {random_tensor({19, 24}, 3)}).attr(std::string(kEpilogueTypeAttr), static_cast<int64_t>(DType::kF32));
  check(row, {1e-3, 1e-3});
}

TEST(MatmulDense, operands_of_the_epilogue) {
  TacticRow row = matmul({2, 4, 9, 16}, {2, 4, 16, 24}, DType::kF16, false);
  row.with_epilogue("4 | add(0,1) mul(4,2) add(5,3) | 6",
                    {random_tensor({2, 1, 1, 24}, 5).cast(DType::kF16), random_tensor({9, 1}, 6).cast(DType::kF16),
                     random_tensor({24}, 7)});
  check(row, {2.0 / 1024, 4e-3}, true);
  TacticRow merged = matmul({2, 9, 16}, {16, 24}, DType::kF16, true);
  merged.with_epilogue("3 | add(0,1) gelu(3) add(4,2) | 5", {random_tensor({1, 9, 24}, 5).cast(DType::kF16),
                                                             random_tensor({2, 9, 24}, 6).cast(DType::kF16)});
  check(merged, {2.0 / 1024, 4e-3});
}

}  // namespace
}  // namespace sinter::testing
