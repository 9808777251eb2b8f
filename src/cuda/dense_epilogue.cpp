#include "cuda/dense_epilogue.h"

#include <bit>

#include "cuda/broadcast.h"
#include "cuda/cuda_tactic.h"
#include "cuda/quantized_dense.h"

namespace sinter::cuda {
namespace {

constexpr AxisPart kParts[] = {AxisPart::kOuter, AxisPart::kInner, AxisPart::kImage, AxisPart::kPixel,
                               AxisPart::kColumn};

std::string exact(float value) { return fmt::format("f32_of({:#010x}u)", std::bit_cast<uint32_t>(value)); }

}  // namespace

Result<DenseEpilogue::Operand> DenseEpilogue::classify(const Problem& problem, int input) const {
  const TensorDesc& desc = problem.inputs[static_cast<size_t>(input)];
  const Shape& output = problem.outputs[0].shape;
  const auto no = [&](std::string_view what) {
    return make_error(Code::kUnsupported, "epilogue operand {} of shape {}: {}", input, to_string(desc.shape), what);
  };
  if (!desc.present || (!is_compute_float(desc.dtype) && desc.dtype != DType::kBool && !is_byte(desc.dtype)))
    return no("not f32, f16, bf16, bool, i8 or u8");
  if (desc.shape.size() > output.size()) return no("of a higher rank than the result");
  Operand operand;
  operand.input = input;
  operand.dtype = desc.dtype;
  operand.spans.assign(output.size(), false);
  const size_t shift = output.size() - desc.shape.size();
  bool column = false, rows = false, every = true;
  for (size_t axis = 0; axis < output.size(); ++axis) {
    const bool one = axis < shift || desc.shape[axis - shift].is(1);
    if (!one && desc.shape[axis - shift] != output[axis]) return no("does not broadcast to the result");
    operand.spans[axis] = !one;
    every &= !one || output[axis].is(1);
    if (!one) (form_.parts[axis] == AxisPart::kColumn ? column : rows) = true;
  }
  operand.access = every && !product(output).is(1) && shift == 0 ? Access::kFull
                   : column && !rows                             ? Access::kColumn
                   : column                                      ? Access::kRows
                                                                 : Access::kSame;
  if (operand.access == Access::kFull) {
    operand.layout = form_.layout;
    return operand;
  }
  bool spatial = false;
  for (const AxisPart part : kParts) {
    bool some = false, all = true;
    for (size_t axis = 0; axis < output.size(); ++axis) {
      if (form_.parts[axis] != part || output[axis].is(1)) continue;
      (operand.spans[axis] ? some : all) = operand.spans[axis];
    }
    if (some && !all) return no("has only some of the axes that the kernel treats as one");
    spatial |= some && part == AxisPart::kPixel;
  }
  if (spatial && !form_.pixels) return no("differs from pixel to pixel");
  if (form_.layout != Layout::kRowMajor && spatial && column) {
    if (shift != 0) return no("of a lower rank than the result");
    operand.layout = form_.layout;
  }
  return operand;
}

Result<DenseEpilogue::Operand> DenseEpilogue::column_bias(const Problem& problem, const EpilogueForm& form) {
  Operand bias;
  bias.input = form.bias_input;
  bias.dtype = problem.inputs[static_cast<size_t>(form.bias_input)].dtype;
  if (!is_compute_float(bias.dtype)) return make_error(Code::kUnsupported, "a bias of type {}", dtype_name(bias.dtype));
  bias.access = Access::kColumn;
  bias.spans.assign(form.parts.size(), false);
  return bias;
}

Result<DenseEpilogue> DenseEpilogue::make(const Problem& problem, EpilogueForm form) {
  DenseEpilogue epilogue;
  epilogue.form_ = std::move(form);
  epilogue.out_ = problem.outputs[0].dtype;
  if (epilogue.form_.bias_input >= 0) {
    SINTER_ASSIGN(Operand bias, epilogue.form_.bias_per_column ? column_bias(problem, epilogue.form_)
                                                               : epilogue.classify(problem, epilogue.form_.bias_input));
    epilogue.operands_.push_back(std::move(bias));
  }
  if (problem.has_epilogue()) {
    epilogue.has_program_ = true;
    epilogue.program_ = problem.epilogue;
    if (problem.epilogue.outputs.size() != 1) return make_error(Code::kUnsupported, "an epilogue with several results");
    for (int i = 1; i < problem.epilogue.inputs; ++i) {
      SINTER_ASSIGN(Operand operand, epilogue.classify(problem, problem.epilogue_base + i - 1));
      epilogue.operands_.push_back(std::move(operand));
    }
  }
  if (epilogue.operands_.size() > static_cast<size_t>(sinter_kernels::kDenseOperands)) {
    return make_error(Code::kUnsupported, "an epilogue with {} operands, takes {}", epilogue.operands_.size(),
                      sinter_kernels::kDenseOperands);
  }
  if (epilogue.has_program_ && is_quantized_dense(problem) && is_byte(epilogue.out_) && epilogue.form_.scale == 1 && epilogue.form_.bias_input < 0)
    epilogue.in_steps_ = step_sum(epilogue.program_, epilogue.out_);
  return epilogue;
}

std::string DenseEpilogue::columns_source() const {
  std::string members, loads;
  for (size_t i = 0; i < operands_.size(); ++i) {
    if (operands_[i].access != Access::kColumn) continue;
    members += fmt::format(" f32 x{}[8];", i);
    loads += fmt::format("  operand_column<{}, WHOLE>(p, {}, place, columns.x{});\n", device_type(operands_[i].dtype), i, i);
  }
  return fmt::format("struct Columns {{{} }};\nSINTER_DEVICE void load_columns(const DenseParams& p, const Place& place, Columns& columns) {{\n{}}}\n", members, loads);
}

std::string DenseEpilogue::ahead_source() const {
  std::string lines;
  int64_t largest = 0;
  for (size_t i = 0; i < operands_.size(); ++i) {
    if (operands_[i].access != Access::kFull) continue;
    largest = std::max<int64_t>(largest, element_bytes(operands_[i].dtype));
    lines += fmt::format("  prefetch_line((const {}*)p.operands[{}].data + place.offset);\n", device_type(operands_[i].dtype), i);
  }
  if (lines.empty()) return "";
  return fmt::format("#define SINTER_AHEAD {}\nSINTER_DEVICE void ahead(const DenseParams& p, const Place& place) {{\n{}}}\n", largest, lines);
}

std::string DenseEpilogue::load_source(size_t i) const {
  const std::string_view type = device_type(operands_[i].dtype);
  if (operands_[i].access == Access::kColumn) return fmt::format("  const f32 (&x{})[8] = columns.x{};\n", i, i);
  const std::string declared = fmt::format("  f32 x{}[8];\n", i);
  switch (operands_[i].access) {
    case Access::kColumn: break;
    case Access::kFull: return declared + fmt::format("  operand_full<{}, WHOLE>(p, {}, place, x{});\n", type, i, i);
    case Access::kRows: return declared + fmt::format("  operand_rows<{}, WHOLE>(p, {}, place, x{});\n", type, i, i);
    case Access::kSame: return declared + fmt::format("  operand_same<{}>(p, {}, place, x{});\n", type, i, i);
  }
  return declared;
}

std::string DenseEpilogue::steps_source(const StepSum& sum) const {
  std::string text = fmt::format("#define SINTER_EPILOGUE 1\n#define SINTER_STEPS {}\n#define SINTER_ROUND 1\n{}{}", exact(sum.factors[0]), sum.round, columns_source() + ahead_source());
  text += "SINTER_DEVICE void epilogue(const DenseParams& p, const Place& place, const Columns& columns, const f32 (&scale)[8], f32 (&v)[8]) {\n";
  std::string terms = sum.constant != 0 || operands_.empty() ? exact(sum.constant) : "";
  for (size_t i = 0; i < operands_.size(); ++i) {
    const std::string factor = exact(sum.factors[i + 1]);
    if (operands_[i].access == Access::kFull) {
      text += fmt::format("  f32 x{}[8];\n  operand_full_times<{}, WHOLE>(p, {}, place, {}, x{});\n", i, device_type(operands_[i].dtype), i, factor, i);
      terms = terms.empty() ? fmt::format("x{}[i]", i) : fmt::format("x{}[i] + {}", i, terms);
    } else {
      text += load_source(i);
      terms = terms.empty() ? fmt::format("x{}[i] * {}", i, factor) : fmt::format("fmaf(x{}[i], {}, {})", i, factor, terms);
    }
  }
  return text + fmt::format("#pragma unroll\n  for (int i = 0; i < 8; ++i) v[i] = fmaf(v[i], scale[i], {});\n}}\n", terms);
}

std::string DenseEpilogue::source() const {
  if (operands_.empty() && !has_program_ && form_.scale == 1) return "";
  if (in_steps_) return steps_source(*in_steps_);
  std::string text = "#define SINTER_EPILOGUE 1\n#include \"pointwise_ops.h\"\n";
  PointwiseProgram program = program_;
  if (has_program_ && is_byte(out_)) text += "#define SINTER_ROUND 1\n" + round_source(program, 0, out_, "RoundResult");
  if (has_program_) text += program_source(program, "dense_program");
  text += columns_source() + ahead_source();
  text += "SINTER_DEVICE void epilogue(const DenseParams& p, const Place& place, const Columns& columns, f32 (&v)[8]) {\n";
  for (size_t i = 0; i < operands_.size(); ++i) text += load_source(i);
  text += "#pragma unroll\n  for (int i = 0; i < 8; ++i) {\n";
  if (form_.scale != 1) text += fmt::format("    v[i] *= {};\n", exact(form_.scale));
  size_t first = 0;
  if (form_.bias_input >= 0) {
    text += form_.bias_scale == 1 ? "    v[i] += x0[i];\n" : fmt::format("    v[i] = fmaf({}, x0[i], v[i]);\n", exact(form_.bias_scale));
    first = 1;
  }
  if (has_program_) {
    text += fmt::format("    const f32 x[{}] = {{v[i]", program_.inputs);
    for (size_t i = first; i < operands_.size(); ++i) text += fmt::format(", x{}[i]", i);
    text += "};\n    f32 y[1];\n    dense_program(x, y);\n    v[i] = y[0];\n";
  }
  return text + "  }\n}\n";
}

void DenseEpilogue::book(Offer& offer) const {
  for (const Operand& operand : operands_) offer.input_layouts[static_cast<size_t>(operand.input)] = operand.layout;
}

void DenseEpilogue::specialize(std::span<const Dims> inputs, const Dims& output, int64_t group_columns) {
  for (Operand& operand : operands_) {
    Dims dims(output.size(), 1);
    const Dims& own = inputs[static_cast<size_t>(operand.input)];
    std::copy(own.begin(), own.end(), dims.end() - static_cast<std::ptrdiff_t>(own.size()));
    // Strides in the operand's memory, axis by axis from the innermost out.
    Dims strides(output.size(), 0);
    int64_t step = 1;
    const std::vector<int> order = memory_order(operand.layout, static_cast<int>(output.size()));
    for (size_t i = order.size(); i-- > 0;) {
      const auto axis = static_cast<size_t>(order[i]);
      strides[axis] = operand.spans[axis] ? step : 0;
      step *= dims[axis];
    }
    // A part's stride is that of its innermost axis longer than one.
    const auto stride_of = [&](AxisPart part) {
      int64_t found = 0;
      for (size_t axis = 0; axis < output.size(); ++axis) {
        if (form_.parts[axis] == part && output[axis] != 1) found = strides[axis];
      }
      return found;
    };
    operand.strides = {nullptr, stride_of(AxisPart::kOuter), stride_of(AxisPart::kInner), stride_of(AxisPart::kImage),
                       stride_of(AxisPart::kPixel)};
    const bool columns = operand.access == Access::kColumn || operand.access == Access::kRows;
    if (form_.grouped) operand.strides.inner = columns ? group_columns : 0;
  }
}

void DenseEpilogue::fill(sinter_kernels::DenseParams& params, const LaunchArgs& args, int64_t origin) const {
  for (size_t i = 0; i < operands_.size(); ++i) {
    params.operands[i] = operands_[i].strides;
    const auto* data = static_cast<const char*>(args.inputs[operands_[i].input]);
    params.operands[i].data =
        operands_[i].access == Access::kFull ? data + origin * element_bytes(operands_[i].dtype) : data;
  }
}

}  // namespace sinter::cuda
