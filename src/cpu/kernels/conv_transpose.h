// Transposed fp32 convolution, activations channels last (NHWC), by output phase: the output pixels of one remainder of
// (y, x) modulo the strides meet the same taps of the filter, so each phase is a convolution of its own over the
// source, and nothing is scattered or accumulated in memory.
//
// ConvShape is read with the source as ConvTranspose's input: output (y, x) sums source (sy, sx) times tap (ky, kx)
// where y + pad_top = sy * stride_h + ky * dilation_h, and likewise x. Weights are ONNX's
// [channels][out_channels / groups][kh][kw], packed for each group and phase in panels of 16 output channels with k in
// the order (tap of the phase, input channel).
#pragma once

#include <cstdint>

#include "base/threads.h"
#include "cpu/kernels/conv.h"

namespace sinter::cpu {

// At most kMaxTransposeTaps filter rows and columns, and as large strides.
inline constexpr int64_t kMaxTransposeTaps = 32;
bool conv_transpose_supports(const ConvShape& shape);

int64_t conv_transpose_packed_floats(const ConvShape& shape);
void conv_transpose_pack_weights(const ConvShape& shape, const float* weights, float* packed);

GemmBlocking conv_transpose_blocking(const KernelTable& table, const ConvShape& shape);
int64_t conv_transpose_workspace_bytes(const ConvShape& shape, const GemmBlocking& blocking, int threads);

// Bias and residual are indexed by output channel and (pixel, channel). `workspace` is aligned to 64 bytes.
void conv_transpose(const KernelTable& table, const ConvShape& shape, const GemmBlocking& blocking, const float* src,
                    const float* packed, float* dst, const Epilogue& epilogue, ThreadTeam& team, void* workspace);

}  // namespace sinter::cpu
