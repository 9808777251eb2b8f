#include "cpu/epilogue_tail.h"

#include <algorithm>

#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {
namespace {

constexpr size_t kMaxOperands = 16;
constexpr int kMaxColumns = kMaxTilePanels * kPanel;
constexpr int64_t kScratchFloats = 16 << 10;  // on the stack of the thread that computes the tile

// Strides of an operand along the output's axes, 0 where it broadcasts. Row-major or channels last.
Dims broadcast_strides(const Dims& dims, Layout layout, size_t output_rank) {
  Dims strides(output_rank, 0);
  const size_t shift = output_rank - dims.size();
  int64_t step = 1;
  const auto take = [&](size_t axis) {
    strides[axis + shift] = dims[axis] == 1 ? 0 : step;
    step *= dims[axis];
  };
  if (layout == Layout::kChannelsLast) take(1);
  for (size_t axis = dims.size(); axis-- > 0;) {
    if (layout != Layout::kChannelsLast || axis != 1) take(axis);
  }
  return strides;
}

}  // namespace

Result<EpilogueTail> EpilogueTail::make(const Problem& problem, const PointwiseProgram& program, std::vector<int> inputs, int column_axis) {
  const auto no = [&](std::string_view why) {
    return make_error(Code::kUnsupported, "epilogue '{}': {}", problem.epilogue.to_string(), why);
  };
  if (inputs.size() > kMaxOperands) return no("too many operands");
  EpilogueTail tail;
  tail.column_axis_ = column_axis;
  for (const int input : inputs) {
    const TensorDesc& desc = problem.inputs[static_cast<size_t>(input)];
    const bool taken = desc.dtype == DType::kF32 || desc.dtype == DType::kI8 || desc.dtype == DType::kU8;
    if (!desc.present || !taken) return no("an operand that is not f32, i8 or u8");
    if (desc.rank() > problem.outputs[0].rank()) return no("an operand of a higher rank than the result");
    Operand operand;
    operand.input = input;
    operand.layout = desc.layout;
    operand.dtype = desc.dtype;
    operand.widen = pointwise_steps(problem.isa).widen(desc.dtype);
    tail.operands_.push_back(std::move(operand));
  }
  tail.tile_ = PointwiseTile(program, problem.isa);
  if (tail.tile_.scratch_floats() > kScratchFloats) return no("too many values are alive at once");
  return tail;
}

void EpilogueTail::book(const Problem& problem, Layout layout, Offer& offer) const {
  for (const Operand& operand : operands_) {
    const Shape& shape = problem.inputs[static_cast<size_t>(operand.input)].shape;
    if (static_cast<int>(shape.size()) != problem.outputs[0].rank() || shape.size() < 3 || shape[1].is(1)) continue;
    const bool spatial = std::any_of(shape.begin() + 2, shape.end(), [](const Dim& dim) { return !dim.is(1); });
    if (spatial) offer.input_layouts[static_cast<size_t>(operand.input)] = layout;
  }
}

void EpilogueTail::set_dims(std::span<const Dims> inputs, const Dims& output) {
  for (Operand& operand : operands_) {
    const Dims strides = broadcast_strides(inputs[static_cast<size_t>(operand.input)], operand.layout, output.size());
    operand.column_stride = strides[static_cast<size_t>(column_axis_)];
    operand.rows.clear();
    for (size_t axis = output.size(); axis-- > 0;) {
      if (axis == static_cast<size_t>(column_axis_) || output[axis] == 1) continue;
      const RowAxis row{output[axis], strides[axis]};
      const bool merges = !operand.rows.empty() && row.stride == operand.rows.back().stride * operand.rows.back().size;
      if (merges) operand.rows.back().size *= row.size;
      else operand.rows.push_back(row);
    }
  }
}

int64_t EpilogueTail::Operand::offset(int64_t row, int64_t col) const {
  int64_t at = col * column_stride;
  for (size_t i = 0; i < rows.size(); ++i) {
    const bool outermost = i + 1 == rows.size();
    at += (outermost ? row : row % rows[i].size) * rows[i].stride;
    if (!outermost) row /= rows[i].size;
  }
  return at;
}

PointwiseOperand EpilogueTail::Operand::read(int64_t row, int64_t col, int count, float* gathered) const {
  const int64_t at = offset(row, col);
  const bool scalar = column_stride == 0;
  if (widen == nullptr) {
    const float* from = reinterpret_cast<const float*>(data) + at;
    if (column_stride <= 1) return {from, scalar};
    for (int k = 0; k < count; ++k) gathered[k] = from[k * column_stride];
  } else if (column_stride <= 1) {
    widen(data + at, gathered, scalar ? 1 : count);
  } else {
    for (int k = 0; k < count; ++k) widen(data + at + k * column_stride, gathered + k, 1);
  }
  return {gathered, scalar};
}

void EpilogueTail::at(const LaunchArgs& args, Epilogue& epilogue) {
  if (empty()) return;
  for (Operand& operand : operands_) operand.data = static_cast<const char*>(args.inputs[operand.input]);
  epilogue.post = &EpilogueTail::post;
  epilogue.post_ctx = this;
}

void EpilogueTail::post(void* self, float* tile_row, int64_t row, int64_t col, int n) {
  const EpilogueTail& tail = *static_cast<const EpilogueTail*>(self);
  float scratch[kScratchFloats];
  float gathered[kMaxOperands][kMaxColumns];
  PointwiseOperand operands[kMaxOperands + 1];
  for (int begin = 0; begin < n; begin += kMaxColumns) {
    const int count = std::min(n - begin, kMaxColumns);
    float* values = tile_row + begin;
    operands[0] = {values, false};
    for (size_t i = 0; i < tail.operands_.size(); ++i) {
      const Operand& operand = tail.operands_[i];
      operands[i + 1] = operand.read(row, col + begin, count, gathered[i]);
    }
    tail.tile_.run(operands, &values, count, scratch);
  }
}

}  // namespace sinter::cpu
