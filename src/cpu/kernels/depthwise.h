// Depthwise fp32 convolution, activations channels last (NHWC), one filter per channel.
//
// Layouts as in conv.h; weights are packed as [kh][kw][channels rounded up to 16]. Needs no workspace.
#pragma once

#include <cstdint>

#include "base/threads.h"
#include "cpu/kernels/conv.h"

namespace sinter::cpu {

inline constexpr int64_t kMaxDepthwiseKernelRows = 64;

// groups == channels == out_channels, and at most kMaxDepthwiseKernelRows filter rows.
bool depthwise_supports(const ConvShape& shape);

// `weights` is ONNX's [channels][1][kh][kw].
int64_t depthwise_packed_floats(const ConvShape& shape);
void depthwise_pack_weights(const ConvShape& shape, const float* weights, float* packed);

void depthwise(const KernelTable& table, const ConvShape& shape, const float* src, const float* packed, float* dst,
               const Epilogue& epilogue, ThreadTeam& team);

}  // namespace sinter::cpu
