// A problem's bias and epilogue program in the form the dense kernels take (cpu/kernels/epilogue.h).
//
// The kernels do `+ bias, + residual, activation, + residual` in registers; match_epilogue gives them the longest start of the program
// that has this form, and what follows to an EpilogueTail. Operands are problem inputs whose pointers are filled in at launch, or
// constants that prepare packs into blobs.
#pragma once

#include <span>
#include <vector>

#include "cpu/epilogue_tail.h"
#include "cpu/kernels/epilogue.h"
#include "tactic/tactic.h"

namespace sinter::cpu {

struct DenseEpilogue {
  Epilogue fixed;           // activation and its parameters
  int bias_input = -1;      // problem input added to every column; -1: none
  int residual_input = -1;  // problem input of the output's shape
  EpilogueTail tail;        // empty when the kernels do it all

  // Before the first at(), and whenever dims change.
  void set_dims(std::span<const Dims> inputs, const Dims& output) { tail.set_dims(inputs, output); }
  // Pointers for one launch, which this object must outlive. `bias_blob` is used when the bias was packed. `residual_stride` is the output's row stride.
  Epilogue at(const LaunchArgs& args, const Tensor& bias_blob, int64_t residual_stride);
};

// `column_axis`: the output's axis that the kernel's columns run along (1 for channels-last images, rank-1 for matrices).
// `op_bias`: the operator's own bias input (already checked to be per column), -1 when it has none. The error is a decline's reason.
Result<DenseEpilogue> match_epilogue(const Problem& problem, int column_axis, int op_bias);

// Marks the bias as packed when it is constant, and gives the layout to the residual and the tail's operands; for Offers.
void book_epilogue(const Problem& problem, const DenseEpilogue& epilogue, Layout layout, Offer& offer);

// What bind got is what prepare made: so many packed weights of the type, and a bias when it was packed.
Status check_dense_blobs(std::string_view tactic, const Problem& problem, const Offer& offer, int bias_input,
                        std::span<const Tensor> blobs, int64_t weights, DType dtype = DType::kF32);

// True when the (right-aligned) shape has one extent only, equal to the output's along `column_axis`.
bool is_per_column(const Shape& shape, const Shape& output, int column_axis);

}  // namespace sinter::cpu
