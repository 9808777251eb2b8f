#include "cpu/byte_dense.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace sinter::cpu {
namespace {

bool is_byte(DType dtype) { return dtype == DType::kI8 || dtype == DType::kU8; }

// Reads a program from its end.
class Program {
 public:
  explicit Program(const PointwiseProgram& program) : program_(program) {}

  const PointwiseInstruction* made_by(int operand, PointwiseOp op) const {
    if (operand < program_.inputs) return nullptr;
    const PointwiseInstruction& step = program_.code[static_cast<size_t>(operand - program_.inputs)];
    return step.op == op ? &step : nullptr;
  }
  std::optional<float> constant(int operand) const {
    const PointwiseInstruction* step = made_by(operand, PointwiseOp::kConst);
    if (step == nullptr) return std::nullopt;
    return step->constant;
  }
  std::optional<int> whole(int operand, int low, int high) const {
    const auto value = constant(operand);
    if (!value || *value != std::nearbyint(*value) || *value < static_cast<float>(low) || *value > static_cast<float>(high)) return std::nullopt;
    return static_cast<int>(*value);
  }
  int uses(int operand) const {
    int count = 0;
    for (const PointwiseInstruction& step : program_.code) count += static_cast<int>(std::count(step.args.begin(), step.args.end(), operand));
    return count + static_cast<int>(std::count(program_.outputs.begin(), program_.outputs.end(), operand));
  }

 private:
  const PointwiseProgram& program_;
};

// The program without instructions that no output needs.
PointwiseProgram live_part(const PointwiseProgram& program) {
  std::vector<bool> live(static_cast<size_t>(program.operand_count()), false);
  for (const int16_t output : program.outputs) live[static_cast<size_t>(output)] = true;
  for (size_t i = program.code.size(); i-- > 0;) {
    if (!live[static_cast<size_t>(program.inputs) + i]) continue;
    for (const int16_t arg : program.code[i].args) {
      if (arg >= 0) live[static_cast<size_t>(arg)] = true;
    }
  }
  PointwiseProgram result;
  result.inputs = program.inputs;
  std::vector<int16_t> renamed(live.size(), -1);
  for (int i = 0; i < program.inputs; ++i) renamed[static_cast<size_t>(i)] = static_cast<int16_t>(i);
  for (size_t i = 0; i < program.code.size(); ++i) {
    if (!live[static_cast<size_t>(program.inputs) + i]) continue;
    PointwiseInstruction step = program.code[i];
    for (int16_t& arg : step.args) arg = arg < 0 ? arg : renamed[static_cast<size_t>(arg)];
    result.code.push_back(step);
    renamed[static_cast<size_t>(program.inputs) + i] = static_cast<int16_t>(result.operand_count() - 1);
  }
  for (const int16_t output : program.outputs) result.outputs.push_back(renamed[static_cast<size_t>(output)]);
  return result;
}

// The 8-bit operand that `operand` dequantizes by constants, with its zero point and scale in `match`; 0 when there is none.
int dequantized_input(const Problem& problem, const PointwiseProgram& program, int operand, ByteDense& match) {
  const Program reader(program);
  const PointwiseInstruction* product = reader.made_by(operand, PointwiseOp::kMul);
  if (product == nullptr || reader.uses(operand) != 1) return 0;
  const auto scale = reader.constant(product->args[1]);
  if (!scale || !std::isfinite(*scale)) return 0;
  int at = product->args[0];
  float zero = 0;
  if (const PointwiseInstruction* difference = reader.made_by(at, PointwiseOp::kSub)) {
    const auto constant = reader.whole(difference->args[1], -255, 255);
    if (!constant || reader.uses(at) != 1) return 0;
    zero = static_cast<float>(*constant);
    at = difference->args[0];
  }
  if (at < 1 || at >= program.inputs || reader.uses(at) != 1) return 0;
  const TensorDesc& desc = problem.inputs[static_cast<size_t>(problem.epilogue_base + at - 1)];
  if (!desc.present || !is_byte(desc.dtype) || desc.shape != problem.outputs[0].shape) return 0;
  match.residual_zero = zero;
  match.residual_scale = *scale;
  return at;
}

// Splits `clip(..) [sub(z)] mul(s)` behind a quantization off a program with one f32 result; false when it has none.
bool split_snapping(const Problem& problem, PointwiseProgram& program, ByteDense& match) {
  if (problem.outputs[0].dtype != DType::kF32 || program.outputs.size() != 1) return false;
  const Program reader(program);
  const PointwiseInstruction* product = reader.made_by(program.outputs[0], PointwiseOp::kMul);
  if (product == nullptr) return false;
  const auto scale = reader.constant(product->args[1]);
  int16_t at = product->args[0];
  float zero = 0;
  if (const PointwiseInstruction* difference = reader.made_by(at, PointwiseOp::kSub)) {
    const auto constant = reader.whole(difference->args[1], -255, 255);
    if (!constant) return false;
    zero = static_cast<float>(*constant);
    at = difference->args[0];
  }
  if (!scale || at < 0) return false;
  PointwiseProgram inner = program;
  inner.outputs[0] = at;
  ByteDense found;
  if (!split_quantization(DType::kU8, inner, found) && !split_quantization(DType::kI8, inner, found)) return false;
  found.snapped = true;
  found.snap_zero = zero;
  found.snap_scale = *scale;
  match = std::move(found);
  program = std::move(inner);
  return true;
}

bool folds(const DenseEpilogue& dense) {
  const Activation kind = dense.fixed.activation;
  return dense.tail.empty() && (kind == Activation::kNone || kind == Activation::kRelu || kind == Activation::kClip);
}

// The form with a dequantized residual, when the kernels do the whole epilogue with it.
bool match_residual(const Problem& problem, const PointwiseProgram& program, int column_axis, ByteDense& match) {
  for (size_t i = 0; i < program.code.size(); ++i) {
    if (program.code[i].op != PointwiseOp::kAdd) continue;
    for (const size_t side : {size_t{0}, size_t{1}}) {
      ByteDense found = match;
      const int input = dequantized_input(problem, program, program.code[i].args[side], found);
      if (input == 0) continue;
      Problem wide = problem;
      wide.epilogue = program;
      wide.epilogue.code[i].args[side] = static_cast<int16_t>(input);
      wide.epilogue = live_part(wide.epilogue);
      found.residual_input = problem.epilogue_base + input - 1;
      wide.inputs[static_cast<size_t>(found.residual_input)].dtype = DType::kF32;
      auto dense = match_epilogue(wide, column_axis, -1);
      if (!dense.ok() || !dense->tail.empty() || dense->residual_input != found.residual_input) continue;
      found.dense = std::move(dense).value();
      found.residual_after = found.dense.fixed.residual_after_activation;
      found.dense.fixed.residual_after_activation = false;
      found.dense.residual_input = -1;
      match = std::move(found);
      return true;
    }
  }
  return false;
}

// Problem inputs whose values a column needs, in the order of their blobs: the operator's, then the epilogue's bias.
std::vector<size_t> column_inputs(const Problem& problem, const ByteDense& match) {
  std::vector<size_t> inputs;
  for (const int input : {kByteScale, kByteXZero, kByteWZero, kByteBias}) {
    if (input < problem.op_input_count() && problem.inputs[static_cast<size_t>(input)].present) inputs.push_back(static_cast<size_t>(input));
  }
  if (match.dense.bias_input >= 0) inputs.push_back(static_cast<size_t>(match.dense.bias_input));
  return inputs;
}

}  // namespace

