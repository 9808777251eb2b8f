// What RNN, GRU and LSTM share: shapes, directions, sequence lengths, activations; the cell itself is the operator's.
#pragma once

#include "core/op_def.h"

namespace sinter::ops {

// An activation function of the recurrent operators, by name with its alpha and beta.
using Activation = std::function<double(double)>;

// Everything one direction needs for one step. Weights are f64, laid out as ONNX has them: [gates·hidden, input] and so
// on.
struct RecurrentDirection {
  const double* w = nullptr;
  const double* r = nullptr;
  const double* w_bias = nullptr;  // null: zeros
  const double* r_bias = nullptr;
  const double* peepholes = nullptr;
  std::vector<Activation> activations;
};

struct RecurrentShape {
  int64_t steps = 0, batch = 0, input = 0, hidden = 0, directions = 1, gates = 1;
  bool batch_first = false;
};

// One step for one batch entry: x·Wᵀ (+ its bias) of all gates is given in `projected`; updates h and c in place.
using RecurrentCell = std::function<void(const RecurrentShape& shape, const RecurrentDirection& direction,
                                         const double* projected, double* h, double* c)>;

// The parameters that all three have. `activations` is the attribute's default, if it has one.
OpDef recurrent_op(std::string name, std::optional<std::vector<std::string>> activations = std::nullopt);
// Shape rule for `gates` weights and `states` state outputs (1 or 2) after Y.
Status infer_recurrent(InferContext& context, int gates, int states);
// Runs the cell over the sequences; `functions` are the default activations, `has_cell`: a second state (inputs 6 and 7
// are then initial_c and the peepholes).
Status evaluate_recurrent(EvalContext& context, int gates, const std::vector<std::string>& functions, bool has_cell,
                          const RecurrentCell& cell);
// v limited to ±clip, when the attribute is there.
double clip_gate(const Attributes& attributes, double v);
// r·h of one gate's row, with h of `hidden` elements.
inline double dot(const double* row, const double* h, int64_t hidden) {
  double sum = 0;
  for (int64_t i = 0; i < hidden; ++i) sum += row[i] * h[i];
  return sum;
}

}  // namespace sinter::ops
