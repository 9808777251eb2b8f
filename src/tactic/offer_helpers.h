// Small things that the tactics of every backend say in query and specialize.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/offer.h"
#include "core/problem.h"

namespace sinter {

// An offer with all tensors in one layout (absent inputs and those of other ranks are the caller's to correct).
inline Offer uniform_offer(const Problem& problem, Layout layout, std::string config = "") {
  Offer offer;
  offer.config = std::move(config);
  offer.input_layouts.assign(problem.inputs.size(), layout);
  offer.output_layouts.assign(problem.outputs.size(), layout);
  return offer;
}

inline bool is_op(const Problem& problem, std::string_view op, std::string_view domain = "") {
  return problem.op == op && problem.domain == domain;
}

// Bytes of an element, 0 for types without whole bytes and for strings.
inline int element_bytes(DType dtype) { return dtype_bits(dtype) % 8 == 0 ? dtype_bits(dtype) / 8 : 0; }

// A negative axis counts from the end.
inline int64_t normal_axis(int64_t axis, int64_t rank) { return axis < 0 ? axis + rank : axis; }

constexpr int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }
constexpr int64_t ceil_quotient(int64_t value, int64_t divisor) { return (value + divisor - 1) / divisor; }

}  // namespace sinter