bool split_quantization(DType dtype, PointwiseProgram& program, ByteDense& match) {
  if (!is_byte(dtype) || program.outputs.size() != 1) return false;
  const int lowest = dtype == DType::kI8 ? -128 : 0, highest = dtype == DType::kI8 ? 127 : 255;
  const Program reader(program);
  const PointwiseInstruction* clip = reader.made_by(program.outputs[0], PointwiseOp::kClip);
  if (clip == nullptr) return false;
  const auto low = reader.whole(clip->args[1], lowest, highest), high = reader.whole(clip->args[2], lowest, highest);
  if (!low || !high || *low > *high) return false;
  int at = clip->args[0], zero = 0;
  if (const PointwiseInstruction* sum = reader.made_by(at, PointwiseOp::kAdd)) {
    const auto right = reader.whole(sum->args[1], -255, 255);
    if (!right) return false;
    zero = *right;
    at = sum->args[0];
  }
  const PointwiseInstruction* round = reader.made_by(at, PointwiseOp::kRound);
  if (round == nullptr) return false;
  const PointwiseInstruction* quotient = reader.made_by(round->args[0], PointwiseOp::kDiv);
  if (quotient == nullptr) return false;
  const auto divisor = reader.constant(quotient->args[1]);
  if (!divisor || !(*divisor > 0) || !std::isfinite(*divisor) || !std::isnormal(1.0f / *divisor)) return false;
  match.quantized = true;
  match.divisor = *divisor;
  match.zero = zero;
  match.low = *low;
  match.high = *high;
  const int16_t value = quotient->args[0];
  program.outputs[0] = value;
  program.code.resize(static_cast<size_t>(std::max(value - program.inputs + 1, 0)));
  return true;
}

