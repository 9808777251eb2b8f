// Sizes of plan values, checked for overflow: dims may come from a hostile file or caller.
#include "plan/plan.h"

namespace sinter::plan {
namespace {

// Elements of the buffer with the channel dim rounded up for blocked layouts.
std::optional<int64_t> padded_count(Layout layout, const Dims& dims) {
  const int64_t block = layout == Layout::kChannelsBlocked16 ? 16 : layout == Layout::kChannelsBlocked8 ? 8 : 1;
  if (layout != Layout::kRowMajor && dims.size() < 3) return std::nullopt;
  bool empty = false;
  for (int64_t dim : dims) {
    if (dim < 0 || dim > kMaxValueBytes) return std::nullopt;
    empty |= dim == 0;
  }
  if (empty) return 0;
  int64_t count = 1;
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    int64_t dim = dims[axis];
    if (axis == 1) dim = (dim + block - 1) / block * block;
    if (__builtin_mul_overflow(count, dim, &count)) return std::nullopt;
  }
  return count;
}

}  // namespace

std::optional<int64_t> physical_bytes(DType dtype, Layout layout, const Dims& dims) {
  const int bits = dtype_bits(dtype);
  const std::optional<int64_t> count = padded_count(layout, dims);
  if (bits <= 0 || !count || *count > kMaxValueBytes * 8 / bits) return std::nullopt;
  return dtype_bytes(dtype, *count);
}

std::optional<int64_t> physical_bytes(const PlanValue& value, const Bindings& bindings) {
  if (!value.type.is_tensor() || !value.type.shape) return std::nullopt;
  const std::optional<Dims> dims = evaluate(*value.type.shape, bindings);
  return dims ? physical_bytes(value.type.dtype, value.layout, *dims) : std::nullopt;
}

int32_t alias_root(const Region& region, int32_t value) {
  while (region.values[value].storage == Storage::kAlias) value = region.values[value].index;
  return value;
}

}  // namespace sinter::plan
