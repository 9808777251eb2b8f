// RNN: H = f(x·Wᵀ + H·Rᵀ + biases).
#include "ops/recurrent.h"

namespace sinter::ops {
namespace rnn_impl {

Status infer(InferContext& context) { return infer_recurrent(context, 1, 1); }

Status evaluate(EvalContext& context) {
  const Attributes& attributes = context.attributes();
  std::vector<double> before;
  return evaluate_recurrent(
      context, 1, {"Tanh"}, false,
      [&](const RecurrentShape& shape, const RecurrentDirection& d, const double* projected, double* h, double*) {
        before.assign(h, h + shape.hidden);
        for (int64_t i = 0; i < shape.hidden; ++i) {
          const double sum =
              projected[i] + dot(d.r + i * shape.hidden, before.data(), shape.hidden) + (d.r_bias ? d.r_bias[i] : 0);
          h[i] = d.activations[0](clip_gate(attributes, sum));
        }
      });
}

}  // namespace rnn_impl

OpDef define_rnn() {
  OpDef op = recurrent_op("RNN", std::vector<std::string>{"Tanh", "Tanh"});
  op.infer = rnn_impl::infer;
  op.evaluate = rnn_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
