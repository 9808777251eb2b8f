// LSTM with default activations. Gate order is ONNX's: i, o, f, c.
#include "cpu/recurrent.h"

namespace sinter::cpu {
namespace {

class LstmKernel final : public RecurrentKernel {
 public:
  using RecurrentKernel::RecurrentKernel;

 private:
  // c = f·c + i·g;  h = o·tanh(c)
  void step(const Step& step) const override {
    Epilogue sum;
    sum.residual = step.gates;
    sum.residual_stride = row_floats();
    multiply(step, 0, step.h, step.gates, row_floats(), sum);
    for (int64_t b = 0; b < batch(); ++b) {
      float* i = step.gates + b * row_floats();
      const float *o = i + hidden(), *f = o + hidden(), *g = f + hidden();
      activate(i, 3 * hidden(), Activation::kSigmoid);
      activate(i + 3 * hidden(), hidden(), Activation::kTanh);
      float *cell = step.c + b * hidden(), *out = step.h + b * hidden();
      for (int64_t k = 0; k < hidden(); ++k) out[k] = cell[k] = f[k] * cell[k] + i[k] * g[k];
      activate(out, hidden(), Activation::kTanh);
      for (int64_t k = 0; k < hidden(); ++k) out[k] *= o[k];
    }
  }
};

class Lstm final : public RecurrentTactic {
 public:
  using RecurrentTactic::RecurrentTactic;

 private:
  std::string_view op() const override { return "LSTM"; }
  CellSpec cell(const Problem&) const override {
    CellSpec spec;
    spec.gates = 4;
    spec.states = 2;
    spec.products = {{0, 4}};
    spec.activations = {"Sigmoid", "Tanh", "Tanh"};
    return spec;
  }
  std::unique_ptr<Kernel> make(const Problem& problem, CellSpec spec, std::span<const Tensor> blobs) const override {
    return std::make_unique<LstmKernel>(problem, std::move(spec), blobs);
  }
};

}  // namespace

SINTER_CPU_TACTIC(lstm, Lstm)

}  // namespace sinter::cpu
