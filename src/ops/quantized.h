// Operands of integer products: values minus zero points, and requantization.
#pragma once

#include "core/op_def.h"

namespace sinter::ops {

// Input `value` minus input `zero_point` (absent: 0) as f64. The zero point has one element, or one for each index of
// `axis` of the value; axis -1: one element only. With the value's own rank it must broadcast to the value.
Result<Tensor> centred(const EvalContext& context, int value, int zero_point, int axis);

// output `index` = saturate(round_half_even(wide · multiplier) + zero point). `multiplier` has one element or one for
// each index of `axis`; zero_point_input holds one element and the output's dtype (8-bit integers or float8).
Status requantize(EvalContext& context, int index, const Tensor& wide, const std::vector<double>& multiplier, int axis,
                  int zero_point_input);

// float(sum) · scale in f32. `scale` has one element or one for each index of `axis`.
Tensor scaled_sums(const Tensor& sums, const std::vector<double>& scale, int axis);

// A shape rule's check, as far as sizes are known: the input has one element, or `count` (a vector, or with 1 in all other axes).
Status check_one_or(const InferContext& context, int input, const Dim& count, std::string_view what);

// The same for an optional bias: a vector of `count`.
Status check_bias(const InferContext& context, int input, const Dim& count);

// Elements of an input as doubles; an error unless there are 1 or `count`.
Result<std::vector<double>> read_scales(const EvalContext& context, int input, int64_t count);

}  // namespace sinter::ops
