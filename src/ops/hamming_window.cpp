// HammingWindow: 25/46 - 21/46·cos(2πi/n) for i in [0, size), n = size when periodic, else size - 1.
#include "ops/cosine_window.h"

namespace sinter::ops {
namespace hamming_window_impl {

Status evaluate(EvalContext& context) { return evaluate_window(context, 25.0 / 46.0, 21.0 / 46.0, 0); }

}  // namespace hamming_window_impl

OpDef define_hamming_window() {
  OpDef op = cosine_window_op("HammingWindow");
  op.evaluate = hamming_window_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
