#include "cuda/dense_epilogue.h"

#include <bit>

#include "cuda/broadcast.h"
#include "cuda/cuda_tactic.h"
#include "cuda/pointwise_source.h"

namespace sinter::cuda {
namespace {

constexpr AxisPart kParts[] = {AxisPart::kOuter, AxisPart::kInner, AxisPart::kImage, AxisPart::kPixel,
                               AxisPart::kColumn};

std::string literal(float value) { return fmt::format("f32_of({:#010x}u)", std::bit_cast<uint32_t>(value)); }

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
  return epilogue;
}

std::string DenseEpilogue::source() const {
  if (operands_.empty() && !has_program_ && form_.scale == 1) return "";
  std::string text = "#define SINTER_EPILOGUE 1\n#include \"pointwise_ops.h\"\n";
  PointwiseProgram program = program_;
  if (has_program_ && is_byte(out_)) text += "#define SINTER_ROUND 1\n" + round_source(program, 0, out_, "RoundResult");
  if (has_program_) text += program_source(program, "dense_program");
  std::string members, loads;
  for (size_t i = 0; i < operands_.size(); ++i) {
    if (operands_[i].access != Access::kColumn) continue;
    members += fmt::format(" f32 x{}[8];", i);
    loads += fmt::format("  operand_column<{}, WHOLE>(p, {}, place, columns.x{});\n", device_type(operands_[i].dtype), i, i);
  }
  text += fmt::format("struct Columns {{{} }};\n", members);
  text += fmt::format("SINTER_DEVICE void load_columns(const DenseParams& p, const Place& place, Columns& columns) {{\n{}}}\n", loads);
  text += "SINTER_DEVICE void epilogue(const DenseParams& p, const Place& place, const Columns& columns, f32 (&v)[8]) {\n";
  for (size_t i = 0; i < operands_.size(); ++i) {
    const std::string_view type = device_type(operands_[i].dtype);
    if (operands_[i].access == Access::kColumn) {
      text += fmt::format("  const f32 (&x{})[8] = columns.x{};\n", i, i);
      continue;
    }
    text += fmt::format("  f32 x{}[8];\n", i);
    switch (operands_[i].access) {
      case Access::kColumn: break;
      case Access::kFull: text += fmt::format("  operand_full<{}, WHOLE>(p, {}, place, x{});\n", type, i, i); break;
      case Access::kRows: text += fmt::format("  operand_rows<{}, WHOLE>(p, {}, place, x{});\n", type, i, i); break;
      case Access::kSame: text += fmt::format("  operand_same<{}>(p, {}, place, x{});\n", type, i, i); break;
    }
  }
  text += "#pragma unroll\n  for (int i = 0; i < 8; ++i) {\n";
  if (form_.scale != 1) text += fmt::format("    v[i] *= {};\n", literal(form_.scale));
  size_t first = 0;
  if (form_.bias_input >= 0) {
    text += form_.bias_scale == 1 ? "    v[i] += x0[i];\n"
                                  : fmt::format("    v[i] = fmaf({}, x0[i], v[i]);\n", literal(form_.bias_scale));
    first = 1;
  }
  if (has_program_) {
    text += fmt::format("    const f32 x[{}] = {{v[i]", program_.inputs);
    for (size_t i = first; i < operands_.size(); ++i) text += fmt::format(", x{}[i]", i);
    text += "};\n    f32 y[1];\n    dense_program(x, y);\n    v[i] = y[0];\n";
  }
  text += "  }\n}\nSINTER_DEVICE void epilogue(const DenseParams& p, const Place& place, f32 (&v)[8]) {\n";
  return text + "  Columns columns;\n  load_columns(p, place, columns);\n  epilogue(p, place, columns, v);\n}\n";
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
