// GlobalLpPool: (Σ|x|^p)^(1/p) over every plane; shape [N, C, 1…].
#include <cmath>

#include "ops/sliding_window.h"

namespace sinter::ops {
namespace global_lp_pool_impl {

Status evaluate(EvalContext& context) {
  const auto p = static_cast<double>(context.attributes().i("p"));
  return evaluate_global_pool(context, [&](const double* plane, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += std::pow(std::abs(plane[i]), p);
    return std::pow(sum, 1 / p);
  });
}

}  // namespace global_lp_pool_impl

OpDef define_global_lp_pool() {
  OpDef op("GlobalLpPool", 2);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).attr("p", int64_t{2});
  op.infer = infer_global_pool;
  op.evaluate = global_lp_pool_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
