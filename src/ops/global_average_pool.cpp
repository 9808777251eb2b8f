// GlobalAveragePool: the mean of every plane; shape [N, C, 1…].
#include "ops/sliding_window.h"

namespace sinter::ops {
namespace global_average_pool_impl {

Status evaluate(EvalContext& context) {
  return evaluate_global_pool(context, [](const double* plane, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += plane[i];
    return sum / static_cast<double>(count);
  });
}

}  // namespace global_average_pool_impl

OpDef define_global_average_pool() {
  OpDef op("GlobalAveragePool", 1);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes);
  op.infer = infer_global_pool;
  op.evaluate = global_average_pool_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
