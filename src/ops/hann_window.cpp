// HannWindow: 0.5 - 0.5·cos(2πi/n) for i in [0, size), n = size when periodic, else size - 1.
#include "ops/cosine_window.h"

namespace sinter::ops {
namespace hann_window_impl {

Status evaluate(EvalContext& context) { return evaluate_window(context, 0.5, 0.5, 0); }

}  // namespace hann_window_impl

OpDef define_hann_window() {
  OpDef op = cosine_window_op("HannWindow");
  op.evaluate = hann_window_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
