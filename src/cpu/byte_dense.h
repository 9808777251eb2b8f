// What the tactics of sinter.QuantizedConv and sinter.QuantizedMatMul share: their operands as the byte kernels take them
// (cpu/kernels/epilogue.h, ByteEpilogue), and their epilogues.
//
// An epilogue program that ends in `div(v,s) round add(z) clip(low,high)` and is stored in 8 bits is split there: the kernels quantize.
// What is before it is dense_epilogue.h's; where that is a bias, a residual dequantized from 8 bits by constants, and relu or clip, all of it
// is folded into one multiply-add a value. A folded result may differ from the program's by the last place before rounding.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/dense_epilogue.h"
#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {

// Inputs of both operators.
enum ByteInput { kByteX = 0, kByteW = 1, kByteScale = 2, kByteXZero = 3, kByteWZero = 4, kByteBias = 5 };

// Products of so many values are exact in 32 bits whatever they are.
inline constexpr int64_t kLongestByteSum = 32768;

struct ByteDense {
  DenseEpilogue dense;
  bool quantized = false;    // by the kernel; else the program gives what is stored
  bool snapped = false;      // and dequantized again, (q - snap_zero) * snap_scale
  float snap_zero = 0, snap_scale = 1;
  float divisor = 1;
  int zero = 0, low = 0, high = 0;
  int residual_input = -1;   // 8 bits, added as (r - residual_zero) * residual_scale before or after the activation
  bool residual_after = false;
  float residual_zero = 0, residual_scale = 1;
};

// Splits `div(v,s) round [add(z)] clip(low,high)`, with bounds of the 8-bit type, off the end of a program with one result; false when it has none.
bool split_quantization(DType dtype, PointwiseProgram& program, ByteDense& match);

// Why no byte kernel takes the problem ("" when one may): types, counts of scales and zero points.
std::string byte_dense_unsuitable(const Problem& problem);
Result<ByteDense> match_byte_epilogue(const Problem& problem, int column_axis);
// As book_epilogue; constant operands are packed.
void book_byte_dense(const Problem& problem, const ByteDense& match, Layout layout, Offer& offer);

// Configs of the offers: "" for the widest tiles of the instruction set, and where these are matrix registers kByVectors for AVX-512's, which
// may be faster where rows, columns or sums are few. Weights are packed alike.
inline constexpr std::string_view kByVectors = "vectors";
std::vector<std::string> byte_configs(Isa isa);
// Null for a config that there is not.
const KernelTable* byte_kernel_table(Isa isa, std::string_view config);

// True unless the weights are known to be i8 around zero.
bool has_weight_zero(const Problem& problem);
// i8 weights, or u8 ones less 128.
Tensor signed_weights(const Tensor& weights);

// The blobs behind weights and column sums: constants in the order of inputs, the epilogue's bias last.
void append_byte_constants(const Problem& problem, const ByteDense& match, const Offer& offer, std::span<const Tensor> constants, std::vector<Tensor>& blobs);

// The values a column of a bound kernel, from blobs and a launch's inputs.
class ByteColumns {
 public:
  // `first_blob`: of append_byte_constants'. `columns`: of the result; `k`: values in a sum.
  static Result<ByteColumns> make(std::string_view tactic, const Problem& problem, const Offer& offer, const ByteDense& match,
                                  std::span<const Tensor> blobs, size_t first_blob);
  // `flips`: the kernel takes a signed X as unsigned values 128 more.
  void set_dims(std::span<const Dims> inputs, const Dims& output, int64_t columns, int64_t k, bool flips);
  // Reads what this launch brings; `column_sums` of the signed weights. What never changes is computed once.
  void update(const LaunchArgs& args, const int32_t* column_sums);
  // For the launch that update() was called for, until the next; the object must outlive it. `residual_stride`: the output's row stride.
  Epilogue at(const LaunchArgs& args, int64_t residual_stride);
  // The bits of X's zero point, 128 more where the kernel flips X.
  uint8_t x_zero() const { return static_cast<uint8_t>(x_zero_); }

 private:
  const void* operand(const LaunchArgs& args, int input) const;  // of any problem input; null where it is absent
  const void* own_operand(const LaunchArgs& args, ByteInput input) const;
  void read(const LaunchArgs& args, const int32_t* column_sums);
  void fold(const LaunchArgs& args);

  Problem problem_;
  ByteDense match_;
  std::vector<Tensor> constants_;  // one a problem input; undefined where it is not packed
  bool all_constant_ = false, current_ = false;
  int64_t columns_ = 0, k_ = 0;
  bool flips_ = false;
  int x_zero_ = 0;
  std::vector<int32_t> start_, weight_zero_;
  std::vector<float> scale_, folded_scale_, folded_bias_;
  ByteEpilogue bytes_;
};

}  // namespace sinter::cpu
