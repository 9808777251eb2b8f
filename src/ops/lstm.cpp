// LSTM, gates in the order i, o, f, c: i = f(…), o = f(…), f = f(…), c~ = g(…); C = f·C + i·c~; H = o·h(C). Peepholes
// add P·C to i and f before, to o after the cell's update. input_forget couples f = 1 - i.
#include "ops/recurrent.h"

namespace sinter::ops {
namespace lstm_impl {

Status infer(InferContext& context) { return infer_recurrent(context, 4, 2); }

Status evaluate(EvalContext& context) {
  const Attributes& attributes = context.attributes();
  const bool coupled = attributes.i("input_forget") != 0;
  std::vector<double> before;
  return evaluate_recurrent(
      context, 4, {"Sigmoid", "Tanh", "Tanh"}, true,
      [&](const RecurrentShape& shape, const RecurrentDirection& d, const double* projected, double* h, double* c) {
        const int64_t hidden = shape.hidden;
        before.assign(h, h + hidden);
        const auto gate = [&](int64_t index, int64_t i) {
          const int64_t row = index * hidden + i;
          return projected[row] + dot(d.r + row * hidden, before.data(), hidden) + (d.r_bias ? d.r_bias[row] : 0);
        };
        const auto peephole = [&](int64_t index, int64_t i) {
          return d.peepholes ? d.peepholes[index * hidden + i] * c[i] : 0;
        };
        for (int64_t i = 0; i < hidden; ++i) {
          const double input = d.activations[0](clip_gate(attributes, gate(0, i) + peephole(0, i)));
          const double forget =
              coupled ? 1 - input : d.activations[0](clip_gate(attributes, gate(2, i) + peephole(2, i)));
          const double candidate = d.activations[1](clip_gate(attributes, gate(3, i)));
          c[i] = forget * c[i] + input * candidate;
          const double output = d.activations[0](clip_gate(attributes, gate(1, i) + peephole(1, i)));
          h[i] = output * d.activations[2](clip_gate(attributes, c[i]));
        }
      });
}

}  // namespace lstm_impl

OpDef define_lstm() {
  OpDef op = recurrent_op("LSTM");
  op.input("initial_c", "T", ParamKind::kOptional)
      .input("P", "T", ParamKind::kOptional)
      .output("Y_c", "T", ParamKind::kOptional)
      .attr("input_forget", int64_t{0});
  op.infer = lstm_impl::infer;
  op.evaluate = lstm_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
