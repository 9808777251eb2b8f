// Layers of two engines of one network compared: which of B's layers introduce its error.
//
// Every layer of B is fed with A's values instead of B's own (rounded to B's types), so that what its outputs are off is its own doing; a second run of B as
// it is gives the error that has accumulated there. Values are matched by the model's tensor names; 8-bit values, which have none, by the model's nodes
// that made them, and their scale by the program that rounds them.
#pragma once

#include "runtime/context.h"

namespace sinter::session {

struct LayerError {
  std::string layer, op, type;     // of B; type of the output: "i8"
  std::string tensor;              // A's name of the output
  double alone = 0;                // relative L2 of the output when the inputs are A's
  double cosine = 1;
  double max_error = 0;
  double accumulated = 0;          // relative L2 in B's own run
  bool fed = true;                 // every input that is no constant was A's; else errors of layers before it are in `alone`
};

struct LayerRange {
  std::string layer, tensor;       // of A
  int64_t beyond_f16 = 0;          // |x| > 65504
  int64_t below_f16 = 0;           // 0 < |x| < 2^-14, the smallest normal
  int64_t count = 0;
};

struct LayerComparison {
  int64_t samples = 0, matched = 0, unmatched = 0;  // layers
  std::vector<LayerError> errors;  // by `alone`, largest first
  std::vector<LayerRange> ranges;  // layers with values that f16 can't hold, or only roughly; most first
  // "layer 'x' (Conv) of B is the first with NaN, for sample 3"; "" when all is finite.
  std::string not_finite_a, not_finite_b;
};

class LayerComparer {
 public:
  static Result<std::unique_ptr<LayerComparer>> create(std::shared_ptr<const runtime::Engine> a, std::shared_ptr<const runtime::Engine> b, int threads);
  virtual ~LayerComparer() = default;
  // One sample: inputs of either engine, in its order.
  virtual Status add(const std::vector<Value>& a_inputs, const std::vector<Value>& b_inputs) = 0;
  virtual LayerComparison finish() = 0;
};

}  // namespace sinter::session
