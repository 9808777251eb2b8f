// AveragePool (KIND 0), MaxPool (1) and LpPool (2, p 1 or 2) of TYPE over up to three spatial axes, in f32; one output a thread, in the output's memory order.
// Strides say the layout.
#include "device.h"

struct PoolArgs {
  i64 count, channels, out_n, out_c, in_n, in_c;      // strides of n and c
  i64 size[3], in_size[3], out_stride[3], in_stride[3];
  i32 kernel[3], stride[3], dilation[3], pad[3], pad_end[3];
  i32 count_padding, channels_last, p;
};

SINTER_KERNEL(pool, 256, (const TYPE* from, TYPE* to, const PoolArgs args)) {
  i64 rest = grid_thread();
  if (rest >= args.count) return;
  i64 n, c, at[3];
  if (args.channels_last) {
    c = rest % args.channels;
    rest /= args.channels;
  }
  for (int d = 2; d >= 0; --d) {
    at[d] = rest % args.size[d];
    rest /= args.size[d];
  }
  if (!args.channels_last) {
    c = rest % args.channels;
    rest /= args.channels;
  }
  n = rest;
  const TYPE* base = from + n * args.in_n + c * args.in_c;
  f32 value = KIND == 1 ? -infinity() : 0.0f;
  i64 cells = 1, inside = 0;
  for (int d = 0; d < 3; ++d) {
    // Cells of the window that are in the padded input.
    const i64 begin = at[d] * args.stride[d] - args.pad[d], limit = args.in_size[d] + args.pad_end[d];
    i64 fit = 0;
    for (int k = 0; k < args.kernel[d]; ++k) fit += begin + (i64)k * args.dilation[d] < limit;
    cells *= fit;
  }
  for (int a = 0; a < args.kernel[0]; ++a) {
    const i64 z = at[0] * args.stride[0] - args.pad[0] + (i64)a * args.dilation[0];
    if (z < 0 || z >= args.in_size[0]) continue;
    for (int b = 0; b < args.kernel[1]; ++b) {
      const i64 y = at[1] * args.stride[1] - args.pad[1] + (i64)b * args.dilation[1];
      if (y < 0 || y >= args.in_size[1]) continue;
      for (int e = 0; e < args.kernel[2]; ++e) {
        const i64 x = at[2] * args.stride[2] - args.pad[2] + (i64)e * args.dilation[2];
        if (x < 0 || x >= args.in_size[2]) continue;
        const f32 element = to_f32(base[z * args.in_stride[0] + y * args.in_stride[1] + x * args.in_stride[2]]);
        if (KIND == 1) {
          value = max_nan(value, element);
        } else if (KIND == 0) {
          value += element;
        } else {
          const f32 size = fabsf(element);
          value += args.p == 1 ? size : size * size;
        }
        ++inside;
      }
    }
  }
  if (KIND == 2 && args.p == 2) value = sqrtf(value);
  if (KIND == 0) value /= (f32)(args.count_padding ? cells : inside);
  to[n * args.out_n + c * args.out_c + at[0] * args.out_stride[0] + at[1] * args.out_stride[1] + at[2] * args.out_stride[2]] = from_f32<TYPE>(value);
}
