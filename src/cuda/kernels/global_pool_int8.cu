// Means of planes of bytes TYPE as TO, f32 or bytes (sinter.IntegerGlobalAveragePool): float(sum - offset) * factor, for bytes rounded to nearest even, plus
// `zero`, within low … high. mean_plane: a block a plane, whose pixels lie `step` apart. mean_last: images channels last, channels a multiple of four, four of
// them a lane, pixels shared by the block's warps.
#include "device.h"

struct MeanArgs {
  i64 pixels, channels, step, offset;
  f32 factor, zero, low, high;
};

SINTER_DEVICE void store_mean(TO* to, i64 sum, const MeanArgs& args) {
  const f32 mean = (f32)(sum - args.offset) * args.factor;
#if QUANTIZE
  const f32 whole = rintf(mean) + args.zero;
  *to = (TO)(i32)(whole < args.low ? args.low : whole > args.high ? args.high : whole);
#else
  *to = mean;
#endif
}

SINTER_KERNEL(mean_plane, 256, (const TYPE* from, TO* to, const MeanArgs args)) {
  after_previous();
  SINTER_SHARED i64 parts[8];
  const i64 plane = block_x();
  // Channels last: planes of one image lie side by side.
  from += args.step == 1 ? plane * args.pixels : plane / args.channels * args.channels * args.pixels + plane % args.channels;
  i64 sum = 0;
  for (i64 p = thread_x(); p < args.pixels; p += block_threads()) sum += (i64)from[p * args.step];
  for (int mask = 16; mask > 0; mask >>= 1) sum += shuffle_xor(sum, mask);
  if (lane() == 0) parts[warp()] = sum;
  barrier();
  if (thread_x() > 0) return;
  for (int w = 1; w < block_threads() / 32; ++w) sum += parts[w];
  store_mean(to + plane, sum, args);
}

SINTER_KERNEL(mean_last, 512, (const TYPE* from, TO* to, const MeanArgs args)) {
  after_previous();
  SINTER_SHARED i32 parts[16][32][4];
  const i64 first = ((i64)block_x() * 32 + lane()) * 4, image = block_y();
  i32 sums[4] = {0, 0, 0, 0};
  if (first < args.channels) {
    const u32* words = (const u32*)(from + image * args.pixels * args.channels + first);
    for (i64 p = warp(); p < args.pixels; p += block_threads() / 32) {
      const u32 word = words[p * (args.channels / 4)];
      for (int i = 0; i < 4; ++i) sums[i] += (i32)(TYPE)(word >> (8 * i));
    }
  }
  for (int i = 0; i < 4; ++i) parts[warp()][lane()][i] = sums[i];
  barrier();
  if (warp() > 0 || first >= args.channels) return;
  for (int i = 0; i < 4; ++i) {
    i64 sum = 0;
    for (int w = 0; w < block_threads() / 32; ++w) sum += parts[w][lane()][i];
    store_mean(to + image * args.channels + first + i, sum, args);
  }
}
