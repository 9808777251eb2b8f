// RNN with one activation for both directions: Tanh, Relu or Sigmoid.
#include <algorithm>

#include "cpu/recurrent.h"

namespace sinter::cpu {
namespace {

std::string activation_name(const Problem& problem) {
  const auto* names = problem.attributes.find_as<std::vector<std::string>>("activations");
  return names != nullptr && !names->empty() ? names->front() : "Tanh";
}

class RnnKernel final : public RecurrentKernel {
 public:
  RnnKernel(const Problem& problem, CellSpec spec, std::span<const Tensor> blobs) : RecurrentKernel(problem, std::move(spec), blobs) {
    const std::string name = activation_name(problem);
    activation_ = name == "Relu" ? Activation::kRelu : name == "Sigmoid" ? Activation::kSigmoid : Activation::kTanh;
  }

 private:
  // h = f(x·W + h·R)
  void step(const Step& step) const override {
    Epilogue sum;
    sum.residual = step.gates;
    sum.residual_stride = row_floats();
    multiply(step, 0, step.h, step.gates, row_floats(), sum);
    activate(step.gates, batch() * hidden(), activation_);
    std::copy_n(step.gates, batch() * hidden(), step.h);
  }

  Activation activation_ = Activation::kTanh;
};

class Rnn final : public RecurrentTactic {
 public:
  using RecurrentTactic::RecurrentTactic;

 private:
  std::string_view op() const override { return "RNN"; }
  CellSpec cell(const Problem& problem) const override {
    CellSpec spec;
    spec.products = {{0, 1}};
    spec.activations = {activation_name(problem)};
    return spec;
  }
  std::string unsuitable(const Problem& problem) const override {
    const std::string name = activation_name(problem);
    return name == "Tanh" || name == "Relu" || name == "Sigmoid" ? "" : "activation " + name;
  }
  std::unique_ptr<Kernel> make(const Problem& problem, CellSpec spec, std::span<const Tensor> blobs) const override {
    return std::make_unique<RnnKernel>(problem, std::move(spec), blobs);
  }
};

}  // namespace

SINTER_CPU_TACTIC(rnn, Rnn)

}  // namespace sinter::cpu