std::string byte_dense_unsuitable(const Problem& problem) {
  if (problem.op_input_count() < 3) return "operands are missing";
  const auto present = [&](int input) { return input < problem.op_input_count() && problem.inputs[static_cast<size_t>(input)].present; };
  for (const int input : {kByteX, kByteW}) {
    if (!is_byte(problem.inputs[static_cast<size_t>(input)].dtype)) return "an operand is not i8 or u8";
  }
  if (problem.inputs[kByteScale].dtype != DType::kF32) return "the scale is not f32";
  if (present(kByteBias) && problem.inputs[kByteBias].dtype != DType::kI32) return "the bias is not i32";
  for (const int input : {kByteScale, kByteXZero, kByteWZero, kByteBias}) {
    if (present(input) && !problem.inputs[static_cast<size_t>(input)].is_static()) return "a scale, zero point or bias has no fixed size";
  }
  if (present(kByteXZero) && product(problem.inputs[kByteXZero].opt) != 1) return "several zero points of the left operand";
  const DType result = problem.outputs[0].dtype;
  if (result != DType::kF32 && result != DType::kI32 && !is_byte(result)) return fmt::format("the result is {}, gives f32, i8, u8 or sums in i32", dtype_name(result));
  return "";
}

Result<ByteDense> match_byte_epilogue(const Problem& problem, int column_axis) {
  ByteDense match;
  Problem rest = problem;
  const bool split = problem.has_epilogue() && (split_quantization(problem.outputs[0].dtype, rest.epilogue, match) || split_snapping(problem, rest.epilogue, match));
  if (split && !match.snapped && match_residual(problem, rest.epilogue, column_axis, match)) return match;
  SINTER_ASSIGN(match.dense, match_epilogue(rest, column_axis, -1));
  return match;
}

void book_byte_dense(const Problem& problem, const ByteDense& match, Layout layout, Offer& offer) {
  book_epilogue(problem, match.dense, layout, offer);
  for (const int input : {kByteScale, kByteXZero, kByteWZero, kByteBias}) {
    if (input >= problem.op_input_count()) continue;
    const TensorDesc& desc = problem.inputs[static_cast<size_t>(input)];
    offer.packed_inputs[static_cast<size_t>(input)] = desc.present && desc.constant;
  }
  if (match.residual_input >= 0) offer.input_layouts[static_cast<size_t>(match.residual_input)] = layout;
}

std::vector<std::string> byte_configs(Isa isa) {
  if (!kernel_table(isa).bytes.matrix) return {""};
  return {"", std::string(kByVectors)};
}

const KernelTable* byte_kernel_table(Isa isa, std::string_view config) {
  const KernelTable& table = kernel_table(isa);
  if (config.empty()) return &table;
  return config == kByVectors && table.bytes.matrix ? &kernel_table(Isa::kAvx512Vnni) : nullptr;
}

bool has_weight_zero(const Problem& problem) {
  const bool is_signed = problem.inputs[kByteW].dtype == DType::kI8;
  if (problem.op_input_count() <= kByteWZero || !problem.inputs[kByteWZero].present) return !is_signed;
  const Tensor& value = problem.inputs[kByteWZero].value;
  if (!value.defined()) return true;
  const int64_t neutral = is_signed ? 0 : 128;
  const std::vector<int64_t> zeros = value.to_i64();
  return std::any_of(zeros.begin(), zeros.end(), [&](int64_t zero) { return zero != neutral; });
}

Tensor signed_weights(const Tensor& weights) {
  if (weights.dtype() == DType::kI8) return weights;
  Tensor result(DType::kI8, weights.dims());
  for (int64_t i = 0; i < weights.count(); ++i) result.data<uint8_t>()[i] = weights.data<uint8_t>()[i] ^ 0x80;
  return result;
}

void append_byte_constants(const Problem& problem, const ByteDense& match, const Offer& offer, std::span<const Tensor> constants, std::vector<Tensor>& blobs) {
  for (const size_t input : column_inputs(problem, match)) {
    if (!offer.packed_inputs[input]) continue;
    const Tensor& constant = constants[input];
    blobs.push_back(constant.reshaped({constant.count()}));
  }
}

