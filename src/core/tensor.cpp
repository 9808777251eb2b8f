#include "core/tensor.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace sinter {
namespace {

// Elements, or bad_alloc when a dim is negative or bytes (with alignment) would not fit.
int64_t checked_count(DType dtype, const Dims& dims) {
  for (const int64_t dim : dims) {
    if (dim < 0) throw std::bad_alloc();
  }
  const int64_t count = product(dims);
  const int64_t element = dtype == DType::kString ? int64_t{sizeof(std::string)} : (dtype_bits(dtype) + 7) / 8;
  int64_t bytes;
  if (count == INT64_MAX || __builtin_mul_overflow(count, std::max<int64_t>(element, 1), &bytes) ||
      bytes > INT64_MAX - kTensorAlignment) {
    throw std::bad_alloc();
  }
  return count;
}

constexpr std::align_val_t kAlign{static_cast<size_t>(kTensorAlignment)};

// Element `index` of a stream of `bits`-bit elements, first in the low bits; elements may straddle a byte boundary.
uint8_t read_bits(const uint8_t* bytes, int64_t index, int bits) {
  const int64_t bit = index * bits;
  const int shift = static_cast<int>(bit % 8);
  unsigned word = bytes[bit / 8];
  if (shift + bits > 8) word |= static_cast<unsigned>(bytes[bit / 8 + 1]) << 8;
  return static_cast<uint8_t>((word >> shift) & ((1u << bits) - 1));
}

void write_bits(uint8_t* bytes, int64_t index, int bits, uint8_t value) {
  const int64_t bit = index * bits;
  const int shift = static_cast<int>(bit % 8);
  const unsigned word = static_cast<unsigned>(value & ((1u << bits) - 1)) << shift;
  bytes[bit / 8] |= static_cast<uint8_t>(word);
  if (shift + bits > 8) bytes[bit / 8 + 1] |= static_cast<uint8_t>(word >> 8);
}

int8_t sign_extend(uint8_t value, int bits) {
  const int shift = 8 - bits;
  return static_cast<int8_t>(static_cast<int8_t>(value << shift) >> shift);
}

}  // namespace

Tensor::Tensor(DType dtype, Dims dims) : dtype_(dtype), dims_(std::move(dims)), count_(checked_count(dtype, dims_)) {
  if (dtype == DType::kString) {
    std::shared_ptr<std::string[]> strings(new std::string[static_cast<size_t>(count_)]);
    data_ = strings.get();
    owner_ = std::move(strings);
    return;
  }
  // Whole cache lines, so that two tensors never share one.
  const int64_t size = (std::max<int64_t>(bytes(), 1) + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
  void* memory = ::operator new(static_cast<size_t>(size), kAlign);
  data_ = memory;
  owner_ = std::shared_ptr<const void>(memory, [](const void* p) { ::operator delete(const_cast<void*>(p), kAlign); });
}

Tensor Tensor::view(DType dtype, Dims dims, void* data, std::shared_ptr<const void> keep_alive) {
  Tensor tensor;
  tensor.count_ = checked_count(dtype, dims);
  tensor.dtype_ = dtype;
  tensor.dims_ = std::move(dims);
  tensor.data_ = data;
  tensor.owner_ = std::move(keep_alive);
  return tensor;
}

Tensor Tensor::from_i64(const std::vector<int64_t>& values) {
  Tensor tensor(DType::kI64, {static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), tensor.data<int64_t>());
  return tensor;
}

Tensor Tensor::from_f32(const std::vector<float>& values, Dims dims) {
  Tensor tensor(DType::kF32, std::move(dims));
  assert(tensor.count() == static_cast<int64_t>(values.size()));
  std::copy(values.begin(), values.end(), tensor.data<float>());
  return tensor;
}

Tensor Tensor::reshaped(Dims dims) const {
  assert(product(dims) == count_);
  Tensor tensor = *this;
  tensor.dims_ = std::move(dims);
  return tensor;
}

Tensor Tensor::clone() const {
  if (!defined()) return {};
  Tensor copy(dtype_, dims_);
  if (dtype_ == DType::kString) {
    std::copy_n(data<std::string>(), count_, copy.data<std::string>());
  } else if (bytes() > 0) {
    std::memcpy(copy.data_, data_, static_cast<size_t>(bytes()));
  }
  return copy;
}

Tensor Tensor::unpacked() const {
  const int bits = dtype_bits(dtype_);
  if (bits == 0 || bits >= 8) return *this;
  const bool floating = is_float(dtype_), with_sign = is_signed(dtype_);
  Tensor out(floating ? DType::kF32 : with_sign ? DType::kI8 : DType::kU8, dims_);
  const auto* source = data<uint8_t>();
  for (int64_t i = 0; i < count_; ++i) {
    const uint8_t code = read_bits(source, i, bits);
    if (floating) {
      out.data<float>()[i] = small_float_to_float(dtype_, code);
    } else if (with_sign) {
      out.data<int8_t>()[i] = sign_extend(code, bits);
    } else {
      out.data<uint8_t>()[i] = code;
    }
  }
  return out;
}

Tensor Tensor::packed(DType dtype) const {
  const int bits = dtype_bits(dtype);
  if (bits == 0 || bits >= 8) return *this;
  Tensor out(dtype, dims_);
  auto* target = out.data<uint8_t>();
  std::memset(target, 0, static_cast<size_t>(out.bytes()));
  for (int64_t i = 0; i < count_; ++i) {
    const uint8_t code = is_float(dtype) ? float_to_small_float(dtype, data<float>()[i]) : data<uint8_t>()[i];
    write_bits(target, i, bits, code);
  }
  return out;
}

bool Tensor::identical(const Tensor& other) const {
  if (dtype_ != other.dtype_ || dims_ != other.dims_) return false;
  if (dtype_ == DType::kString) {
    return std::equal(data<std::string>(), data<std::string>() + count_, other.data<std::string>());
  }
  return bytes() == 0 || data_ == other.data_ || std::memcmp(data_, other.data_, static_cast<size_t>(bytes())) == 0;
}

}  // namespace sinter
