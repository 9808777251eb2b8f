#include "cuda/recurrent.h"

#include "cuda/cuda_tactic.h"

namespace sinter::cuda {

std::string recurrent_unsuitable(const Problem& problem, size_t activations) {
  if (problem.has_epilogue()) return "an epilogue";
  if (!is_compute_float(problem.inputs[0].dtype)) return "not f32, f16 or bf16";
  if (has(problem.inputs, 4)) return "sequence lengths";
  if (problem.attributes.i_or("layout", 0) != 0) return "batch-first tensors";
  if (problem.attributes.find("clip")) return "clipping";
  if (const auto* names = problem.attributes.find_as<std::vector<std::string>>("activations")) {
    for (size_t i = 0; i < names->size(); ++i) {
      if ((*names)[i] != (i % activations == 0 ? "Sigmoid" : "Tanh")) return "activation " + (*names)[i];
    }
  }
  return "";
}

}  // namespace sinter::cuda
