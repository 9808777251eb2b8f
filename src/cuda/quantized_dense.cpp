#include "cuda/quantized_dense.h"

#include <algorithm>
#include <cstring>

#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

// Inputs of both operators.
constexpr size_t kScaleInput = 2, kAZeroInput = 3, kBZeroInput = 4, kBiasInput = 5;

bool there(const Problem& problem, size_t input) {
  return input < static_cast<size_t>(problem.op_input_count()) && problem.inputs[input].present;
}
bool single(const TensorDesc& desc) { return product(desc.shape).is(1); }
bool is_constant(const TensorDesc& desc) { return desc.constant && desc.is_static(); }

}  // namespace

bool is_quantized_dense(const Problem& problem) {
  return is_op(problem, "QuantizedConv", "sinter") || is_op(problem, "QuantizedMatMul", "sinter");
}

int64_t byte_sum(const Tensor& bytes, DType type, int64_t first, int64_t step, int64_t count) {
  const auto* data = static_cast<const unsigned char*>(bytes.raw());
  int64_t sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    const unsigned char value = data[first + i * step];
    sum += type == DType::kI8 ? int64_t{static_cast<signed char>(value)} : int64_t{value};
  }
  return sum;
}

Tensor flipped(const Tensor& bytes) {
  Tensor out = bytes.clone();
  auto* data = static_cast<unsigned char*>(out.raw());
  for (int64_t i = 0; i < out.count(); ++i) data[i] ^= 0x80;
  return out;
}

Result<QuantizedDense> QuantizedDense::make(const Problem& problem, int64_t columns, int64_t k, RightOperand right) {
  QuantizedDense form;
  form.columns_ = columns;
  form.k_ = k;
  form.right_ = right;
  const bool b_packed = right != RightOperand::kDynamic;
  const TensorDesc &a = problem.inputs[0], &b = problem.inputs[1], &scale = problem.inputs[kScaleInput];
  form.b_type_ = b.dtype;
  if (!is_byte(a.dtype) || !is_byte(b.dtype)) return make_error(Code::kUnsupported, "operands that are not i8 or u8");
  form.scale_single_ = single(scale);
  form.scale_constant_ = is_constant(scale) && columns > 0;
  if (!form.scale_single_ && !product(scale.shape).is(columns)) return make_error(Code::kUnsupported, "a scale of shape {}", to_string(scale.shape));
  if (there(problem, kAZeroInput)) {
    const TensorDesc& zero = problem.inputs[kAZeroInput];
    if (!single(zero)) return make_error(Code::kUnsupported, "several zero points of the left operand");
    form.a_zero_from_memory_ = !zero.value.defined() || !b_packed;
    if (zero.value.defined()) form.a_zero_ = static_cast<int>(zero.value.to_i64()[0]);
    if (zero.value.defined() && form.a_zero_ == 0) form.a_zero_from_memory_ = false;
  }
  if (there(problem, kBZeroInput)) {
    const TensorDesc& zero = problem.inputs[kBZeroInput];
    form.b_zero_single_ = single(zero);
    if (!form.b_zero_single_ && !product(zero.shape).is(columns)) return make_error(Code::kUnsupported, "zero points of shape {}", to_string(zero.shape));
    if (b_packed && !is_constant(zero)) return make_error(Code::kUnsupported, "zero points of constant weights that are not constant");
    const auto all = [&](int64_t value) {
      const std::vector<int64_t> values = zero.value.defined() ? zero.value.to_i64() : std::vector<int64_t>{value + 1};
      return std::all_of(values.begin(), values.end(), [&](int64_t one) { return one == value; });
    };
    form.flip_b_ = right == RightOperand::kPacked && b.dtype == DType::kU8 && all(128);
    form.has_b_zero_ = !form.flip_b_ && !all(0);
  }
  if (there(problem, kBiasInput)) {
    form.has_bias_ = true;
    if (!is_constant(problem.inputs[kBiasInput])) return make_error(Code::kUnsupported, "a bias that is not constant");
  }
  const auto most = [](DType dtype, bool zero) { return zero || dtype == DType::kU8 ? int64_t{255} : int64_t{128}; };
  if (columns == 0 && form.has_bias_) return make_error(Code::kUnsupported, "a bias of unknown width");
  form.most_product_ = most(a.dtype, there(problem, kAZeroInput)) * most(b.dtype, form.has_b_zero_);
  form.most_ = k * form.most_product_;
  SINTER_TRY(form.check_depth(k));
  return form;
}

Status QuantizedDense::check_depth(int64_t k) const {
  const int64_t limit = right_ == RightOperand::kCentred ? int64_t{1} << 24 : int64_t{INT32_MAX};
  if (k * most_product_ <= limit) return ok_status();
  return make_error(Code::kUnsupported, "sums of {} products may exceed {}; use a smaller size", k, limit);
}

void QuantizedDense::book(Offer& offer) const {
  if (offer.packed_inputs.empty()) offer.packed_inputs.assign(offer.input_layouts.size(), false);
  offer.packed_inputs[kScaleInput] = scale_constant_;
  if (a_zero_ != 0 && !a_zero_from_memory_) offer.packed_inputs[kAZeroInput] = true;
  if ((has_b_zero_ || flip_b_) && right_ != RightOperand::kDynamic) offer.packed_inputs[kBZeroInput] = true;
  if (has_bias_) offer.packed_inputs[kBiasInput] = true;
}

