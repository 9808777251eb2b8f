// Convolution of 8-bit values, activations channels last: conv.h's batch-reduce GEMM over byte tiles (byte_tile_body.h).
//
// Most tiles multiply unsigned activations by signed weights: a signed source is copied with 128 added to every value first
// (KernelTable::flip_bytes), and the zero point and the sums to begin with are those of the copy. Weights are packed from ONNX's OIHW for each group in panels of 16 output channels, with k in the
// order (ky, kx, channel) and every tap's channels filled up to a multiple of four.
//
// conv_bytes_few_channels, for images: bands of the source are copied with their padding, and a filter row is one segment, whose kw *
// channels values are filled up to a multiple of four. It reads NHWC or plain NCHW.
#pragma once

#include "cpu/kernels/conv.h"

namespace sinter::cpu {

struct ByteSource {
  const void* data = nullptr;
  bool is_signed = false;
  uint8_t zero = 0;  // stands for padding; of a signed source 128 more than the value, where it is flipped
};
// Whether conv_bytes and matmul_bytes flip the source; conv_bytes_few_channels does in any case.
inline bool flips_source(const KernelTable& table, bool is_signed) { return is_signed && !table.bytes.signed_a; }

// Bytes of the packed weights, and the packing. `weights` is [out_channels][channels / groups][kh][kw]; column_sums[o] becomes the
// sum of filter o.
int64_t conv_bytes_packed_bytes(const ConvShape& shape);
void conv_bytes_pack(const ConvShape& shape, const int8_t* weights, int8_t* packed, int32_t* column_sums);

GemmBlocking conv_bytes_blocking(const KernelTable& table, const ConvShape& shape);

// `row_sums`: Epilogue::bytes has a weight_zero, and the kernel sets row_sums.
int64_t conv_bytes_workspace_bytes(const ConvShape& shape, const GemmBlocking& blocking, bool flips, bool row_sums, int threads);
void conv_bytes(const KernelTable& table, const ConvShape& shape, const GemmBlocking& blocking, const ByteSource& source,
                const int8_t* packed, void* dst, const Epilogue& epilogue, ThreadTeam& team, void* workspace);

// groups == 1, dilation_w == 1, and no weight_zero.
bool conv_bytes_few_channels_supports(const ConvShape& shape);
int64_t conv_bytes_few_channels_packed_bytes(const ConvShape& shape);
void conv_bytes_few_channels_pack(const ConvShape& shape, const int8_t* weights, int8_t* packed, int32_t* column_sums);
GemmBlocking conv_bytes_few_channels_blocking(const KernelTable& table, const ConvShape& shape);
int64_t conv_bytes_few_channels_workspace_bytes(const ConvShape& shape, const GemmBlocking& blocking, int threads);
void conv_bytes_few_channels(const KernelTable& table, const ConvShape& shape, const GemmBlocking& blocking, const ByteSource& source,
                             const ImageStrides& strides, const int8_t* packed, void* dst, const Epilogue& epilogue, ThreadTeam& team,
                             void* workspace);

// Bytes of an output element.
inline int byte_store_bytes(ByteStore store) { return store == ByteStore::kI8 || store == ByteStore::kU8 ? 1 : 4; }

}  // namespace sinter::cpu
