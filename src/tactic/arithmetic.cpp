#include "tactic/arithmetic.h"

#include <algorithm>

namespace sinter {
namespace {

constexpr std::string_view kMoves[] = {"Concat",        "Reshape",       "Flatten",  "Squeeze", "Unsqueeze", "Transpose", "DepthToSpace", "SpaceToDepth",  "Slice",
                                       "Split",         "Expand",        "Tile",     "Pad",     "Gather",    "GatherElements", "GatherND", "Identity",      "Reformat",
                                       "Where",         "Shape",         "Size",     "OneHot",  "Trilu",     "ReverseSequence", "Compress", "ConstantOfShape", "Constant", "NonZero"};

bool is_narrow(DType dtype) { return is_float(dtype) && dtype_bits(dtype) < 32; }
bool is_byte(DType dtype) { return dtype == DType::kI8 || dtype == DType::kU8; }
bool is_quantized_product(const Problem& problem) { return problem.domain == "sinter" && problem.op.rfind("Quantized", 0) == 0; }

DType type_of(const std::vector<TensorDesc>& descs) {
  for (const TensorDesc& desc : descs) {
    if (desc.present) return desc.dtype;
  }
  return DType::kUndefined;
}

std::string_view name_of(DType dtype) { return dtype == DType::kUndefined ? "-" : dtype_name(dtype); }

}  // namespace

Arithmetic plain_arithmetic(const Problem& problem) {
  const DType in = type_of(problem.inputs), out = type_of(problem.outputs);
  const std::string_view storage = name_of(out == DType::kUndefined ? in : out);
  if (is_quantized_product(problem)) return {storage, "i8", "i32"};
  if (problem.op == "ConvInteger" || problem.op == "MatMulInteger") return {storage, "i8", "i32"};
  if (std::find(std::begin(kMoves), std::end(kMoves), problem.op) != std::end(kMoves) && !problem.has_epilogue()) return {storage, "-", "-"};
  const bool quantizes = problem.op == "QuantizeLinear" || problem.op == "DequantizeLinear" || (problem.op == "Pointwise" && (is_byte(in) || is_byte(out)));
  if (quantizes || is_narrow(in) || is_narrow(out)) return {storage, "f32", "f32"};
  const std::string_view type = name_of(in == DType::kUndefined ? out : in);
  return {storage, type, type};
}

Arithmetic arithmetic_of(const Tactic& tactic, const Problem& problem, const Offer& offer) {
  const auto* typed = dynamic_cast<const TypedTactic*>(&tactic);
  return typed ? typed->arithmetic(problem, offer) : plain_arithmetic(problem);
}

Arithmetic matrix_arithmetic(const Problem& problem) {
  Arithmetic result = plain_arithmetic(problem);
  const DType in = type_of(problem.inputs);
  if (in == DType::kF16 || in == DType::kBF16) result.compute = dtype_name(in);
  if (in == DType::kF32 && problem.precision.tf32) result.compute = "tf32";
  return result;
}

}  // namespace sinter