Result<Tensor> QuantizedDense::make_table(std::span<const Tensor> constants, const std::vector<int64_t>& sums) const {
  Tensor table(DType::kI32, {kRows * stride() + 1});
  std::memset(table.raw(), 0, static_cast<size_t>(table.bytes()));
  int32_t* const rows = table.data<int32_t>();
  const auto values = [&](bool use, size_t input) { return use ? constants[input].to_i64() : std::vector<int64_t>{0}; };
  const std::vector<int64_t> bias = values(has_bias_, kBiasInput), zeros = values(has_b_zero_ && right_ != RightOperand::kDynamic, kBZeroInput);
  const auto of = [](const std::vector<int64_t>& list, int64_t i) { return list.size() == 1 ? list[0] : list[static_cast<size_t>(i)]; };
  for (const auto* list : {&bias, &zeros}) {
    if (list->size() != 1 && std::ssize(*list) != columns_)
      return make_error(Code::kInvalidModel, "{} values of a bias or zero points for {} columns; correct the model", list->size(), columns_);
  }
  bool wide = false;
  for (int64_t i = 0; i < columns_; ++i) {
    const int64_t zero = of(zeros, i), centred = sums[static_cast<size_t>(i)] - k_ * zero;
    const int64_t total = of(bias, i) - (right_ == RightOperand::kPacked && !a_zero_from_memory_ ? a_zero_ * centred : 0);
    const auto low = static_cast<int32_t>(static_cast<uint32_t>(static_cast<uint64_t>(total)));
    rows[kBias * stride() + i] = low;
    rows[kBiasHigh * stride() + i] = static_cast<int32_t>((total - low) >> 32);
    rows[kColumnSums * stride() + i] = static_cast<int32_t>(centred);
    rows[kBZero * stride() + i] = static_cast<int32_t>(zero);
    wide = wide || std::abs(of(bias, i)) + most_ > INT32_MAX;
    // Kernels with exact f32 sums add the bias as a float.
    wide = wide || (right_ == RightOperand::kCentred && static_cast<double>(static_cast<float>(total)) != static_cast<double>(total));
  }
  rows[kRows * stride()] = wide;
  if (scale_constant_) {
    const Tensor& scale = constants[kScaleInput];
    auto* to = reinterpret_cast<float*>(rows + kScale * stride());
    for (int64_t i = 0; i < columns_; ++i) to[i] = scale.data<float>()[scale.count() == 1 ? 0 : i];
  }
  return table;
}

Result<Tensor> QuantizedDense::centred(std::span<const Tensor> constants) const {
  const std::vector<int64_t> zeros = has_b_zero_ ? constants[kBZeroInput].to_i64() : std::vector<int64_t>{0};
  if (zeros.size() != 1 && std::ssize(zeros) != columns_)
    return make_error(Code::kInvalidModel, "{} zero points for {} filters; correct the model", zeros.size(), columns_);
  Tensor weights = constants[1].cast(DType::kF32);
  const int64_t each = weights.count() / std::max<int64_t>(columns_, 1);
  for (int64_t i = 0; i < weights.count(); ++i) {
    weights.data<float>()[i] -= static_cast<float>(zeros[zeros.size() == 1 ? 0 : static_cast<size_t>(i / each)]);
  }
  return weights.cast(DType::kF16);
}

Status QuantizedDense::check_table(std::string_view tactic, const Tensor& table) {
  const int64_t wanted = kRows * stride() + 1;
  if (table.dtype() != DType::kI32 || table.count() != wanted) {
    return make_error(Code::kInvalidEngine, "{}: found a table of {} elements, expected {} of i32; the engine is damaged: rebuild it", tactic, table.count(), wanted);
  }
  wide_ = table.data<int32_t>()[kRows * stride()] != 0;
  return ok_status();
}

void QuantizedDense::fill(sinter_kernels::DenseParams& p, const LaunchArgs& args, const void* table, int64_t table_inner) const {
  const auto* rows = static_cast<const int*>(table);
  p.bias = columns_ > 0 ? rows + kBias * stride() : nullptr;
  p.bias_high = wide_ ? rows + kBiasHigh * stride() : nullptr;
  p.column_sums = rows + kColumnSums * stride();
  p.table_inner = static_cast<int>(table_inner);
  p.scale_step = scale_constant_ || !scale_single_;
  p.scale = scale_constant_ ? reinterpret_cast<const float*>(rows + kScale * stride()) : static_cast<const float*>(args.inputs[kScaleInput]);
  if (a_zero_from_memory_) p.a_zero = args.inputs[kAZeroInput];
  p.fill = static_cast<unsigned>(a_zero_ & 0xff) * 0x01010101u;
  if (has_b_zero_) p.b_zero = right_ == RightOperand::kPacked ? static_cast<const void*>(rows + kBZero * stride()) : args.inputs[kBZeroInput];
  p.b_zero_step = !b_zero_single_;
}

}  // namespace sinter::cuda
