// Vectorised steps of pointwise programs: one function an instruction, over n floats. One table per instruction set, as in
// kernel_table.h.
#pragma once

#include <cstdint>

#include "base/cpu_info.h"
#include "core/dtype.h"
#include "core/pointwise.h"

namespace sinter::cpu {

#define X(id, name, arity) +1
inline constexpr int kPointwiseOpCount = 0 SINTER_POINTWISE_OPS(X);
#undef X

// d[i] = op(a[i], b[i], c[i]); an operand of the step's scalar mask is read at [0] only. d may be any of the operands.
using PointwiseStep = void (*)(float* d, const float* a, const float* b, const float* c, int64_t n);

// Between a stored type and f32, over n elements. NaN stays NaN; narrowing rounds to nearest even, bool is value != 0. Eight-bit integers
// saturate, and what is no whole number is cut off; NaN becomes the lowest value.
using WidenFn = void (*)(const void* source, float* target, int64_t n);
using NarrowFn = void (*)(const float* source, void* target, int64_t n);

// For each pixel p and channel c: target = clip(round((source - source_zero) * scale * factor[c] / divisor) + zero, low, high), in f32 and in
// this order. Without gaps between pixels.
struct ByteScale {
  const uint8_t* source;
  uint8_t* target;
  bool source_signed, target_signed;
  float source_zero, scale;
  const float* factor;
  float divisor;
  int zero, low, high;
  int64_t channels, pixels;
};

// clip(round(value / divisor) + zero, low, high), in f32 and in this order; what becomes of NaN is any of these values.
struct ByteQuantization {
  float divisor = 1;
  int zero = 0, low = 0, high = 0;
  bool is_signed = false;  // the result is i8, not u8
};

struct PointwiseSteps {
  // By instruction and by which operands are scalars (bit k: operand k). Null: spread the scalars into rows first; the entry
  // of mask 0 is always there.
  PointwiseStep step[kPointwiseOpCount][8] = {};
  WidenFn from_f16 = nullptr, from_bf16 = nullptr, from_bool = nullptr, from_i8 = nullptr, from_u8 = nullptr;
  NarrowFn to_f16 = nullptr, to_bf16 = nullptr, to_bool = nullptr, to_i8 = nullptr, to_u8 = nullptr;

  // target[i] = table[source[i]] with 256 entries; target may be source.
  void (*look_up)(const uint8_t* table, const uint8_t* source, uint8_t* target, int64_t n) = nullptr;
  void (*scale_bytes)(const ByteScale& call) = nullptr;
  void (*quantize)(const ByteQuantization& how, const float* source, int64_t n, uint8_t* target) = nullptr;

  // Null for f32 and for types that programs do not store.
  WidenFn widen(DType dtype) const;
  NarrowFn narrow(DType dtype) const;
};

const PointwiseSteps& pointwise_steps(Isa isa);

}  // namespace sinter::cpu
