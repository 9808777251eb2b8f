// BlackmanWindow: 0.42 - 0.5·cos(2πi/n) + 0.08·cos(4πi/n) for i in [0, size), n = size when periodic, else size - 1.
#include "ops/cosine_window.h"

namespace sinter::ops {
namespace blackman_window_impl {

Status evaluate(EvalContext& context) { return evaluate_window(context, 0.42, 0.5, 0.08); }

}  // namespace blackman_window_impl

OpDef define_blackman_window() {
  OpDef op = cosine_window_op("BlackmanWindow");
  op.evaluate = blackman_window_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
