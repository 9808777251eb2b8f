// Dense fp32 3x3 convolution of stride 1 by Winograd's minimal filtering, activations channels last (NHWC).
//
// F(m, 3): m x m outputs from a (m + 2) x (m + 2) tile of the source by (m + 2)^2 multiplications a channel pair in place of
// 9 m^2: 2.25 times fewer for m = 2, 4 times for m = 4. The source tile and the filter are evaluated at m + 1 points and
// infinity, each point is a matrix product over the channels, and the outputs are interpolated. Points 0, 1, -1 (m = 2) and
// 0, +-5/8, +-3/2 (m = 4) keep the error of m = 2 below that of the direct sum and that of m = 4 within about twice of it
// (tests/cpu_kernels/winograd_test.cpp measures both). An infinity in the source becomes NaN in the tiles that read it.
//
// Layouts as in conv.h, with groups == 1. Dilation d is d x d interleaved images. Transformed weights are packed in panels of
// 16 output channels, each [point][input channel][16].
#pragma once

#include <cstdint>

#include "base/threads.h"
#include "cpu/kernels/conv.h"

namespace sinter::cpu {

enum class WinogradForm : int { k2 = 0, k4 = 1 };
inline constexpr int kWinogradForms = 2;
constexpr int winograd_outputs(WinogradForm form) { return form == WinogradForm::k2 ? 2 : 4; }

// 3x3, stride 1, one group.
bool winograd_supports(const ConvShape& shape);

// `weights` is ONNX's [out_channels][channels][3][3]; transformed in double precision.
int64_t winograd_packed_floats(const ConvShape& shape, WinogradForm form);
void winograd_pack_weights(const ConvShape& shape, WinogradForm form, const float* weights, float* packed);

// Tiles are transformed a block at a time, and a block's products computed for a group of panels at a time; any values give the
// same results.
struct WinogradBlocking {
  int64_t tiles = 1;
  int64_t panels = 1;
};
WinogradBlocking winograd_blocking(const KernelTable& table, const ConvShape& shape, WinogradForm form, int threads);

int64_t winograd_workspace_bytes(const ConvShape& shape, WinogradForm form, const WinogradBlocking& blocking, int threads);

// Bias and residual as in conv. `workspace` is aligned to 64 bytes.
void conv_winograd(const KernelTable& table, const ConvShape& shape, WinogradForm form, const WinogradBlocking& blocking,
                   const float* src, const float* packed, float* dst, const Epilogue& epilogue, ThreadTeam& team, void* workspace);

}  // namespace sinter::cpu
