// Weights inside packed blobs: what is read back, and tables that would read outside.
#include <gtest/gtest.h>

#include "plan/packed_weight.h"

namespace sinter::plan {
namespace {

// f32[3,2] in a blob of [2,4]: columns transposed, the fourth place of each row padding.
PackedWeight transposed() { return {DType::kF32, {3, 2}, 0, {{0, 1, 2}, {0, 4}}}; }

Tensor blob_of_8() { return Tensor::from_f32({1, 2, 3, -1, 10, 20, 30, -1}, {2, 4}); }

TEST(PackedWeight, IsReadBack) {
  const auto weight = unpack(transposed(), blob_of_8());
  ASSERT_TRUE(weight.ok()) << weight.status().to_string();
  EXPECT_TRUE(weight->identical(Tensor::from_f32({1, 10, 2, 20, 3, 30}, {3, 2})));
}

TEST(PackedWeight, NegativeOffsetsAreFineWhenTheirSumsAreInside) {
  PackedWeight weight = transposed();
  weight.offsets = {{4, 5, 6}, {-4, 0}};
  EXPECT_TRUE(unpack(weight, blob_of_8()).ok());
}

TEST(PackedWeight, OtherElementSizes) {
  Tensor bytes(DType::kU8, {4});
  for (uint8_t i = 0; i < 4; ++i) bytes.data<uint8_t>()[i] = i;
  const auto weight = unpack({DType::kI8, {2, 2}, 0, {{3, 1}, {0, -1}}}, bytes);
  ASSERT_TRUE(weight.ok());
  EXPECT_EQ(weight->to_i64(), (std::vector<int64_t>{3, 2, 1, 0}));
}

TEST(PackedWeight, DamagedTablesAreErrors) {
  const auto refused = [](auto change) {
    PackedWeight weight = transposed();
    change(weight);
    const auto result = unpack(weight, blob_of_8());
    return !result.ok() && result.status().code() == Code::kInvalidEngine;
  };
  EXPECT_TRUE(refused([](PackedWeight& w) { w.offsets[0][2] = 4; }));                  // 4 + 4 is outside
  EXPECT_TRUE(refused([](PackedWeight& w) { w.offsets[0][0] = -1; }));
  EXPECT_TRUE(refused([](PackedWeight& w) { w.offsets[0][0] = INT64_MAX; w.offsets[1][0] = INT64_MAX; }));
  EXPECT_TRUE(refused([](PackedWeight& w) { w.offsets[0][0] = INT64_MIN; }));
  EXPECT_TRUE(refused([](PackedWeight& w) { w.offsets[0].pop_back(); }));
  EXPECT_TRUE(refused([](PackedWeight& w) { w.offsets.pop_back(); }));
  EXPECT_TRUE(refused([](PackedWeight& w) { w.dims = {INT64_MAX, INT64_MAX}; }));
  EXPECT_TRUE(refused([](PackedWeight& w) { w.dims = {}; w.offsets = {}; }));
  EXPECT_TRUE(refused([](PackedWeight& w) { w.dims[0] = 0; w.offsets[0] = {}; }));
  EXPECT_TRUE(refused([](PackedWeight& w) { w.dtype = DType::kI4; }));
  EXPECT_TRUE(refused([](PackedWeight& w) { w.dtype = DType::kString; }));
  EXPECT_TRUE(refused([](PackedWeight& w) { w.dtype = DType::kF64; }));                // 6 of 8 bytes: more than the blob
}

}  // namespace
}  // namespace sinter::plan
