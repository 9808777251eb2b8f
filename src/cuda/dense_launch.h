// Compiling and launching kernels/dense.cu: what convolutions, their transposes and matrix products share.
#pragma once

#include <string>
#include <vector>

#include "cuda/dense_config.h"
#include "cuda/dense_epilogue.h"
#include "cuda/kernel.h"
#include "cuda/kernels/dense_params.h"

namespace sinter::cuda {

// Multiplier and shift for divisions by `by` (1 … 2^31 - 1) of numbers below 2^31.
sinter_kernels::Divisor divisor(int64_t by);

// The widest copy (16, 8, 4, 2 or 1 bytes) that divides `elements` elements; one element where their number is not known.
int copy_bytes(const Dim& elements, int element);

// How a problem's element types and precision are computed. The error is a decline's reason.
Result<DenseMath> dense_math(const Problem& problem);

// The compile-time names of dense.cu besides its tile.
struct DenseVariant {
  DType type = DType::kF32, out = DType::kF32;
  DenseMath math = DenseMath::kFma;
  bool gather = false, b_rows = false, whole = false, round_b = false, scatter = false;
  bool all_inside = false;  // gather without a look at bounds
  bool weights = true;      // b is constant
  int vector_a = 16, vector_b = 16;
  // Of 8-bit integers: B's type, and names of dense.cu.
  DType type_b = DType::kI8;
  int fill = 0, a_zero = 0, b_zero = 0;
  bool sums() const { return a_zero == 2 || b_zero != 0; }  // made by the kernel
};
Source dense_source(const DenseVariant& variant, const DenseConfig& config, const DenseEpilogue& epilogue);

// Zeros in device memory, which kernels leave as zeros. Belongs to the current context.
class ZeroedMemory {
 public:
  ZeroedMemory() = default;
  ZeroedMemory(const ZeroedMemory&) = delete;
  ZeroedMemory& operator=(const ZeroedMemory&) = delete;
  ~ZeroedMemory();
  Status reserve(int64_t bytes);
  void* data() const { return reinterpret_cast<void*>(memory_); }

 private:
  CUdeviceptr memory_ = 0;
  int64_t bytes_ = 0;
};

// A loaded dense kernel of one configuration.
class DenseLauncher {
 public:
  Status load(Function function, const DenseConfig& config, int element);
  // Completes what depends on the tile; params has the geometry. Returns the workspace.
  Result<int64_t> specialize(sinter_kernels::DenseParams& params, int64_t z);
  Status launch(sinter_kernels::DenseParams params, int64_t z, const LaunchArgs& args) const;

 private:
  Function function_;
  DenseConfig config_;
  int element_ = 2;
  ZeroedMemory counters_;
  int resident_ = 0;  // blocks that the GPU holds at once, where they stay
};
// The workspace that specialize will ask for.
int64_t dense_workspace(const DenseConfig& config, int64_t m, int64_t n, int64_t z);

// Rows of `k` elements, `batch` times `rows` of them, as dense.cu reads packed B: bytes, f16, bf16 or f32, each row padded
// with zeros to 128 bytes, and rounded to tf32 for that math. `at(batch, row, k)`: the element's place in `weights`.
int64_t packed_row(int64_t k, int element);
template <typename At>
Tensor pack_rows(const Tensor& weights, DenseMath math, int64_t batch, int64_t rows, int64_t k, At&& at);

// One element, rounded to tf32 as the tensor cores' own conversion does: to nearest, ties away from zero.
uint32_t round_to_tf32(uint32_t bits);

template <typename At>
Tensor pack_rows(const Tensor& weights, DenseMath math, int64_t batch, int64_t rows, int64_t k, At&& at) {
  const int element = dtype_bits(weights.dtype()) / 8;
  const int64_t stride = packed_row(k, element);
  Tensor packed(weights.dtype(), {batch, rows, stride});
  const auto fill = [&]<typename T>(T, auto&& convert) {
    const T* from = reinterpret_cast<const T*>(weights.raw());
    T* to = static_cast<T*>(packed.raw());
    for (int64_t b = 0; b < batch; ++b) {
      for (int64_t r = 0; r < rows; ++r, to += stride) {
        for (int64_t i = 0; i < k; ++i) to[i] = convert(from[at(b, r, i)]);
        std::fill(to + k, to + stride, T{0});
      }
    }
  };
  if (element == 1)
    fill(uint8_t{}, [](uint8_t x) { return x; });
  else if (element == 2)
    fill(uint16_t{}, [](uint16_t x) { return x; });
  else if (math == DenseMath::kTf32)
    fill(uint32_t{}, round_to_tf32);
  else
    fill(uint32_t{}, [](uint32_t x) { return x; });
  return packed;
}

}  // namespace sinter::cuda
