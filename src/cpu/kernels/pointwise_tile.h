// Runs a pointwise program over rows of floats, tile by tile: every instruction is one vectorised step over a tile that stays in the
// first-level cache. Compiled once from a program; run() allocates nothing and may be called from several threads, each with
// a scratch of its own. The tactic `pointwise` and the epilogues of dense kernels use it.
//
//   const PointwiseTile tile(program);
//   std::vector<float> scratch(tile.scratch_floats());
//   const PointwiseOperand inputs[] = {{row, false}, {&bias, true}};
//   tile.run(inputs, &output, n, scratch.data());
#pragma once

#include <cstdint>
#include <vector>

#include "cpu/kernels/pointwise_steps.h"

namespace sinter::cpu {

struct PointwiseOperand {
  const float* data = nullptr;
  bool scalar = false;  // one value for the whole row
};

class PointwiseTile {
 public:
  static constexpr int64_t kTile = 1024;  // floats; four live tiles are a third of a 48 KiB first-level cache

  PointwiseTile() = default;
  explicit PointwiseTile(const PointwiseProgram& program, Isa isa = cpu_info().isa);

  int inputs() const { return inputs_; }
  int outputs() const { return static_cast<int>(outputs_.size()); }
  // Floats of scratch that run() needs; the scratch is aligned as floats are.
  int64_t scratch_floats() const { return scratch_floats_; }
  // One operand an input, one pointer an output. outputs[0] may be an input's row exactly (in place); no other overlap.
  void run(const PointwiseOperand* inputs, float* const* outputs, int64_t n, float* scratch) const;

 private:
  struct Step {
    PointwiseOp op;
    int16_t args[3];
    int16_t slot;           // tile of the scratch for the result
    int16_t direct_output;  // output that the result may be written to at once; -1: none
  };
  struct Place;
  void run_tile(Place* places, float* const* outputs, int64_t begin, int64_t n, float* tiles) const;

  const PointwiseSteps* table_ = nullptr;
  int inputs_ = 0, slots_ = 0;
  std::vector<float> constants_;      // by operand; of kConst instructions
  std::vector<bool> is_constant_;
  std::vector<Step> steps_;           // without constants
  std::vector<int16_t> step_operand_; // operand number of each step's result
  std::vector<int16_t> outputs_;
  int64_t scratch_floats_ = 0;
  int operands_ = 0;
};

}  // namespace sinter::cpu
