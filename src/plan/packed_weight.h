// PackedWeight: a weight of the portable part that is stored once, inside a packed blob of the target part (design decision 13).
//
// Element (i0, i1, …) of the weight is element offsets[0][i0] + offsets[1][i1] + … of the blob, in units of the weight's element size. That
// describes every packing that permutes by blocks and pads; no code of the tactic that packed is needed to read it back.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace sinter::plan {

struct PackedWeight {
  DType dtype = DType::kUndefined;  // at least a byte an element
  Dims dims;
  int32_t blob = -1;  // of the plan
  std::vector<std::vector<int64_t>> offsets;  // one table a dim, as long as the dim; {} for a scalar
};

// The weight, row-major. Everything is checked against the blob: a damaged table is an error (kInvalidEngine), never a read outside.
Result<Tensor> unpack(const PackedWeight& weight, const Tensor& blob);

}  // namespace sinter::plan