Result<ByteColumns> ByteColumns::make(std::string_view tactic, const Problem& problem, const Offer& offer, const ByteDense& match,
                                      std::span<const Tensor> blobs, size_t first_blob) {
  ByteColumns columns;
  columns.problem_ = problem;
  columns.match_ = match;
  columns.constants_.resize(problem.inputs.size());
  columns.all_constant_ = true;
  size_t next = first_blob;
  const auto damaged = [&] { return make_error(Code::kInvalidEngine, "{}: found {} blobs that do not fit the problem's constants; the engine is damaged: rebuild it", tactic, blobs.size()); };
  for (const size_t i : column_inputs(problem, match)) {
    if (i >= offer.packed_inputs.size() || !offer.packed_inputs[i]) {
      columns.all_constant_ = false;
      continue;
    }
    if (next >= blobs.size() || blobs[next].dtype() != problem.inputs[i].dtype || blobs[next].count() != product(problem.inputs[i].opt)) return damaged();
    columns.constants_[i] = blobs[next++];
  }
  if (next != blobs.size()) return damaged();
  return columns;
}

void ByteColumns::set_dims(std::span<const Dims> inputs, const Dims& output, int64_t columns, int64_t k, bool flips) {
  match_.dense.set_dims(inputs, output);
  columns_ = columns;
  k_ = k;
  flips_ = flips;
  current_ = false;
  const auto size = static_cast<size_t>(columns + kColumnSlack);
  start_.assign(size, 0);
  weight_zero_.assign(has_weight_zero(problem_) ? size : 0, 0);
  for (std::vector<float>* values : {&scale_, &folded_scale_, &folded_bias_}) values->assign(size, 0.0f);
}

const void* ByteColumns::operand(const LaunchArgs& args, int input) const {
  if (input < 0 || !problem_.inputs[static_cast<size_t>(input)].present) return nullptr;
  const Tensor& constant = constants_[static_cast<size_t>(input)];
  return constant.defined() ? constant.raw() : args.inputs[input];
}

const void* ByteColumns::own_operand(const LaunchArgs& args, ByteInput input) const {
  return input < problem_.op_input_count() ? operand(args, input) : nullptr;
}

void ByteColumns::read(const LaunchArgs& args, const int32_t* column_sums) {
  const bool x_signed = problem_.inputs[kByteX].dtype == DType::kI8, w_signed = problem_.inputs[kByteW].dtype == DType::kI8;
  const auto* x_zero = static_cast<const uint8_t*>(own_operand(args, kByteXZero));
  const auto* w_zero = static_cast<const uint8_t*>(own_operand(args, kByteWZero));
  const auto* bias = static_cast<const int32_t*>(own_operand(args, kByteBias));
  const auto* scale = static_cast<const float*>(own_operand(args, kByteScale));
  const uint8_t zero_bits = x_zero != nullptr ? *x_zero : 0;
  x_zero_ = !x_signed ? zero_bits : static_cast<int8_t>(zero_bits) + (flips_ ? 128 : 0);
  const bool one_scale = product(problem_.inputs[kByteScale].opt) == 1;
  const bool one_w_zero = w_zero != nullptr && product(problem_.inputs[kByteWZero].opt) == 1;
  for (int64_t c = 0; c < columns_; ++c) {
    const auto at = static_cast<size_t>(c);
    scale_[at] = scale[one_scale ? 0 : c];
    // Wraps around as the sums do: the final value fits.
    uint32_t start = (bias != nullptr ? static_cast<uint32_t>(bias[c]) : 0) - static_cast<uint32_t>(x_zero_) * static_cast<uint32_t>(column_sums[c]);
    if (!weight_zero_.empty()) {
      const uint8_t bits = static_cast<uint8_t>((w_zero != nullptr ? w_zero[one_w_zero ? 0 : c] : 0) ^ (w_signed ? 0 : 0x80));
      weight_zero_[at] = static_cast<int8_t>(bits);
      start += static_cast<uint32_t>(k_) * static_cast<uint32_t>(x_zero_) * static_cast<uint32_t>(weight_zero_[at]);
    }
    start_[at] = static_cast<int32_t>(start);
  }
}

