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
  OpDef op("RNN", 7);
  op.input("X", "T")
      .input("W", "T")
      .input("R", "T")
      .input("B", "T", ParamKind::kOptional)
      .input("sequence_lens", "T1", ParamKind::kOptional)
      .input("initial_h", "T", ParamKind::kOptional)
      .output("Y", "T", ParamKind::kOptional)
      .output("Y_h", "T", ParamKind::kOptional)
      .type("T", kFloatTypes)
      .type("T1", dtype_set(DType::kI32))
      .attr("activation_alpha", AttrKind::kFloats, false)
      .attr("activation_beta", AttrKind::kFloats, false)
      .attr("activations", std::vector<std::string>{"Tanh", "Tanh"})
      .attr("clip", AttrKind::kFloat, false)
      .attr("direction", std::string("forward"))
      .attr("hidden_size", AttrKind::kInt, false)
      .attr("layout", int64_t{0});
  op.infer = rnn_impl::infer;
  op.evaluate = rnn_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
