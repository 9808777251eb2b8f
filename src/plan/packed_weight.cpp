#include "plan/packed_weight.h"

#include <algorithm>
#include <cstring>

#include "base/status.h"

namespace sinter::plan {
namespace {

// Are all sums of one entry a table within [0, elements)?
bool in_range(const PackedWeight& weight, int64_t elements) {
  int64_t least = 0, most = 0;
  for (size_t axis = 0; axis < weight.dims.size(); ++axis) {
    const std::vector<int64_t>& table = weight.offsets[axis];
    const auto [low, high] = std::minmax_element(table.begin(), table.end());
    if (*low < -elements || *high > elements) return false;  // keeps the sums from overflowing
    least += *low;
    most += *high;
  }
  return least >= 0 && most < elements;
}

// Writes the elements under `base` of all axes from `axis` on, in row-major order; returns where they end.
template <size_t kBytes>
uint8_t* gather(const PackedWeight& weight, const uint8_t* from, uint8_t* to, size_t axis, int64_t base) {
  for (const int64_t offset : weight.offsets[axis]) {
    if (axis + 1 < weight.dims.size()) {
      to = gather<kBytes>(weight, from, to, axis + 1, base + offset);
    } else {
      std::memcpy(to, from + (base + offset) * static_cast<int64_t>(kBytes), kBytes);
      to += kBytes;
    }
  }
  return to;
}

}  // namespace

Result<Tensor> unpack(const PackedWeight& weight, const Tensor& blob) {
  const int bits = dtype_bits(weight.dtype);
  bool sound = bits >= 8 && !weight.dims.empty() && weight.offsets.size() == weight.dims.size() && blob.defined();
  int64_t count = 1;
  for (size_t axis = 0; sound && axis < weight.dims.size(); ++axis) {
    const int64_t dim = weight.dims[axis];
    sound = dim > 0 && static_cast<size_t>(dim) == weight.offsets[axis].size() && !__builtin_mul_overflow(count, dim, &count);
  }
  const int64_t elements = sound ? blob.bytes() / (bits / 8) : 0;
  if (!sound || count > elements || !in_range(weight, elements)) {
    return make_error(Code::kInvalidEngine, "portable part: the packing of a weight {} does not fit its blob; build it again", to_string(to_shape(weight.dims)));
  }
  Tensor result(weight.dtype, weight.dims);
  const auto* from = static_cast<const uint8_t*>(blob.raw());
  auto* to = static_cast<uint8_t*>(result.raw());
  switch (bits) {
    case 8: gather<1>(weight, from, to, 0, 0); break;
    case 16: gather<2>(weight, from, to, 0, 0); break;
    case 32: gather<4>(weight, from, to, 0, 0); break;
    case 64: gather<8>(weight, from, to, 0, 0); break;
    default: return make_error(Code::kInvalidEngine, "portable part: weights of type {} are not packed; build it again", dtype_name(weight.dtype));
  }
  return result;
}

}  // namespace sinter::plan
