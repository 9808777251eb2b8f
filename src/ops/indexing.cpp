// Strided copies and size checks of the reference kernels.
#include "ops/indexing.h"

#include <algorithm>
#include <cstring>

namespace sinter::ops {
namespace {

// 2^46 elements: more than any machine's memory, and small enough that bytes and strides never overflow.
constexpr int64_t kMaxElements = int64_t{1} << 46;

// Merges neighbouring axes that both sides walk as one, and drops axes of size 1.
struct Walk {
  Dims dims, from, to;
};

Walk simplify(const Dims& dims, const Dims& from, const Dims& to) {
  Walk walk;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) continue;
    if (!walk.dims.empty() && walk.from.back() == from[i] * dims[i] && walk.to.back() == to[i] * dims[i]) {
      walk.dims.back() *= dims[i];
      walk.from.back() = from[i];
      walk.to.back() = to[i];
    } else {
      walk.dims.push_back(dims[i]);
      walk.from.push_back(from[i]);
      walk.to.push_back(to[i]);
    }
  }
  if (walk.dims.empty()) walk = {{1}, {1}, {1}};
  return walk;
}

template <typename T>
void copy_walk(const T* source, T* target, const Walk& walk) {
  const size_t last = walk.dims.size() - 1;
  const int64_t run = walk.dims[last], from = walk.from[last], to = walk.to[last];
  const Dims outer(walk.dims.begin(), walk.dims.end() - 1);
  for_each_index(outer, [&](const Dims& index) {
    const T* s = source;
    T* t = target;
    for (size_t i = 0; i < index.size(); ++i) {
      s += index[i] * walk.from[i];
      t += index[i] * walk.to[i];
    }
    for (int64_t i = 0; i < run; ++i) t[i * to] = s[i * from];
  });
}

struct Bytes16 {
  uint64_t low, high;
};

}  // namespace

Dims row_major_strides(const Dims& dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<int64_t>(dims[i], 1);
  }
  return strides;
}

std::optional<int64_t> checked_count(const Dims& dims) {
  int64_t count = 1;
  bool empty = false;
  for (const int64_t size : dims) {
    if (size < 0) return std::nullopt;
    if (size == 0) empty = true;
    if (size > 0 && count > kMaxElements / size) return std::nullopt;
    count *= std::max<int64_t>(size, 1);
  }
  return empty ? 0 : count;
}

Status check_output_dims(const EvalContext& context, const Dims& dims) {
  if (checked_count(dims)) return ok_status();
  return context.error(fmt::format(
      "the output would be {}: expected non-negative sizes that fit in memory; correct the model or its inputs",
      to_string(dims)));
}

Status check_index(const EvalContext& context, int64_t& index, int64_t size, int axis) {
  if (index < -size || index >= size)
    return context.error(
        fmt::format("index {} is outside axis {} of size {}: expected a value in [{},{}]; correct the input", index,
                    axis, size, -size, size - 1));
  if (index < 0) index += size;
  return ok_status();
}

Status check_inside(const EvalContext& context, const Dims& dims, const Dims& data, int axis, std::string_view what) {
  bool inside = dims.size() == data.size();
  for (size_t i = 0; inside && i < dims.size(); ++i) inside = static_cast<int>(i) == axis || dims[i] <= data[i];
  if (inside) return ok_status();
  return context.error(
      fmt::format("{} are {} for data {}: expected the same rank and, except along axis {}, sizes within the data's; "
                  "correct the model",
                  what, to_string(dims), to_string(data), axis));
}

std::vector<int64_t> read_indices(const Tensor& tensor) { return tensor.to_i64(); }

void copy_region(const Tensor& source, const Region& from, Tensor& target, const Region& to, const Dims& dims) {
  for (const int64_t size : dims)
    if (size <= 0) return;
  const Walk walk = simplify(dims, from.strides, to.strides);
  const auto copy = [&](auto tag) {
    using T = typename decltype(tag)::type;
    copy_walk(source.data<T>() + from.offset, target.data<T>() + to.offset, walk);
  };
  if (source.dtype() == DType::kString) return copy(TypeTag<std::string>{});
  switch (dtype_bits(source.dtype())) {
    case 8: return copy(TypeTag<uint8_t>{});
    case 16: return copy(TypeTag<uint16_t>{});
    case 32: return copy(TypeTag<uint32_t>{});
    case 64: return copy(TypeTag<uint64_t>{});
    case 128: return copy(TypeTag<Bytes16>{});
    default: assert(!"packed types have no addresses; use move_data");
  }
}

void copy_strided(const Tensor& source, const Region& from, Tensor& target) {
  copy_region(source, from, target, {0, row_major_strides(target.dims())}, target.dims());
}

void copy_elements(const Tensor& source, int64_t from, Tensor& target, int64_t to, int64_t count) {
  if (count <= 0) return;
  if (source.dtype() == DType::kString) {
    std::copy_n(source.data<std::string>() + from, count, target.data<std::string>() + to);
    return;
  }
  const int64_t size = dtype_bits(source.dtype()) / 8;
  std::memcpy(target.data<char>() + to * size, source.data<char>() + from * size, static_cast<size_t>(count * size));
}

Status move_data(EvalContext& context, int index, const Tensor& source, const Dims& dims,
                 const std::function<Status(const Tensor& source, Tensor& target)>& move) {
  SINTER_TRY(check_output_dims(context, dims));
  const DType dtype = source.dtype();
  if (dtype == DType::kString || dtype_bits(dtype) >= 8) {
    Tensor& target = context.allocate(index, dtype, dims);
    return move(source, target);
  }
  const Tensor unpacked = source.unpacked();
  Tensor target(unpacked.dtype(), dims);
  SINTER_TRY(move(unpacked, target));
  context.set_output(index, target.packed(dtype));
  return ok_status();
}

}  // namespace sinter::ops
