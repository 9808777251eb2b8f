// PointwiseProgram: a small expression DAG applied element by element (design decision 8): the body of the operator
// `sinter.Pointwise`, and an epilogue on a dense operator's result.
//
// Operands are numbered: inputs first (0 … inputs-1), then the instructions' results in order. All arithmetic is in f32:
// f16/bf16 inputs are widened, bool inputs are 0/1, results are narrowed once on store. Comparisons and logic give 0/1. Inputs
// broadcast against the output shape as in numpy. Text form, stored as a node attribute and in engines:
//   "2 | add(0,1) relu(2) const(0.5) mul(3,4) | 5"     number of inputs | instructions | outputs (space-separated operands)
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sinter {

// X(enumerator, "text name", arity). Meanings are ONNX's operators of the same name; parameters of parametric activations are
// further operands: leaky_relu(x,alpha) (also PRelu), elu(x,alpha), hard_sigmoid(x,alpha,beta), selu(x,alpha,gamma), clip(x,lo,hi).
// fma(a,b,c) is a*b+c rounded once; kernels for CPUs without such an instruction may round twice.
#define SINTER_POINTWISE_OPS(X)                                                                                      \
  X(kConst, "const", 0)                                                                                              \
  X(kNeg, "neg", 1) X(kAbs, "abs", 1) X(kExp, "exp", 1) X(kLog, "log", 1) X(kSqrt, "sqrt", 1)                        \
  X(kReciprocal, "reciprocal", 1) X(kRelu, "relu", 1) X(kSigmoid, "sigmoid", 1) X(kTanh, "tanh", 1)                  \
  X(kErf, "erf", 1) X(kGelu, "gelu", 1) X(kGeluTanh, "gelu_tanh", 1) X(kSilu, "silu", 1)                             \
  X(kHardSwish, "hard_swish", 1) X(kMish, "mish", 1) X(kSoftplus, "softplus", 1) X(kSoftsign, "softsign", 1)         \
  X(kFloor, "floor", 1) X(kCeil, "ceil", 1) X(kRound, "round", 1) X(kSign, "sign", 1) X(kNot, "not", 1)              \
  X(kIsNan, "isnan", 1) X(kSin, "sin", 1) X(kCos, "cos", 1) X(kTan, "tan", 1) X(kAsin, "asin", 1)                    \
  X(kAcos, "acos", 1) X(kAtan, "atan", 1) X(kSinh, "sinh", 1) X(kCosh, "cosh", 1) X(kAsinh, "asinh", 1)              \
  X(kAcosh, "acosh", 1) X(kAtanh, "atanh", 1)                                                                        \
  X(kAdd, "add", 2) X(kSub, "sub", 2) X(kMul, "mul", 2) X(kDiv, "div", 2) X(kPow, "pow", 2) X(kMin, "min", 2)        \
  X(kMax, "max", 2) X(kFmod, "fmod", 2) X(kEqual, "equal", 2) X(kLess, "less", 2) X(kLessEqual, "less_equal", 2)     \
  X(kGreater, "greater", 2) X(kGreaterEqual, "greater_equal", 2) X(kAnd, "and", 2) X(kOr, "or", 2) X(kXor, "xor", 2) \
  X(kLeakyRelu, "leaky_relu", 2) X(kElu, "elu", 2) X(kCelu, "celu", 2) X(kThresholdedRelu, "thresholded_relu", 2)    \
  X(kWhere, "where", 3) X(kClip, "clip", 3) X(kHardSigmoid, "hard_sigmoid", 3) X(kSelu, "selu", 3)    \
  X(kFma, "fma", 3)

enum class PointwiseOp : uint8_t {
#define X(id, name, arity) id,
  SINTER_POINTWISE_OPS(X)
#undef X
};
std::string_view pointwise_op_name(PointwiseOp op);
int pointwise_op_arity(PointwiseOp op);

struct PointwiseInstruction {
  PointwiseOp op = PointwiseOp::kConst;
  std::array<int16_t, 3> args{-1, -1, -1};  // operand numbers; -1: unused
  float constant = 0;                       // kConst
};

struct PointwiseProgram {
  int inputs = 0;
  std::vector<PointwiseInstruction> code;
  std::vector<int16_t> outputs;  // operand numbers, at least one

  int operand_count() const { return inputs + static_cast<int>(code.size()); }
  int16_t append(PointwiseOp op, std::initializer_list<int16_t> args);  // returns the new operand
  int16_t append_constant(float value);                                 // reuses an equal one (same bits)
  // Floats are printed so that parsing gives the same bits (nan and inf included).
  std::string to_string() const;
  // Checks numbering (operands defined before use), arity and sizes: safe on hostile text.
  static Result<PointwiseProgram> parse(std::string_view text);

  // Reference evaluation of one element: `operands` has operand_count() places, the inputs filled in. Computes in
  // float with libm; every fast implementation is tested against it.
  void evaluate(float* operands) const;
};
float evaluate_pointwise(PointwiseOp op, float a, float b, float c);

// consumer after producer: the consumer's input `input` becomes the producer's output `output`. Inputs of the result: the
// producer's, then the consumer's others in order; outputs: the consumer's.
PointwiseProgram compose(const PointwiseProgram& producer, int output, const PointwiseProgram& consumer, int input);

}  // namespace sinter
