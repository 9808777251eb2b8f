// AveragePool: the mean of each window. count_include_pad counts padding as zeros, but never what ceil_mode adds beyond
// it.
#include "ops/sliding_window.h"

namespace sinter::ops {
namespace average_pool_impl {

Status evaluate(EvalContext& context) {
  const bool include_pad = context.attributes().i("count_include_pad") != 0;
  return evaluate_pool(context, [&](const double* plane, const int64_t* offsets, int64_t count, int64_t included) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += plane[offsets[i]];
    const int64_t divisor = include_pad ? included : count;
    return divisor == 0 ? 0.0 : sum / static_cast<double>(divisor);
  });
}

}  // namespace average_pool_impl

OpDef define_average_pool() {
  OpDef op("AveragePool", 1);
  op.input("X", "T")
      .output("Y", "T")
      .type("T", kFloatTypes)
      .attr("auto_pad", std::string("NOTSET"))
      .attr("ceil_mode", int64_t{0})
      .attr("count_include_pad", int64_t{0})
      .attr("dilations", AttrKind::kInts, false)
      .attr("kernel_shape", AttrKind::kInts, true)
      .attr("pads", AttrKind::kInts, false)
      .attr("strides", AttrKind::kInts, false);
  op.infer = infer_pool;
  op.evaluate = average_pool_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
