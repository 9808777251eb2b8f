#include "core/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <new>

namespace sinter {
namespace {

TEST(Tensor, memory_is_aligned_shared_and_cloned) {
  Tensor a(DType::kF32, {3, 5});
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a.raw()) % kTensorAlignment, 0u);
  const Tensor b = a;
  EXPECT_EQ(a.raw(), b.raw());
  a.data<float>()[7] = 4;
  EXPECT_EQ(b.data<float>()[7], 4);
  EXPECT_NE(a.clone().raw(), a.raw());
  EXPECT_EQ(a.reshaped({15}).raw(), a.raw());
  EXPECT_EQ(a.dim(-1), 5);
  EXPECT_EQ(Tensor(DType::kF32, {0, 7}).count(), 0);
  EXPECT_FALSE(Tensor().defined());
}

TEST(Tensor, impossible_sizes_are_refused) {
  EXPECT_THROW(Tensor(DType::kF32, {-1}), std::bad_alloc);
  EXPECT_THROW(Tensor(DType::kF32, {int64_t{1} << 40, int64_t{1} << 40}), std::bad_alloc);
  EXPECT_THROW(Tensor(DType::kF64, {int64_t{1} << 62}), std::bad_alloc);
  EXPECT_THROW(Tensor(DType::kString, {int64_t{1} << 60}), std::bad_alloc);
  EXPECT_THROW(Tensor::view(DType::kF32, {INT64_MAX, 2}, nullptr), std::bad_alloc);
}

TEST(Tensor, sub_byte_types_pack_low_bits_first) {
  const Tensor wide = Tensor::from_i64({-8, 7, -1}).cast(DType::kI4);
  EXPECT_EQ(wide.bytes(), 2);
  EXPECT_EQ(wide.data<uint8_t>()[0], 0x78);
  EXPECT_EQ(wide.data<uint8_t>()[1], 0x0f);
  EXPECT_EQ(wide.to_i64(), (std::vector<int64_t>{-8, 7, -1}));
  EXPECT_EQ(Tensor::from_i64({9, 17}).cast(DType::kI4).to_i64(), (std::vector<int64_t>{-7, 1}));  // higher bits fall off
  EXPECT_EQ(Tensor::from_i64({-2, 1, 3, 0, 2}).cast(DType::kI2).to_i64(), (std::vector<int64_t>{-2, 1, -1, 0, -2}));
  const Tensor six = Tensor::from_f32({1, -7.5f, 0.125f, 3, -28}, {5}).cast(DType::kF6E3M2);
  EXPECT_EQ(six.bytes(), 4);
  EXPECT_EQ(six.to_f64(), (std::vector<double>{1, -8, 0.125, 3, -28}));  // 7.5 is a tie between 7 and 8
  EXPECT_TRUE(six.unpacked().packed(DType::kF6E3M2).identical(six));
}

TEST(Tensor, cast_rounds_once_and_wraps_integers) {
  EXPECT_EQ(Tensor::from_i64({200, -1, 256}).cast(DType::kI8).to_i64(), (std::vector<int64_t>{-56, -1, 0}));
  EXPECT_EQ(Tensor::from_f32({1.9f, -1.9f, 0.0f}, {3}).cast(DType::kI32).to_i64(), (std::vector<int64_t>{1, -1, 0}));
  const float inf = HUGE_VALF;
  const Tensor bools = Tensor::from_f32({0.0f, -0.0f, 0.5f, std::nanf(""), inf}, {5}).cast(DType::kBool);
  EXPECT_EQ(bools.to_i64(), (std::vector<int64_t>{0, 0, 1, 1, 1}));
  const Tensor out_of_range = Tensor::from_f32({1e20f, -1e20f, std::nanf("")}, {3}).cast(DType::kI32);
  EXPECT_EQ(out_of_range.to_i64(), (std::vector<int64_t>(3, INT32_MIN)));
  // 1 + 2^-11 is a tie in f16 once it is rounded to f32; the double just above it must round up.
  Tensor precise(DType::kF64, {1});
  *precise.data<double>() = 1.0 + 0x1p-11 + 0x1p-50;
  EXPECT_EQ(precise.cast(DType::kF16).to_f64()[0], 1.0 + 0x1p-10);
  Tensor large(DType::kU64, {2});
  large.data<uint64_t>()[0] = UINT64_MAX;
  large.data<uint64_t>()[1] = (uint64_t{1} << 63) + 1;
  EXPECT_EQ(large.cast(DType::kF64).to_f64()[0], 0x1p64);
  EXPECT_EQ(large.cast(DType::kI64).to_i64()[0], -1);
  EXPECT_EQ(Tensor::from_i64({INT64_MAX}).cast(DType::kF32).data<float>()[0], 0x1p63f);
}

TEST(Tensor, cast_between_all_numeric_types_keeps_small_integers) {
  const Tensor source = Tensor::from_i64({0, 1});
  for (int i = 1; i < kDTypeCount; ++i) {
    const auto type = static_cast<DType>(i);
    if (type == DType::kString) continue;
    const Tensor there = source.cast(type);
    EXPECT_EQ(there.dtype(), type);
    EXPECT_EQ(there.to_i64()[1], 1) << dtype_name(type);
    if (type != DType::kF8E8M0) {
      EXPECT_EQ(there.to_f64()[0], 0) << dtype_name(type);
    }
    EXPECT_TRUE(there.cast(DType::kF16).cast(type).identical(there)) << dtype_name(type);
  }
}

TEST(Tensor, identical_compares_bits) {
  const Tensor a = Tensor::from_f32({0.0f, std::nanf("")}, {2}), b = a.clone();
  EXPECT_TRUE(a.identical(b));
  EXPECT_FALSE(a.identical(Tensor::from_f32({-0.0f, std::nanf("")}, {2})));
  EXPECT_FALSE(a.identical(a.reshaped({1, 2})));
  Tensor strings(DType::kString, {2});
  strings.data<std::string>()[1] = "x";
  EXPECT_TRUE(strings.identical(strings.clone()));
  EXPECT_FALSE(strings.identical(Tensor(DType::kString, {2})));
}

}  // namespace
}  // namespace sinter
