// GRU with default activations. Gate order is ONNX's: z, r, h. With linear_before_reset the recurrent products of all gates are one,
// kept apart from the input's share because the reset gate multiplies only the state's share of h. Without it, h's product waits for
// the reset gate.
#include <algorithm>

#include "cpu/recurrent.h"

namespace sinter::cpu {
namespace {

bool linear_first(const Problem& problem) { return problem.attributes.i_or("linear_before_reset", 0) != 0; }

class GruKernel final : public RecurrentKernel {
 public:
  GruKernel(const Problem& problem, CellSpec spec, std::span<const Tensor> blobs)
      : RecurrentKernel(problem, std::move(spec), blobs), linear_first_(linear_first(problem)) {}

 private:
  void step(const Step& step) const override { linear_first_ ? linear_step(step) : gated_step(step); }

  // h~ = tanh(x·W + r·(h·R + bias))
  void linear_step(const Step& step) const {
    multiply(step, 0, step.h, step.scratch, row_floats(), {});
    const float* bias = separate_bias(step);
    for (int64_t b = 0; b < batch(); ++b) {
      float *z = step.gates + b * row_floats(), *r = z + hidden(), *candidate = r + hidden();
      const float *share = step.scratch + b * row_floats(), *h_share = share + 2 * hidden();
      for (int64_t k = 0; k < 2 * hidden(); ++k) z[k] += share[k];
      activate(z, 2 * hidden(), Activation::kSigmoid);
      for (int64_t k = 0; k < hidden(); ++k) candidate[k] += r[k] * (h_share[k] + (bias != nullptr ? bias[k] : 0.0f));
      finish(z, candidate, step.h + b * hidden());
    }
  }

  // h~ = tanh(x·W + (r·h)·R)
  void gated_step(const Step& step) const {
    Epilogue sum;
    sum.residual = step.gates;
    sum.residual_stride = row_floats();
    multiply(step, 0, step.h, step.gates, row_floats(), sum);
    for (int64_t b = 0; b < batch(); ++b) {
      float *z = step.gates + b * row_floats(), *r = z + hidden();
      activate(z, 2 * hidden(), Activation::kSigmoid);
      for (int64_t k = 0; k < hidden(); ++k) step.scratch[b * hidden() + k] = r[k] * step.h[b * hidden() + k];
    }
    float* candidates = step.gates + 2 * hidden();
    sum.residual = candidates;
    multiply(step, 1, step.scratch, candidates, row_floats(), sum);
    for (int64_t b = 0; b < batch(); ++b) {
      float* z = step.gates + b * row_floats();
      finish(z, z + 2 * hidden(), step.h + b * hidden());
    }
  }

  // h = (1 - z)·tanh(candidate) + z·h
  void finish(const float* z, float* candidate, float* h) const {
    activate(candidate, hidden(), Activation::kTanh);
    for (int64_t k = 0; k < hidden(); ++k) h[k] = (1.0f - z[k]) * candidate[k] + z[k] * h[k];
  }

  bool linear_first_;
};

class Gru final : public RecurrentTactic {
 public:
  using RecurrentTactic::RecurrentTactic;

 private:
  std::string_view op() const override { return "GRU"; }
  CellSpec cell(const Problem& problem) const override {
    CellSpec spec;
    spec.gates = 3;
    spec.products = linear_first(problem) ? std::vector<GateRange>{{0, 3}} : std::vector<GateRange>{{0, 2}, {2, 1}};
    spec.separate_bias = linear_first(problem) ? 2 : -1;
    spec.scratch_gates = linear_first(problem) ? 3 : 1;
    spec.activations = {"Sigmoid", "Tanh"};
    return spec;
  }
  std::unique_ptr<Kernel> make(const Problem& problem, CellSpec spec, std::span<const Tensor> blobs) const override {
    return std::make_unique<GruKernel>(problem, std::move(spec), blobs);
  }
};

}  // namespace

SINTER_CPU_TACTIC(gru, Gru)

}  // namespace sinter::cpu
