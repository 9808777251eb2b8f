// Tensor: a contiguous row-major array in host memory; Value: what may flow along an edge at run time.
#pragma once

#include <cassert>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/dim.h"
#include "core/numeric.h"
#include "core/type.h"

namespace sinter {

constexpr int64_t kTensorAlignment = 64;  // bytes: a cache line, and the widest vector

// Copies share the buffer (like a shared_ptr); writing through one is seen by all. Elements of less than a byte are packed,
// first element in the low bits, as ONNX's raw_data. Sizes were checked to fit int64 when the tensor was made.
class Tensor {
 public:
  Tensor() = default;
  // Uninitialised memory of its own (strings: empty). Allocation failure throws std::bad_alloc (caught at the boundary).
  Tensor(DType dtype, Dims dims);
  // Refers to foreign memory; `keep_alive` owns it and may be null when the caller guarantees the lifetime.
  static Tensor view(DType dtype, Dims dims, void* data, std::shared_ptr<const void> keep_alive = nullptr);
  template <typename T>
  static Tensor scalar(DType dtype, T value) {
    Tensor t(dtype, {});
    *t.data<T>() = value;
    return t;
  }
  static Tensor from_i64(const std::vector<int64_t>& values);           // i64[n]
  static Tensor from_f32(const std::vector<float>& values, Dims dims);  // f32

  bool defined() const { return dtype_ != DType::kUndefined; }
  DType dtype() const { return dtype_; }
  const Dims& dims() const { return dims_; }
  int rank() const { return static_cast<int>(dims_.size()); }
  int64_t dim(int axis) const { return dims_[axis < 0 ? axis + rank() : axis]; }
  int64_t count() const { return count_; }                       // elements
  int64_t bytes() const { return dtype_bytes(dtype_, count_); }  // 0 for strings
  ValueType type() const { return ValueType::tensor(dtype_, to_shape(dims_)); }

  void* raw() { return data_; }
  const void* raw() const { return data_; }
  template <typename T>
  T* data() { return static_cast<T*>(data_); }
  template <typename T>
  const T* data() const { return static_cast<const T*>(data_); }

  // Same buffer under other dims of the same count.
  Tensor reshaped(Dims dims) const;
  Tensor clone() const;
  // Numeric conversion as ONNX's Cast (saturating for float8). No strings.
  Tensor cast(DType dtype) const;
  // Elements as int64/double whatever the numeric type (also sub-byte, bool).
  std::vector<int64_t> to_i64() const;
  std::vector<double> to_f64() const;
  // 4- and 2-bit tensors as i8/u8 (f4, f6 as f32), others unchanged; packed(dtype) is the inverse.
  Tensor unpacked() const;
  Tensor packed(DType dtype) const;
  // Equal type, dims and bits.
  bool identical(const Tensor& other) const;
  std::shared_ptr<const void> owner() const { return owner_; }

 private:
  DType dtype_ = DType::kUndefined;
  Dims dims_;
  int64_t count_ = 0;
  void* data_ = nullptr;
  std::shared_ptr<const void> owner_;
};

struct Value;
using Sequence = std::vector<Value>;

// An absent optional is monostate; a present optional is its content.
struct Value {
  std::variant<std::monostate, Tensor, std::shared_ptr<const Sequence>> content;
  Value() = default;
  Value(Tensor tensor) : content(std::move(tensor)) {}                                          // NOLINT
  Value(Sequence sequence) : content(std::make_shared<const Sequence>(std::move(sequence))) {}  // NOLINT
  bool present() const { return content.index() != 0; }
  bool is_tensor() const { return content.index() == 1; }
  bool is_sequence() const { return content.index() == 2; }
  Tensor& tensor() { return std::get<Tensor>(content); }
  const Tensor& tensor() const { return std::get<Tensor>(content); }
  const Sequence& sequence() const { return *std::get<2>(content); }
};

}  // namespace sinter
