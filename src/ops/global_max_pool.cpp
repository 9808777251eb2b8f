// GlobalMaxPool: the largest element of every plane, NaN if there is one; shape [N, C, 1…].
#include <cmath>
#include <limits>

#include "ops/sliding_window.h"

namespace sinter::ops {
namespace global_max_pool_impl {

Status evaluate(EvalContext& context) {
  return evaluate_global_pool(context, [](const double* plane, int64_t count) {
    double best = -std::numeric_limits<double>::infinity();
    for (int64_t i = 0; i < count && !std::isnan(best); ++i)
      if (!(plane[i] <= best)) best = plane[i];
    return best;
  });
}

}  // namespace global_max_pool_impl

OpDef define_global_max_pool() {
  OpDef op("GlobalMaxPool", 1);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes);
  op.infer = infer_global_pool;
  op.evaluate = global_max_pool_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
