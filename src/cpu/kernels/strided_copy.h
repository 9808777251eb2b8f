// Copies between two strided views of the same logical array: what transpose, concat, slice, expand, depth-to-space and
// changes of layout come down to.
//
// A plan is made once for given dims (it drops dims of 1, merges neighbours that stay contiguous on both sides and orders the
// loops by the destination). Strides are in elements, may be 0 in the source (broadcast) and negative in the source (reversal).
#pragma once

#include <cstdint>

#include "base/threads.h"
#include "core/dim.h"

namespace sinter::cpu {

constexpr int kMaxCopyRank = 12;

struct CopyPlan {
  int rank = 0;            // loops, outermost first; the last one is contiguous in the destination where any is
  int64_t dims[kMaxCopyRank]{};
  int64_t source[kMaxCopyRank]{}, target[kMaxCopyRank]{};  // strides
  int element_bytes = 4;
  bool transposes = false;  // the last loop but one is contiguous in the source, the last in the destination
  bool empty = false;
};

// element_bytes is 1, 2, 4, 8 or 16. Rank above kMaxCopyRank must not occur after merging; callers check rank first.
CopyPlan make_copy_plan(const Dims& dims, const Dims& source_strides, const Dims& target_strides, int element_bytes);
// Runs the plan; splits it over the team where it is worth it.
void run_copy(const CopyPlan& plan, const void* source, void* target, ThreadTeam& team);

Dims row_major_strides(const Dims& dims);

}  // namespace sinter::cpu
