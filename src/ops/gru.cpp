// GRU, gates in the order z, r, h: H = (1 - z)·h~ + z·H. linear_before_reset decides whether the reset gate multiplies
// the state before or after the recurrent product.
#include "ops/recurrent.h"

namespace sinter::ops {
namespace gru_impl {

Status infer(InferContext& context) { return infer_recurrent(context, 3, 1); }

Status evaluate(EvalContext& context) {
  const Attributes& attributes = context.attributes();
  const bool linear_first = attributes.i("linear_before_reset") != 0;
  std::vector<double> before, update, reset, gated;
  return evaluate_recurrent(
      context, 3, {"Sigmoid", "Tanh"}, false,
      [&](const RecurrentShape& shape, const RecurrentDirection& d, const double* projected, double* h, double*) {
        const int64_t hidden = shape.hidden;
        before.assign(h, h + hidden);
        update.resize(hidden);
        reset.resize(hidden);
        gated.resize(hidden);
        const auto recurrent = [&](int64_t row, const std::vector<double>& state) {
          return dot(d.r + row * hidden, state.data(), hidden) + (d.r_bias ? d.r_bias[row] : 0);
        };
        for (int64_t i = 0; i < hidden; ++i) {
          update[i] = d.activations[0](clip_gate(attributes, projected[i] + recurrent(i, before)));
          reset[i] = d.activations[0](clip_gate(attributes, projected[hidden + i] + recurrent(hidden + i, before)));
          gated[i] = reset[i] * before[i];
        }
        for (int64_t i = 0; i < hidden; ++i) {
          const int64_t row = 2 * hidden + i;
          const double from_state = linear_first ? reset[i] * recurrent(row, before) : recurrent(row, gated);
          const double candidate = d.activations[1](clip_gate(attributes, projected[row] + from_state));
          h[i] = (1 - update[i]) * candidate + update[i] * before[i];
        }
      });
}

}  // namespace gru_impl

OpDef define_gru() {
  OpDef op = recurrent_op("GRU");
  op.attr("linear_before_reset", int64_t{0});
  op.infer = gru_impl::infer;
  op.evaluate = gru_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
