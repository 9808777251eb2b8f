// LRN of TYPE: each element divided by (bias + alpha * the sum of squares in a window of channels) ^ beta, a thread an element. Channels are `step` apart.
#include "device.h"

struct LrnArgs {
  i64 count, channels, step, before, after;
  f32 alpha, beta, bias, padding;
};

SINTER_KERNEL(lrn, 256, (const TYPE* from, TYPE* to, const LrnArgs args)) {
  after_previous();
  const i64 i = grid_thread();
  if (i >= args.count) return;
  const i64 channel = i / args.step % args.channels;
  const i64 first = max_i64(0, channel - args.before), last = min_i64(args.channels - 1, channel + args.after);
  f32 sum = 0;
  for (i64 c = first; c <= last; ++c) {
    const f32 x = to_f32(from[i + (c - channel) * args.step]);
    sum += x * x;
  }
  to[i] = from_f32<TYPE>(to_f32(from[i]) / powf(args.bias + args.alpha * sum, args.beta));
}
