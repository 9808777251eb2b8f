// Rows for products of 8-bit integers: sums are exact, fused quantization is off by one step at most, and that rarely.
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

// Every value of the type at the ends and a few between.
Tensor bytes(DType dtype, const Dims& dims, uint32_t seed, bool extreme = false) {
  const int low = dtype == DType::kI8 ? -128 : 0, high = dtype == DType::kI8 ? 127 : 255;
  Tensor t = random_integers(dtype, dims, low, high, seed);
  if (!extreme) return t;
  std::mt19937 random(seed);
  for (int64_t i = 0; i < t.count(); ++i) t.data<uint8_t>()[i] = static_cast<uint8_t>(random() % 8 != 0 ? low : high);
  return t;
}
Tensor filled(DType dtype, const Dims& dims, int value) { return random_integers(dtype, dims, value, value, 1); }
Tensor zero_point(DType dtype, int value, const Dims& dims = {}) { return filled(dtype, dims, value); }

struct ConvCase {
  Dims input, weight;
  std::vector<int64_t> strides{1, 1}, pads{0, 0, 0, 0}, dilations{1, 1};
  int64_t group = 1;
};

TacticRow conv_row(const ConvCase& t, Tensor x, Tensor w) {
  TacticRow row("QuantizedConv", "sinter");
  row.attr("strides", t.strides).attr("pads", t.pads).attr("group", t.group).attr("dilations", t.dilations);
  row.attr("kernel_shape", std::vector<int64_t>(t.weight.begin() + 2, t.weight.end()));
  return row.input(std::move(x)).constant_input(std::move(w));
}

