// Integers element by element, a thread an element: TYPE operands, RESULT results. OP names the function of two operands (or of one: the second is
// not read; or three). Sums, differences and products wrap around; division truncates, and by zero gives 0.
#include "broadcast.h"
#include "index.h"

struct Integers {
  i64 count;
  const void* in[3];
  void* out;
  Map maps[3];
  i32 there[3];  // clip: bounds that there are
  i32 padding;
};

SINTER_DEVICE TYPE op_add(TYPE a, TYPE b) { return (TYPE)((u64)a + (u64)b); }
SINTER_DEVICE TYPE op_sub(TYPE a, TYPE b) { return (TYPE)((u64)a - (u64)b); }
SINTER_DEVICE TYPE op_mul(TYPE a, TYPE b) { return (TYPE)((u64)a * (u64)b); }
SINTER_DEVICE bool is_minus_one(TYPE b) { return (TYPE)-1 < (TYPE)0 && b == (TYPE)-1; }
SINTER_DEVICE TYPE op_div(TYPE a, TYPE b) { return b == 0 ? (TYPE)0 : is_minus_one(b) ? op_sub(0, a) : (TYPE)(a / b); }
SINTER_DEVICE TYPE op_remainder(TYPE a, TYPE b) { return b == 0 || is_minus_one(b) ? (TYPE)0 : (TYPE)(a % b); }
SINTER_DEVICE TYPE op_mod(TYPE a, TYPE b) {
  const TYPE r = op_remainder(a, b);
  return r != 0 && (r < (TYPE)0) != (b < (TYPE)0) ? (TYPE)(r + b) : r;
}
SINTER_DEVICE TYPE op_max(TYPE a, TYPE b) { return a > b ? a : b; }
SINTER_DEVICE TYPE op_min(TYPE a, TYPE b) { return a < b ? a : b; }
SINTER_DEVICE TYPE op_and(TYPE a, TYPE b) { return (TYPE)(a & b); }
SINTER_DEVICE TYPE op_or(TYPE a, TYPE b) { return (TYPE)(a | b); }
SINTER_DEVICE TYPE op_xor(TYPE a, TYPE b) { return (TYPE)(a ^ b); }
SINTER_DEVICE u8 op_equal(TYPE a, TYPE b) { return a == b; }
SINTER_DEVICE u8 op_less(TYPE a, TYPE b) { return a < b; }
SINTER_DEVICE u8 op_less_equal(TYPE a, TYPE b) { return a <= b; }
SINTER_DEVICE u8 op_greater(TYPE a, TYPE b) { return a > b; }
SINTER_DEVICE u8 op_greater_equal(TYPE a, TYPE b) { return a >= b; }
SINTER_DEVICE TYPE op_neg(TYPE a, TYPE) { return op_sub(0, a); }
SINTER_DEVICE TYPE op_abs(TYPE a, TYPE) { return a < (TYPE)0 ? op_sub(0, a) : a; }
SINTER_DEVICE TYPE op_sign(TYPE a, TYPE) { return (TYPE)((a > (TYPE)0) - (a < (TYPE)0)); }
SINTER_DEVICE TYPE op_not(TYPE a, TYPE) { return (TYPE)~a; }

SINTER_KERNEL(integer_binary, 256, (const Integers args)) {
  after_previous();
  const i64 i = grid_thread();
  if (i >= args.count) return;
  const TYPE a = ((const TYPE*)args.in[0])[map_offset(args.maps[0], i)];
  const TYPE b = args.in[1] ? ((const TYPE*)args.in[1])[map_offset(args.maps[1], i)] : (TYPE)0;
  ((RESULT*)args.out)[i] = (RESULT)OP(a, b);
}

// A value between two bounds, each of which may be absent; the upper one wins.
SINTER_KERNEL(integer_clip, 256, (const Integers args)) {
  after_previous();
  const i64 i = grid_thread();
  if (i >= args.count) return;
  TYPE x = ((const TYPE*)args.in[0])[i];
  if (args.there[1]) x = op_max(x, *(const TYPE*)args.in[1]);
  if (args.there[2]) x = op_min(x, *(const TYPE*)args.in[2]);
  ((TYPE*)args.out)[i] = x;
}

SINTER_KERNEL(integer_where, 256, (const Integers args)) {
  after_previous();
  const i64 i = grid_thread();
  if (i >= args.count) return;
  const int from = ((const u8*)args.in[0])[map_offset(args.maps[0], i)] ? 1 : 2;
  ((TYPE*)args.out)[i] = ((const TYPE*)args.in[from])[map_offset(args.maps[from], i)];
}
