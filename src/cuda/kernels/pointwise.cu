// A pointwise program over a flat result: each thread makes PW_VECTOR consecutive elements. generated.h (src/cuda/pointwise.cpp) holds
// PW_VECTOR, struct PointwiseArgs, the program and pw_vector(). Bandwidth-bound for programs of a few cheap steps.
#include "pointwise_ops.h"
#include "broadcast.h"
#include "generated.h"

SINTER_KERNEL(pointwise, 256, (const PointwiseArgs args)) {
  after_previous();
  const i64 i = grid_thread() * PW_VECTOR;
  if (i >= args.count) return;
  const i64 left = args.count - i;
  pw_vector(args, i, left < PW_VECTOR ? (int)left : PW_VECTOR);
}