// Decides whether everything is one multiply-add, and computes its factors.
void ByteColumns::fold(const LaunchArgs& args) {
  const DenseEpilogue& dense = match_.dense;
  bytes_.folded = false;
  bytes_.multiplier = match_.quantized ? 1.0f / match_.divisor : 1.0f;
  bytes_.zero = match_.zero;
  bytes_.low = match_.low;
  bytes_.high = match_.high;
  if (!match_.quantized) {
    bytes_.low = bytes_.store == ByteStore::kI8 ? -128 : 0;
    bytes_.high = bytes_.store == ByteStore::kI8 ? 127 : 255;
    return;
  }
  bytes_.snapped = match_.snapped;
  bytes_.snap_divisor = match_.divisor;
  bytes_.snap_zero = match_.snap_zero;
  bytes_.snap_scale = match_.snap_scale;
  if (match_.snapped) return;
  const bool shifted = match_.residual_input >= 0 && problem_.inputs[static_cast<size_t>(match_.residual_input)].dtype == DType::kU8;
  const float residual_zero = shifted ? 128.0f - match_.residual_zero : -match_.residual_zero;
  bytes_.residual_unsigned = shifted;
  bytes_.residual_after = match_.residual_after;
  bytes_.residual_scale = match_.residual_after ? match_.residual_scale * bytes_.multiplier : match_.residual_scale;
  bytes_.residual_start = residual_zero * bytes_.residual_scale;
  const bool late = match_.residual_after && dense.fixed.activation != Activation::kNone;
  if (!folds(dense) || late || dense.residual_input >= 0 || !weight_zero_.empty()) return;
  const auto* bias = static_cast<const float*>(operand(args, dense.bias_input));
  const float residual_scale = match_.residual_input >= 0 ? match_.residual_scale * bytes_.multiplier : 0.0f;
  const float residual_start = residual_zero * residual_scale;
  float largest = 0;
  for (int64_t c = 0; c < columns_; ++c) {
    const auto at = static_cast<size_t>(c);
    folded_scale_[at] = scale_[at] * bytes_.multiplier;
    folded_bias_[at] = (bias != nullptr ? bias[c] * bytes_.multiplier : 0.0f) + (match_.residual_input >= 0 ? residual_start : 0.0f);
    const float bound = std::fabs(folded_scale_[at]) * (255.0f * 255.0f * static_cast<float>(k_) + std::fabs(static_cast<float>(start_[at]))) + std::fabs(folded_bias_[at]);
    largest = bound <= largest ? largest : bound;  // NaN stays
  }
  const Activation kind = dense.fixed.activation;
  if (!(largest + 128.0f * std::fabs(residual_scale) < 1e9f)) return;
  if (kind == Activation::kClip && (std::isnan(dense.fixed.alpha) || std::isnan(dense.fixed.beta))) return;
  bytes_.folded = true;
  bytes_.residual_scale = residual_scale;
  // Rounding and adding keep the order of values: the activation's bounds may be applied after them.
  const auto bounded = [&](float value) {
    const float scaled = std::nearbyint(value * bytes_.multiplier) + static_cast<float>(match_.zero);
    return static_cast<int>(std::clamp(scaled, static_cast<float>(match_.low), static_cast<float>(match_.high)));
  };
  if (kind == Activation::kClip) bytes_.high = bounded(dense.fixed.beta);
  if (kind == Activation::kRelu) bytes_.low = bounded(0.0f);
  if (kind == Activation::kClip) bytes_.low = std::min(bounded(dense.fixed.alpha), bytes_.high);
}

void ByteColumns::update(const LaunchArgs& args, const int32_t* column_sums) {
  if (current_) return;
  const DType result = problem_.outputs[0].dtype;
  bytes_ = ByteEpilogue();
  bytes_.store = result == DType::kI8 ? ByteStore::kI8 : result == DType::kU8 ? ByteStore::kU8 : result == DType::kI32 ? ByteStore::kSums : ByteStore::kFloat;
  read(args, column_sums);
  fold(args);
  bytes_.start = start_.data();
  bytes_.scale = scale_.data();
  bytes_.weight_zero = weight_zero_.empty() ? nullptr : weight_zero_.data();
  bytes_.folded_scale = folded_scale_.data();
  bytes_.folded_bias = folded_bias_.data();
  current_ = all_constant_;
}

Epilogue ByteColumns::at(const LaunchArgs& args, int64_t residual_stride) {
  const int bias = match_.dense.bias_input;
  Epilogue epilogue = match_.dense.at(args, bias >= 0 ? constants_[static_cast<size_t>(bias)] : Tensor(), residual_stride);
  if (match_.residual_input >= 0) {
    bytes_.residual = static_cast<const uint8_t*>(args.inputs[match_.residual_input]);
    bytes_.residual_stride = residual_stride;
  }
  epilogue.bytes = &bytes_;
  return epilogue;
}

}  // namespace sinter::cpu