const std::vector<ConvCase>& conv_cases() {
  static const std::vector<ConvCase> cases = {
      {{1, 16, 7, 7}, {32, 16, 1, 1}},
      {{2, 5, 6, 9}, {19, 5, 1, 1}, {2, 2}},
      {{1, 20, 9, 11}, {70, 20, 3, 3}, {1, 1}, {1, 1, 1, 1}},
      {{1, 33, 10, 7}, {17, 33, 3, 3}, {2, 2}, {1, 0, 1, 2}},
      {{1, 8, 13, 13}, {16, 8, 3, 3}, {1, 1}, {6, 6, 6, 6}, {6, 6}},
      {{2, 12, 6, 6}, {18, 4, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 3},
      {{1, 1, 1, 1}, {1, 1, 1, 1}},
      {{0, 3, 5, 5}, {4, 3, 3, 3}},
      {{1, 20, 11}, {8, 10, 3}, {2}, {1, 1}, {1}, 2},
      {{1, 3, 17, 19}, {33, 3, 7, 7}, {2, 2}, {3, 3, 3, 3}},
      {{2, 3, 12, 15}, {16, 3, 3, 3}, {1, 1}, {1, 1, 1, 1}},
      {{1, 64, 5, 5}, {65, 64, 3, 3}, {1, 1}, {1, 1, 1, 1}},
      {{1, 3, 5, 5}, {5, 3, 2, 2}, {1, 1}, {3, 3, 3, 3}},
      {{2, 64, 7, 11}, {64, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 64},
      {{1, 97, 9, 12}, {97, 1, 3, 3}, {2, 2}, {0, 0, 1, 1}, {1, 1}, 97},
      {{1, 24, 8, 23}, {24, 1, 5, 5}, {1, 1}, {2, 2, 2, 2}, {1, 1}, 24},
      {{1, 80, 9, 9}, {80, 1, 5, 5}, {2, 2}, {2, 2, 2, 2}, {1, 1}, 80},
      {{1, 9, 12, 10}, {9, 1, 7, 4}, {1, 3}, {3, 1, 3, 2}, {1, 2}, 9},
      {{1, 150, 6, 6}, {150, 1, 3, 3}, {1, 1}, {4, 4, 4, 4}, {3, 3}, 150},
      {{1, 6, 8, 9}, {4, 3, 3, 2}, {1, 2}, {0, 1, 2, 0}, {2, 1}, 2},
  };
  return cases;
}

TEST(QuantizedConv, sums_are_exact) {
  uint32_t seed = 1;
  for (const ConvCase& t : conv_cases()) {
    for (const DType x : {DType::kU8, DType::kI8}) {
      const int64_t filters = t.weight[0];
      ++seed;
      TacticRow plain = conv_row(t, bytes(x, t.input, seed), bytes(DType::kI8, t.weight, seed + 1));
      check(plain.constant_input(random_tensor({1}, seed)), {});
      TacticRow zeros = conv_row(t, bytes(x, t.input, seed), bytes(DType::kI8, t.weight, seed + 1));
      zeros.constant_input(random_tensor({filters}, seed)).constant_input(zero_point(x, x == DType::kU8 ? 255 : -128)).absent();
      check(zeros.constant_input(random_integers(DType::kI32, {filters}, -100000, 100000, seed)), {});
      TacticRow hostile = conv_row(t, bytes(x, t.input, seed, true), filled(DType::kI8, t.weight, -128));
      check(hostile.constant_input(random_tensor({filters}, seed)).constant_input(zero_point(x, x == DType::kU8 ? 0 : 127)), {});
    }
  }
}

TEST(QuantizedConv, weights_with_zero_points) {
  uint32_t seed = 50;
  for (const ConvCase& t : conv_cases()) {
    for (const DType x : {DType::kU8, DType::kI8}) {
      for (const DType w : {DType::kU8, DType::kI8}) {
        const int64_t filters = t.weight[0];
        const int end = w == DType::kU8 ? 255 : -128;
        ++seed;
        TacticRow row = conv_row(t, bytes(x, t.input, seed), bytes(w, t.weight, seed + 1, true));
        row.constant_input(random_tensor({1}, seed)).constant_input(zero_point(x, 17)).constant_input(zero_point(w, end));
        check(row, {});
        TacticRow many = conv_row(t, bytes(x, t.input, seed), bytes(w, t.weight, seed + 1));
        many.constant_input(random_tensor({filters}, seed)).input(zero_point(x, x == DType::kU8 ? 255 : 127));
        check(many.constant_input(bytes(w, {filters}, seed)).constant_input(random_integers(DType::kI32, {filters}, -9999, 9999, seed)), {});
      }
    }
  }
}

Dims output_of(TacticRow& row) { return reference_outputs(row)[0].tensor().dims(); }

// Scales so that results fill the output's range.
Tensor fitting_scale(int64_t filters, int64_t products, uint32_t seed) {
  Tensor scale(DType::kF32, {filters});
  std::mt19937 random(seed);
  for (int64_t i = 0; i < filters; ++i) {
    scale.data<float>()[i] = (0.5f + static_cast<float>(random() % 1000) * 1e-3f) / (5000.0f * std::sqrt(static_cast<float>(std::max<int64_t>(products, 1))));
  }
  return scale;
}

// At most one step, and that in at most 0.1 % of elements (or one element of a small tensor).
void check_steps(TacticRow row) {
  check(std::move(row), {0, 1.0, 1e-3});
}

std::string quantize(int operand, DType dtype, int zero) {
  const int low = dtype == DType::kI8 ? -128 : 0, high = dtype == DType::kI8 ? 127 : 255;
  int next = operand;
  std::string text = fmt::format(" const(0.013) div({},{}) round({})", operand, next + 1, next + 2);
  next += 3;
  if (zero != 0) {
    text += fmt::format(" const({}) add({},{})", zero, next, next + 1);
    next += 2;
  }
  return text + fmt::format(" const({}) const({}) clip({},{},{}) | {}", low, high, next, next + 1, next + 2, next + 3);
}

TacticRow with_result(TacticRow row, DType dtype) {
  row.epilogue_dtype = dtype;
  return row;
}

TEST(QuantizedConv, fused_quantization) {
  uint32_t seed = 90;
  for (const ConvCase& t : conv_cases()) {
    for (const DType x : {DType::kU8, DType::kI8}) {
      const int64_t filters = t.weight[0], products = product(t.weight, 1);
      for (const DType y : {DType::kU8, DType::kI8}) {
        ++seed;
        const auto base = [&] {
          TacticRow row = conv_row(t, bytes(x, t.input, seed), bytes(DType::kI8, t.weight, seed + 1));
          row.constant_input(fitting_scale(filters, products, seed)).constant_input(zero_point(x, 3)).absent();
          return row.constant_input(random_integers(DType::kI32, {filters}, -3000, 3000, seed));
        };
        TacticRow shaped = base();
        const Dims out = output_of(shaped);
        const int zero = y == DType::kU8 ? 100 : -7;
        check_steps(with_result(base().with_epilogue("1 |" + quantize(0, y, zero)), y));
        TacticRow relu = base();
        relu.epilogue_base = static_cast<int>(relu.inputs.size());
        Dims per_channel(t.input.size() - 1, 1);
        per_channel[0] = filters;
        relu.constant_input(random_tensor(per_channel, seed));
        relu.epilogue = *PointwiseProgram::parse("2 | add(0,1) relu(2)" + quantize(3, y, zero));
        check_steps(with_result(relu, y));
        check_steps(with_result(base().with_epilogue("1 | const(-0.4) const(0.5) clip(0,1,2)" + quantize(3, y, 0)), y));
        check_steps(with_result(base().with_epilogue("1 | silu(0)" + quantize(1, y, zero)), y));
        const std::string sum = "2 | const(11) sub(1,2) const(0.007) mul(3,4) add(0,5) relu(6)";
        check_steps(with_result(base().with_epilogue(sum + quantize(7, y, zero), {bytes(DType::kI8, out, seed)}), y));
        check_steps(with_result(base().with_epilogue(sum + quantize(7, y, zero), {bytes(DType::kU8, out, seed)}), y));
        const std::string after = "2 | relu(0) const(0.007) mul(1,3) add(2,4)";
        check_steps(with_result(base().with_epilogue(after + quantize(5, y, zero), {bytes(DType::kU8, out, seed)}), y));
        const std::string silu_after = "2 | silu(0) const(11) sub(1,3) const(0.007) mul(4,5) add(2,6)", silu_of_sum = "2 | const(0.007) mul(1,2) add(0,3) silu(4)";
        check_steps(with_result(base().with_epilogue(silu_after + quantize(7, y, zero), {bytes(y, out, seed)}), y));
        const std::string snapped = "1 | const(-0.4) const(0.5) clip(0,1,2) const(0.013) div(3,4) round(5) const(9) add(6,7) const(0) const(255) clip(8,9,10) sub(11,7) mul(12,4) | 13";
        check(base().with_epilogue(snapped), {});
        check(base().with_epilogue("1 | silu(0) const(0.013) div(1,2) round(3) const(-128) const(127) clip(4,5,6) mul(7,2) | 8"), {1e-3, 0.014, 1e-3});
        check_steps(with_result(base().with_epilogue(silu_of_sum + quantize(5, y, zero), {bytes(DType::kU8, out, seed)}), y));
        check_steps(with_result(base().with_epilogue("2 | add(0,1) hard_swish(2)" + quantize(3, y, zero), {random_tensor(out, seed)}), y));
        check(base().with_epilogue("2 | add(0,1) relu(2) | 3", {random_tensor(out, seed)}), {1e-6, 1e-6});
      }
    }
  }
}

struct MatmulCase {
  Dims a, b;
};

const std::vector<MatmulCase>& matmul_cases() {
  static const std::vector<MatmulCase> cases = {{{7, 33}, {33, 21}},       {{1, 1}, {1, 1}},         {{1, 130}, {130, 300}},      {{2, 3, 7, 34}, {2, 3, 34, 40}},
                                                {{3, 5, 8}, {8, 17}},      {{29, 64}, {64, 64}},     {{1, 9, 12}, {4, 12, 20}},   {{4, 20, 35}, {1, 35, 16}},
                                                {{16, 257}, {257, 3}},     {{64, 3}, {3, 70}},       {{0, 8}, {8, 5}},            {{3, 0}, {0, 4}}};
  return cases;
}

TEST(QuantizedMatMul, sums_are_exact) {
  uint32_t seed = 1;
  for (const MatmulCase& t : matmul_cases()) {
    for (const DType a : {DType::kU8, DType::kI8}) {
      for (const DType b : {DType::kI8, DType::kU8}) {
        for (const bool constant : {true, false}) {
          const int64_t columns = t.b.back();
          ++seed;
          const auto base = [&](Tensor right) {
            TacticRow row("QuantizedMatMul", "sinter");
            row.input(bytes(a, t.a, seed, seed % 3 == 0));
            return constant ? row.constant_input(std::move(right)) : row.input(std::move(right));
          };
          check(base(bytes(b, t.b, seed + 1)).constant_input(random_tensor({1}, seed)), {});
          TacticRow zeros = base(filled(b, t.b, b == DType::kU8 ? 255 : -128));
          zeros.input(random_tensor({columns}, seed)).input(zero_point(a, a == DType::kU8 ? 255 : -128, {1})).absent();
          check(zeros.constant_input(random_integers(DType::kI32, {columns}, -100000, 100000, seed)), {});
          TacticRow all = base(bytes(b, t.b, seed + 1));
          all.constant_input(random_tensor({columns}, seed)).constant_input(zero_point(a, 9)).constant_input(bytes(b, {columns}, seed));
          check(all, {});
          check(base(bytes(b, t.b, seed + 1)).input(random_tensor({1}, seed)).input(zero_point(a, 100)).input(zero_point(b, 127)), {});
        }
      }
    }
  }
}

// The plain operators: sums as they are, also beyond what f32 holds.
TEST(IntegerProduct, sums_are_exact) {
  uint32_t seed = 400;
  const std::vector<std::pair<Dims, Dims>> shapes = {{{1, 1}, {1, 1}}, {{7, 33}, {33, 19}}, {{0, 4}, {4, 3}}, {{3, 0}, {0, 5}}, {{2, 3, 300}, {300, 70}}, {{2, 5, 67}, {2, 67, 40}}, {{33, 1024}, {1024, 65}}};
  for (const auto& [a, b] : shapes) {
    for (const DType x : {DType::kU8, DType::kI8}) {
      for (const DType w : {DType::kU8, DType::kI8}) {
        for (const bool ahead : {true, false}) {
          const auto right = [&](TacticRow& row) -> TacticRow& {
            return ahead ? row.constant_input(bytes(w, b, seed, true)) : row.input(bytes(w, b, seed, true));
          };
          ++seed;
          TacticRow plain("MatMulInteger");
          check(right(plain.input(bytes(x, a, seed, true))), {});
          TacticRow zeros("MatMulInteger");
          right(zeros.input(bytes(x, a, seed))).constant_input(zero_point(x, x == DType::kU8 ? 255 : -128));
          check(zeros.input(bytes(w, {b.back()}, seed + 7)), {});
        }
      }
    }
  }
  for (const ConvCase& t : conv_cases()) {
    for (const DType x : {DType::kU8, DType::kI8}) {
      ++seed;
      TacticRow row("ConvInteger");
      row.attr("strides", t.strides).attr("pads", t.pads).attr("group", t.group).attr("dilations", t.dilations);
      row.attr("kernel_shape", std::vector<int64_t>(t.weight.begin() + 2, t.weight.end()));
      row.input(bytes(x, t.input, seed)).constant_input(bytes(seed % 2 ? DType::kI8 : DType::kU8, t.weight, seed, true));
      check(row.constant_input(zero_point(x, 3)), {});
    }
  }
}

TEST(QuantizedMatMul, fused_epilogues) {
  uint32_t seed = 1;
  for (const MatmulCase& t : matmul_cases()) {
    for (const DType a : {DType::kU8, DType::kI8}) {
      for (const bool constant : {true, false}) {
        const int64_t columns = t.b.back();
        ++seed;
        const auto base = [&] {
          TacticRow row("QuantizedMatMul", "sinter");
          row.input(bytes(a, t.a, seed)).add(bytes(DType::kI8, t.b, seed + 1), constant);
          return row.constant_input(fitting_scale(columns, t.b[t.b.size() - 2], seed)).constant_input(zero_point(a, 3));
        };
        TacticRow shaped = base();
        const Dims out = output_of(shaped);
        const DType y = seed % 2 == 0 ? DType::kI8 : DType::kU8;
        check_steps(with_result(base().with_epilogue("2 | add(0,1)" + quantize(2, y, 20), {random_tensor({columns}, seed)}), y));
        check_steps(with_result(base().with_epilogue("1 | gelu(0)" + quantize(1, y, 0)), y));
        const std::string sum = "2 | const(0.007) mul(1,2) add(3,0)";
        check_steps(with_result(base().with_epilogue(sum + quantize(4, y, 5), {bytes(DType::kI8, out, seed)}), y));
        check(base().with_epilogue("3 | add(0,1) add(2,3) | 4", {random_tensor({columns}, seed), random_tensor(out, seed)}), {1e-6, 1e-6});
      }
    }
  }
}

}  // namespace
}  // namespace sinter::testing
