// CumSum of TYPE along lines of `length` elements, `inner` apart: a warp a line, 32 elements at a time. Sums are f64, or u64 for integers.
#include "device.h"

SINTER_DEVICE u64 bits_of_sum(f64 x) { return __builtin_bit_cast(u64, x); }
SINTER_DEVICE u64 bits_of_sum(u64 x) { return x; }
SINTER_DEVICE void sum_of_bits(f64& to, u64 bits) { to = __builtin_bit_cast(f64, bits); }
SINTER_DEVICE void sum_of_bits(u64& to, u64 bits) { to = bits; }
template <typename S>
SINTER_DEVICE S shuffle_sum(S value, int from) {
  const u64 bits = bits_of_sum(value);
  const u32 low = shuffle((u32)bits, from), high = shuffle((u32)(bits >> 32), from);
  S out;
  sum_of_bits(out, (u64)high << 32 | low);
  return out;
}

SINTER_DEVICE f64 widened(f32 x) { return x; }
SINTER_DEVICE f64 widened(f16 x) { return to_f32(x); }
SINTER_DEVICE f64 widened(bf16 x) { return to_f32(x); }
SINTER_DEVICE u64 widened(i32 x) { return (u64)(i64)x; }
SINTER_DEVICE u64 widened(i64 x) { return (u64)x; }
SINTER_DEVICE void narrowed(f32& to, f64 x) { to = (f32)x; }
SINTER_DEVICE void narrowed(f16& to, f64 x) { to = from_f32<f16>((f32)x); }
SINTER_DEVICE void narrowed(bf16& to, f64 x) { to = from_f32<bf16>((f32)x); }
SINTER_DEVICE void narrowed(i32& to, u64 x) { to = (i32)x; }
SINTER_DEVICE void narrowed(i64& to, u64 x) { to = (i64)x; }

SINTER_KERNEL(cum_sum, 256, (const TYPE* from, TYPE* to, i64 lines, i64 length, i64 inner, i32 exclusive, i32 reverse)) {
  after_previous();
  typedef decltype(widened(TYPE())) Sum;
  const i64 line = (i64)block_x() * (block_threads() / 32) + warp();
  if (line >= lines) return;
  const i64 start = line / inner * length * inner + line % inner;
  Sum carry = 0;
  for (i64 first = 0; first < length; first += 32) {
    const i64 k = first + lane(), at = start + (reverse ? length - 1 - k : k) * inner;
    Sum sum = k < length ? widened(from[at]) : Sum(0);
    for (int step = 1; step < 32; step *= 2) {
      const Sum other = shuffle_sum(sum, lane() < step ? lane() : lane() - step);
      if (lane() >= step) sum = other + sum;
    }
    const Sum before = shuffle_sum(sum, lane() > 0 ? lane() - 1 : 0);
    const Sum value = !exclusive ? carry + sum : lane() == 0 ? carry : carry + before;
    carry = carry + shuffle_sum(sum, 31);
    if (k < length) narrowed(to[at], value);
  }
}
