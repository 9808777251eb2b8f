// Dense fp32 convolution, activations channels last (NHWC): a batch-reduce GEMM whose rows are output pixels and whose
// segments are the filter's taps; nothing is copied.
//
// Layouts: source pixel (n, y, x), channel c at src[((n * h + y) * w + x) * src_pixel_stride + c]; output likewise; so
// both may be slices of a wider tensor (a concatenation along channels). Weights are packed from ONNX's OIHW, for each
// group in panels of 16 output channels with k in the order (ky, kx, input channel).
//
// With few input channels (an image) a tap is too short to be a segment: conv_few_channels copies bands of the source,
// with their padding, and has one segment whose k runs through a table of offsets. It reads NHWC or plain NCHW.
#pragma once

#include <cstdint>

#include "base/threads.h"
#include "cpu/kernels/gemm_driver.h"

namespace sinter::cpu {

struct ConvShape {
  int64_t batch = 1, h = 0, w = 0, channels = 0;        // source
  int64_t oh = 0, ow = 0, out_channels = 0;             // output
  int64_t kh = 1, kw = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0;                    // padding below and to the right follows from oh and ow
  int64_t groups = 1;
  int64_t src_pixel_stride = 0, dst_pixel_stride = 0;   // at least channels and out_channels
};

// Floats of the packed weights, and the packing. `weights` is [out_channels][channels / groups][kh][kw].
int64_t conv_packed_floats(const ConvShape& shape);
void conv_pack_weights(const ConvShape& shape, const float* weights, float* packed);

// The blocking that conv uses when given none.
GemmBlocking conv_blocking(const KernelTable& table, const ConvShape& shape);

int64_t conv_workspace_bytes(const ConvShape& shape, const GemmBlocking& blocking, int threads);

// Bias and residual are indexed by output channel and (pixel, channel). `workspace` is aligned to 64 bytes.
void conv(const KernelTable& table, const ConvShape& shape, const GemmBlocking& blocking, const float* src,
          const float* packed, float* dst, const Epilogue& epilogue, ThreadTeam& team, void* workspace);

// The same for any element type: what conv is made of.
struct ConvOperands {
  const void* src = nullptr;
  int src_bytes = 4;             // of an element
  bool src_signed = false;       // TileCall::a_signed
  const void* padding = nullptr;  // stands for a pixel outside the source: channels / groups elements
  bool padding_is_zero = true;    // its products add nothing to a sum: taps that are padding for a whole tile are left out
  const void* packed = nullptr;
  int64_t group_units = 0;        // of one group's packed weights (kernel_table.h)
  void* dst = nullptr;
  int dst_bytes = 4;
  int terms = 1;                  // GemmArgs::terms, and src_low its a_low; k is not blocked where there are several
  int64_t src_low = 0;
  int64_t only_group = -1;        // compute this group only; -1: all
};

// `scratch` holds gemm_scratch_bytes for each thread.
void conv_on_team(const TileSet& set, const ConvOperands& operands, const ConvShape& shape, const GemmBlocking& blocking,
                  const Epilogue& epilogue, ThreadTeam& team, void* scratch);

// Element (n, c, y, x) of the source of conv_few_channels is at n * batch + c * channel + y * row + x * column.
struct ImageStrides {
  int64_t batch, channel, row, column;
};

// groups == 1. The source is NCHW (column == 1) or NHWC (channel == 1, column == channels); src_pixel_stride is not
// used. Bands are rows of the output: threads beyond their number stay idle.
bool conv_few_channels_supports(const ConvShape& shape);
GemmBlocking conv_few_channels_blocking(const KernelTable& table, const ConvShape& shape);
int64_t conv_few_channels_workspace_bytes(const ConvShape& shape, const GemmBlocking& blocking, int threads);
void conv_few_channels(const KernelTable& table, const ConvShape& shape, const GemmBlocking& blocking,
                       const float* src, const ImageStrides& strides, const float* packed, float* dst,
                       const Epilogue& epilogue, ThreadTeam& team, void* workspace);

}  // namespace sinter::cpu
