// LpPool: (Σ|x|^p)^(1/p) over each window; padding adds nothing.
#include <cmath>

#include "ops/sliding_window.h"

namespace sinter::ops {
namespace lp_pool_impl {

Status evaluate(EvalContext& context) {
  const auto p = static_cast<double>(context.attributes().i("p"));
  return evaluate_pool(context, [&](const double* plane, const int64_t* offsets, int64_t count, int64_t) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += std::pow(std::abs(plane[offsets[i]]), p);
    return std::pow(sum, 1 / p);
  });
}

}  // namespace lp_pool_impl

OpDef define_lp_pool() {
  OpDef op("LpPool", 2);
  op.input("X", "T")
      .output("Y", "T")
      .type("T", kFloatTypes)
      .attr("auto_pad", std::string("NOTSET"))
      .attr("ceil_mode", int64_t{0})
      .attr("dilations", AttrKind::kInts, false)
      .attr("kernel_shape", AttrKind::kInts, true)
      .attr("p", int64_t{2})
      .attr("pads", AttrKind::kInts, false)
      .attr("strides", AttrKind::kInts, false);
  op.infer = infer_pool;
  op.evaluate = lp_pool_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
