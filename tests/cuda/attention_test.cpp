#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

TacticRow attention(Dims q, Dims k, Dims v, DType dtype) {
  TacticRow row("Attention");
  row.input(random_tensor(std::move(q), 1).cast(dtype))
      .input(random_tensor(std::move(k), 2).cast(dtype))
      .input(random_tensor(std::move(v), 3).cast(dtype));
  return row;
}

// Weights are rounded to the type before the second product.
Tolerance of(DType dtype) {
  return dtype == DType::kF16    ? Tolerance{4e-3, 4e-3}
         : dtype == DType::kBF16 ? Tolerance{3e-2, 3e-2}
                                 : Tolerance{4e-3, 6e-3};
}

TEST(Attention, heads_packed_and_apart) {
  check(attention({1, 4, 70, 32}, {1, 2, 83, 32}, {1, 2, 83, 16}, DType::kF16), of(DType::kF16));
  TacticRow packed = attention({2, 19, 96}, {2, 37, 96}, {2, 37, 96}, DType::kBF16);
  packed.attr("q_num_heads", int64_t{2}).attr("kv_num_heads", int64_t{2}).attr("scale", 0.1f);
  check(packed, of(DType::kBF16));
}

TEST(Attention, masks) {
  Tensor added = random_tensor({2, 1, 1, 40}, 5);
  for (int i = 10; i < 20; ++i) added.data<float>()[i] = -HUGE_VALF;
  TacticRow row = attention({2, 2, 33, 16}, {2, 2, 40, 16}, {2, 2, 40, 16}, DType::kF16);
  row.input(added.cast(DType::kF16));
  check(row, of(DType::kF16));

  Tensor allowed = random_integers(DType::kBool, {33, 40}, 0, 1, 6);
  for (int i = 0; i < 40; ++i) allowed.data<uint8_t>()[3 * 40 + i] = 0;  // a query that sees nothing
  TacticRow boolean = attention({1, 2, 33, 16}, {1, 2, 40, 16}, {1, 2, 40, 16}, DType::kF16);
  boolean.input(allowed);
  check(boolean, of(DType::kF16));

  TacticRow causal = attention({1, 1, 50, 16}, {1, 1, 50, 16}, {1, 1, 50, 16}, DType::kF16);
  causal.attr("is_causal", int64_t{1}).attr("softcap", 5.0f);
  check(causal, of(DType::kF16));
}

TEST(Attention, f32_in_tf32_and_in_full) {
  TacticRow row = attention({1, 2, 21, 24}, {1, 2, 35, 24}, {1, 2, 35, 24}, DType::kF32);
  check(row, of(DType::kF32));
  row.precision.tf32 = false;
  check(row, {3e-6, 3e-6});
  TacticRow wide = attention({1, 1, 5, 136}, {1, 1, 9, 136}, {1, 1, 9, 7}, DType::kF16);
  check(wide, of(DType::kF16));
  TacticRow odd = attention({1, 1, 5, 9}, {1, 1, 9, 9}, {1, 1, 9, 7}, DType::kF16);
  check(odd, of(DType::kF16));
}

}  // namespace
}  // namespace sinter::testing
