// Which products of bf16 may stand for a product of f32 (cpu/kernels/conv_bf16.h), as configs of offers: "terms=3" where TF32 may, because it is more
// accurate, "terms=1" where bf16 may.
#pragma once

#include <string>
#include <string_view>

#include "cpu/kernels/kernel_table.h"
#include "tactic/arithmetic.h"
#include "tactic/tactic.h"

namespace sinter::cpu {

inline constexpr std::string_view kBf16Configs[] = {"terms=3", "terms=1"};

// 0: no such config.
inline int bf16_terms(std::string_view config) { return config == kBf16Configs[0] ? 3 : config == kBf16Configs[1] ? 1 : 0; }

// Why the problem can't have products of so many terms; "" when it can.
inline std::string bf16_unsuitable(const Problem& problem, int terms) {
  if (kernel_table(problem.isa).bf16.max_panels == 0) return "no matrix registers of bf16 on this processor";
  if (terms == 3 && !problem.precision.tf32) return "tf32 is not permitted (--noTF32)";
  if (terms == 1 && !problem.precision.bf16) return "bf16 is not permitted (--bf16 permits it)";
  return "";
}

inline Arithmetic bf16_arithmetic(const Offer& offer) { return {"f32", offer.config == kBf16Configs[0] ? "bf16x3" : "bf16", "f32"}; }

}  // namespace sinter::cpu
