// Convolution of TYPE over up to three spatial axes as its definition says: a thread an output element, row-major, f32 sums. For filters that the
// other convolution kernels do not take. generated.h (src/cuda/conv_direct.cpp) holds the epilogue: EpilogueArgs and conv_end().
#include "pointwise_ops.h"
#include "broadcast.h"
#include "generated.h"

struct ConvArgs {
  i64 count, out_channels, group_outputs, group_channels, channels;
  i64 size[3], in_size[3];
  i32 kernel[3], stride[3], dilation[3], pad[3];
};

SINTER_KERNEL(conv_direct, 256, (const TYPE* x, const TYPE* w, const TYPE* bias, TYPE* to, const ConvArgs args, const EpilogueArgs epilogue)) {
  after_previous();
  const i64 i = grid_thread();
  if (i >= args.count) return;
  i64 rest = i, at[3];
  for (int d = 2; d >= 0; --d) {
    const i64 quotient = rest / args.size[d];
    at[d] = rest - quotient * args.size[d];
    rest = quotient;
  }
  const i64 m = rest % args.out_channels, n = rest / args.out_channels;
  const i64 plane = args.in_size[0] * args.in_size[1] * args.in_size[2], taps = (i64)args.kernel[0] * args.kernel[1] * args.kernel[2];
  const TYPE* image = x + (n * args.channels + m / args.group_outputs * args.group_channels) * plane;
  const TYPE* filter = w + m * args.group_channels * taps;
  f32 sum = bias ? to_f32(bias[m]) : 0.0f;
  for (i64 c = 0; c < args.group_channels; ++c) {
    f32 part = 0;  // sums of one channel keep their digits
    for (int a = 0; a < args.kernel[0]; ++a) {
      const i64 z = at[0] * args.stride[0] - args.pad[0] + (i64)a * args.dilation[0];
      if (z < 0 || z >= args.in_size[0]) continue;
      for (int b = 0; b < args.kernel[1]; ++b) {
        const i64 y = at[1] * args.stride[1] - args.pad[1] + (i64)b * args.dilation[1];
        if (y < 0 || y >= args.in_size[1]) continue;
        const TYPE* row = image + c * plane + (z * args.in_size[1] + y) * args.in_size[2];
        const TYPE* weights = filter + c * taps + (a * args.kernel[1] + b) * args.kernel[2];
        for (int e = 0; e < args.kernel[2]; ++e) {
          const i64 column = at[2] * args.stride[2] - args.pad[2] + (i64)e * args.dilation[2];
          if (column >= 0 && column < args.in_size[2]) part += to_f32(row[column]) * to_f32(weights[e]);
        }
      }
    }
    sum += part;
  }
  to[i] = from_f32<TYPE>(conv_end(epilogue, sum, i));
}
