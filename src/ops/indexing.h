// Index arithmetic of reference kernels: strides, axes, size checks, and one strided copy that most data movers reduce
// to.
//
// `Context` is InferContext or EvalContext: both make an error that names the node.
#pragma once

#include <functional>
#include <optional>

#include "core/op_def.h"

namespace sinter::ops {

// Strides in elements of a contiguous row-major tensor.
Dims row_major_strides(const Dims& dims);

// Product of non-negative dims; nullopt when one is negative or the product exceeds what a tensor may have.
std::optional<int64_t> checked_count(const Dims& dims);

// An axis in [-rank, rank) as one in [0, rank).
template <typename Context>
Status check_axis(const Context& context, int64_t axis, int64_t rank, int& out, std::string_view what = "axis") {
  if (axis < -rank || axis >= rank)
    return context.error(
        fmt::format("{} is {}, but the tensor has rank {}: expected a value in [{},{}]; correct the model", what, axis,
                    rank, -rank, rank - 1));
  out = static_cast<int>(axis < 0 ? axis + rank : axis);
  return ok_status();
}

// Axes in [0, rank), in the order given; an error when one is out of range or named twice.
template <typename Context>
Status check_axes(const Context& context, const std::vector<int64_t>& axes, int64_t rank, std::vector<int>& out) {
  out.clear();
  std::vector<bool> seen(static_cast<size_t>(rank), false);
  for (const int64_t axis : axes) {
    int normal = 0;
    SINTER_TRY(check_axis(context, axis, rank, normal));
    if (seen[normal])
      return context.error(fmt::format("axis {} is named twice: expected distinct axes; correct the model", axis));
    seen[normal] = true;
    out.push_back(normal);
  }
  return ok_status();
}

// An index in [-size, size) as one in [0, size).
Status check_index(const EvalContext& context, int64_t& index, int64_t size, int axis);
// `dims` (of the input called `what`) must have the rank of `data` and, but for `axis`, be no larger.
Status check_inside(const EvalContext& context, const Dims& dims, const Dims& data, int axis, std::string_view what);

// Refuses output dims whose sizes are negative or too many to address, before anything is allocated.
Status check_output_dims(const EvalContext& context, const Dims& dims);

// An integer of 32 or 64 bits at each place (Tind); other types must not come here.
std::vector<int64_t> read_indices(const Tensor& tensor);

// Calls fn(index) for every index of `dims` in row-major order. Nothing for an empty tensor, once for a scalar.
template <typename Fn>
void for_each_index(const Dims& dims, Fn&& fn) {
  for (const int64_t size : dims)
    if (size <= 0) return;
  Dims index(dims.size(), 0);
  while (true) {
    fn(static_cast<const Dims&>(index));
    int axis = static_cast<int>(dims.size()) - 1;
    for (; axis >= 0; --axis) {
      if (++index[axis] < dims[axis]) break;
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

inline int64_t offset_of(const Dims& index, const Dims& strides) {
  int64_t offset = 0;
  for (size_t i = 0; i < index.size(); ++i) offset += index[i] * strides[i];
  return offset;
}

// Copies the region of size `dims`: target[target_offset + i·target_strides] = source[source_offset +
// i·source_strides]. Strides are in elements, may be negative or 0. The dtypes are equal and byte-addressable (or
// strings).
struct Region {
  int64_t offset = 0;
  Dims strides;
};
void copy_region(const Tensor& source, const Region& from, Tensor& target, const Region& to, const Dims& dims);
// The same into the whole of a contiguous target.
void copy_strided(const Tensor& source, const Region& from, Tensor& target);
// `count` consecutive elements.
void copy_elements(const Tensor& source, int64_t from, Tensor& target, int64_t to, int64_t count);

// For data movers: allocates output `index` with the dtype of `source` and runs `move(source, target)` on tensors whose
// elements have addresses (packed 2- to 6-bit types are unpacked before and packed after).
Status move_data(EvalContext& context, int index, const Tensor& source, const Dims& dims,
                 const std::function<Status(const Tensor& source, Tensor& target)>& move);

}  // namespace sinter::ops
