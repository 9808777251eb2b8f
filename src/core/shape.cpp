// Shapes and concrete dims: conversion, products, text and broadcasting.
#include <algorithm>

#include "core/dim_expr.h"

namespace sinter {
namespace {

template <typename Elements, typename Print>
std::string join(const Elements& elements, Print print) {
  std::string text = "[";
  for (size_t i = 0; i < elements.size(); ++i) {
    if (i > 0) text += ',';
    text += print(elements[i]);
  }
  return text + "]";
}

Status broadcast_error(const std::string& a, const std::string& b) {
  return make_error(Code::kInvalidArgument,
                    "shapes {} and {} do not broadcast: from the right, sizes must be equal or one of them 1; correct the model or its inputs", a, b);
}

}  // namespace

Shape to_shape(const Dims& dims) { return Shape(dims.begin(), dims.end()); }

std::optional<Dims> constant_dims(const Shape& shape) {
  Dims dims;
  dims.reserve(shape.size());
  for (const Dim& dim : shape) {
    if (!dim.is_constant()) return std::nullopt;
    dims.push_back(dim.value());
  }
  return dims;
}

std::optional<Dims> evaluate(const Shape& shape, const Bindings& bindings) {
  Dims dims;
  dims.reserve(shape.size());
  for (const Dim& dim : shape) {
    const auto value = dim.evaluate(bindings);
    if (!value) return std::nullopt;
    dims.push_back(*value);
  }
  return dims;
}

Dim product(const Shape& shape, size_t begin, size_t end) {
  Dim total = 1;
  for (size_t i = begin; i < std::min(end, shape.size()); ++i) total *= shape[i];
  return total;
}

int64_t product(const Dims& dims, size_t begin, size_t end) {
  // A zero anywhere wins over an overflow before it.
  int64_t total = 1;
  for (size_t i = begin; i < std::min(end, dims.size()); ++i) {
    if (dims[i] == 0) return 0;
    total = saturating_mul(total, dims[i]);
  }
  return total;
}

std::string to_string(const Shape& shape) {
  return join(shape, [](const Dim& dim) { return dim.to_string(); });
}

std::string to_string(const Dims& dims) {
  return join(dims, [](int64_t dim) { return std::to_string(dim); });
}

Result<Shape> broadcast(const Shape& a, const Shape& b) {
  const size_t rank = std::max(a.size(), b.size());
  Shape out(rank);
  for (size_t i = 0; i < rank; ++i) {
    const Dim one = 1;
    const Dim& x = i < a.size() ? a[a.size() - 1 - i] : one;
    const Dim& y = i < b.size() ? b[b.size() - 1 - i] : one;
    Dim& result = out[rank - 1 - i];
    if (x == y || y.is(1)) {
      result = x;
    } else if (x.is(1)) {
      result = y;
    } else if (x.is_constant() && y.is_constant()) {
      return broadcast_error(to_string(a), to_string(b));
    } else if (x.is_constant() || y.is_constant()) {
      result = x.is_constant() ? x : y;  // the symbol must be 1 or this size
    } else {
      result = max(x, y);
    }
  }
  return out;
}

Result<Dims> broadcast(const Dims& a, const Dims& b) {
  const size_t rank = std::max(a.size(), b.size());
  Dims out(rank);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) return broadcast_error(to_string(a), to_string(b));
    out[rank - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

}  // namespace sinter
