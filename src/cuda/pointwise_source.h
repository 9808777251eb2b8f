// Pointwise programs (core/pointwise.h) printed as text of CUDA kernels: the body of pointwise kernels and the epilogues of dense ones.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/problem.h"
#include "core/pointwise.h"

namespace sinter::cuda {

// "SINTER_DEVICE void NAME(const f32 (&x)[I], f32 (&y)[O]) { … }" with I = max(inputs, 1). All in f32, meanings as evaluate_pointwise.
// Needs "pointwise_ops.h" included before it.
std::string program_source(const PointwiseProgram& program, const std::string& name);

// The text of "struct NAME { of(f32) }" (kernels/bytes.h), which stores output `output` as `dtype` (i8, u8). A program that ends in a quantization
// (div by a constant, round, add of a whole constant, clip) loses those steps to the struct, which does them at once.
std::string round_source(PointwiseProgram& program, size_t output, DType dtype, const std::string& name);

// A program that sums multiples of its inputs and quantizes the sum to 8 bits, in steps of that quantization: its result is
// of(constant + factors[0] * input 0 + …), where `round` is the text of RoundResult. Differs from the program in the last bits of the sum before it is rounded.
struct StepSum {
  std::vector<float> factors;
  float constant = 0;
  std::string round;
};
std::optional<StepSum> step_sum(const PointwiseProgram& program, DType dtype);

}  // namespace sinter::cuda
