// The epilogue of a dense CUDA kernel: an operator's bias and a problem's pointwise program as the text of
// "generated.h" (the function that kernels/dense.cu calls for eight columns), and where its operands lie at launch.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cuda/kernels/dense_params.h"
#include "cuda/pointwise_source.h"
#include "tactic/tactic.h"

namespace sinter::cuda {

// What an axis of the result is to the kernel; axes of one part lie next to each other (but for the pixels of images).
enum class AxisPart : uint8_t { kOuter, kInner, kImage, kPixel, kColumn };

struct EpilogueForm {
  std::vector<AxisPart> parts;        // one an axis of the result
  Layout layout = Layout::kRowMajor;  // of the result, and of operands with its shape
  bool grouped = false;               // inner counts groups of columns: operands go on by group_columns
  bool pixels = true;            // rows are told apart; false: their number in the kernel is not their place (SCATTER)
  int bias_input = -1;           // added before the program; -1: none
  bool bias_per_column = false;  // a vector of one value a column; else any shape that broadcasts
  float scale = 1, bias_scale = 1;  // v = scale * v + bias_scale * bias
};

class DenseEpilogue {
 public:
  // The error is a decline's reason.
  static Result<DenseEpilogue> make(const Problem& problem, EpilogueForm form);

  // Text of "generated.h". `whole`: WHOLE of the kernel.
  std::string source() const;
  void book(Offer& offer) const;  // input layouts; vectors have one entry an input already
  // Strides, for a result whose groups have so many columns.
  void specialize(std::span<const Dims> inputs, const Dims& output, int64_t group_columns);
  // `origin`: of the result's first element, in elements.
  void fill(sinter_kernels::DenseParams& params, const LaunchArgs& args, int64_t origin = 0) const;

 private:
  enum class Access : uint8_t { kFull, kColumn, kRows, kSame };
  struct Operand {
    int input = -1;
    DType dtype = DType::kF32;
    Access access = Access::kFull;
    std::vector<bool> spans;  // one an axis of the result: the operand has it
    Layout layout = Layout::kRowMajor;
    sinter_kernels::DenseOperand strides{};
  };
  static Result<Operand> column_bias(const Problem& problem, const EpilogueForm& form);
  Result<Operand> classify(const Problem& problem, int input) const;
  std::string columns_source() const;
  std::string ahead_source() const;
  std::string load_source(size_t operand) const;
  std::string steps_source(const StepSum& sum) const;

  EpilogueForm form_;
  PointwiseProgram program_;
  bool has_program_ = false;
  DType out_ = DType::kF32;
  std::optional<StepSum> in_steps_;  // of whole numbers' sums, where the program allows it
  std::vector<Operand> operands_;  // the bias first, then the program's
};

}  // namespace sinter::cuda
