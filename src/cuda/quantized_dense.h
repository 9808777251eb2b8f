// The integer side of dense CUDA kernels: what sinter.QuantizedConv and sinter.QuantizedMatMul have besides their operands (scale, zero points,
// bias), as a table that prepare makes, compile-time names and launch parameters (kernels/dense_params.h).
#pragma once

#include <span>
#include <vector>

#include "cuda/kernels/dense_params.h"
#include "tactic/tactic.h"

namespace sinter::cuda {

bool is_quantized_dense(const Problem& problem);

// How a kernel gets the right operand: packed bytes whose sums are known while building; as it comes; or packed as f16 less its zero points, with
// exact f32 sums, where the kernel also takes the left one's zero point off each element.
enum class RightOperand : uint8_t { kPacked, kDynamic, kCentred };

class QuantizedDense {
 public:
  // `columns`: filters, or columns of B; 0: not known (kDynamic). `k`: at the optimum. The error is a decline's reason.
  static Result<QuantizedDense> make(const Problem& problem, int64_t columns, int64_t k, RightOperand right);

  // Marks the inputs that prepare consumes.
  void book(Offer& offer) const;
  // Blob 1 (0 where B is no blob): rows of i32, see Row. `sum(column)`: sum over k of B's values.
  template <typename Sum>
  Result<Tensor> table(std::span<const Tensor> constants, Sum&& sum) const {
    std::vector<int64_t> sums(static_cast<size_t>(columns_), 0);
    for (int64_t i = 0; right_ == RightOperand::kPacked && i < columns_; ++i) sums[static_cast<size_t>(i)] = sum(i);
    return make_table(constants, sums);
  }
  Status check_table(std::string_view tactic, const Tensor& table);
  // Pointers and strides; `table` on the device.
  void fill(sinter_kernels::DenseParams& params, const LaunchArgs& args, const void* table, int64_t table_inner) const;

  // Whether sums of so many products are exact.
  Status check_depth(int64_t k) const;

  int a_zero() const { return !a_zero_from_memory_ ? 0 : right_ == RightOperand::kPacked ? 1 : 2; }  // A_ZERO
  int b_zero() const { return !has_b_zero_ ? 0 : right_ == RightOperand::kPacked ? 1 : 2; }          // B_ZERO
  int fill_kind() const { return a_zero_from_memory_ ? 2 : a_zero_ != 0 ? 1 : 0; }                   // FILL
  // B's elements are u8 around 128: packed as i8 around 0.
  bool flip_b() const { return flip_b_; }
  DType b_type() const { return flip_b_ ? DType::kI8 : b_type_; }
  // For kCentred: the weights [filters, …] as f16.
  Result<Tensor> centred(std::span<const Tensor> constants) const;

 private:
  enum Row : int64_t { kScale, kBias, kBiasHigh, kColumnSums, kBZero, kRows };
  int64_t stride() const { return (columns_ + 7) / 8 * 8; }
  Result<Tensor> make_table(std::span<const Tensor> constants, const std::vector<int64_t>& sums) const;

  int64_t columns_ = 1, k_ = 1;
  DType b_type_ = DType::kI8;
  RightOperand right_ = RightOperand::kPacked;
  bool has_bias_ = false, has_b_zero_ = false, flip_b_ = false, a_zero_from_memory_ = false;
  bool scale_constant_ = true, scale_single_ = false, b_zero_single_ = true, wide_ = false;
  int a_zero_ = 0;
  int64_t most_ = 0, most_product_ = 0;  // the largest sum, at the optimum; the largest product
};

// The sum of `count` bytes of this type, from `first` on, `step` apart.
int64_t byte_sum(const Tensor& bytes, DType type, int64_t first, int64_t step, int64_t count);
// A tensor of 8-bit integers with 0x80 added to each.
Tensor flipped(const Tensor& bytes);

}  // namespace sinter::cuda
