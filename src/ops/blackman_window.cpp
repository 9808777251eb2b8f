// BlackmanWindow: 0.42 - 0.5·cos(2πi/n) + 0.08·cos(4πi/n) for i in [0, size), n = size when periodic, else size - 1.
#include "ops/cosine_window.h"

namespace sinter::ops {
namespace blackman_window_impl {

Status evaluate(EvalContext& context) { return evaluate_window(context, 0.42, 0.5, 0.08); }

}  // namespace blackman_window_impl

OpDef define_blackman_window() {
  OpDef op("BlackmanWindow", 17);
  op.input("size", "T1")
      .output("output", "T2")
      .type("T1", dtype_set(DType::kI32, DType::kI64))
      .type("T2", kNumericTypes)
      .attr("output_datatype", int64_t{1})
      .attr("periodic", int64_t{1});
  op.infer = infer_window;
  op.evaluate = blackman_window_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
