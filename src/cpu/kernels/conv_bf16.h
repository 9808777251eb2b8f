// Convolution and matrix products of f32 by products of bf16, where the processor has matrix registers for them (KernelTable::bf16).
//
// With three terms, operands are split: x = high + low, both bf16, and high * high + low * high + high * low is summed in f32. The error is within
// 2^-15 of the sum of the products' sizes, better than TF32's, plus the products of numbers below 2^-126, which count as zero. With one term,
// operands are rounded to bf16. Infinities and NaN come out as the multiplications and additions of f32 give them.
//
// The source, channels last, is split into the workspace first, high parts before low ones. Weights are packed from ONNX's OIHW for each group in
// panels of 16 output channels, with k in the order (ky, kx, channel), two channels side by side; a panel's low parts follow its high ones.
#pragma once

#include "cpu/kernels/conv.h"

namespace sinter::cpu {

// One group, or groups of an even number of channels.
bool conv_bf16_supports(const ConvShape& shape);

// `terms`: 1 or 3. bf16 values of the packed weights, and the packing; `weights` is [out_channels][channels / groups][kh][kw].
int64_t conv_bf16_packed_count(const ConvShape& shape, int terms);
void conv_bf16_pack(const ConvShape& shape, int terms, const float* weights, uint16_t* packed);
// The same for a matrix [k][n] (or [n][k] where transposed) as the weights of a 1x1 convolution.
void matmul_bf16_pack(int64_t n, int64_t k, int terms, const float* b, int64_t b_stride, bool b_transposed, uint16_t* packed);

GemmBlocking conv_bf16_blocking(const KernelTable& table, const ConvShape& shape, int terms);
int64_t conv_bf16_workspace_bytes(const ConvShape& shape, const GemmBlocking& blocking, int terms, int threads);

// Bias and residual are indexed by output channel and (pixel, channel). `workspace` is aligned to 64 bytes.
void conv_bf16(const KernelTable& table, const ConvShape& shape, const GemmBlocking& blocking, int terms, const float* src, const uint16_t* packed,
               float* dst, const Epilogue& epilogue, ThreadTeam& team, void* workspace);

}  // namespace sinter::cpu
