// MatMulNBits: weights of 2, 4 or 8 bits in blocks along K, packed low bits first, each block with a scale and a zero point.
//
// The weights become a constant [K,N] of the IR's type of that many bits (as small as in the file), dequantized in blocks along axis 0 by
// DequantizeLinear, and a MatMul follows. Without zero points, or with the middle 2^(bits-1) in all of them, the type is the signed one.
#include <algorithm>
#include <cmath>

#include "onnx/contrib/contrib.h"

namespace sinter::onnx {
namespace {

struct Blocks {
  int64_t k = 0, n = 0, bits = 0, size = 0;
  int64_t count() const { return (k + size - 1) / size; }         // of blocks a column
  int64_t bytes() const { return size / 8 * bits; }               // of a block
  int64_t zero_bytes() const { return (count() * bits + 7) / 8; }  // of a column's packed zero points
};

constexpr int64_t kMostElements = int64_t{1} << 40;

Status read_blocks(const Expansion& e, Blocks& blocks) {
  const Attributes& a = e.attributes();
  blocks = {a.i("K"), a.i("N"), a.i("bits"), a.i("block_size")};
  if (blocks.bits != 2 && blocks.bits != 4 && blocks.bits != 8) {
    return make_error(Code::kUnsupported, "attribute 'bits' is {}; expected 2, 4 or 8; quantize the weights again", blocks.bits);
  }
  const bool power = blocks.size >= 16 && blocks.size <= (1 << 20) && (blocks.size & (blocks.size - 1)) == 0;
  if (!power) {
    return e.error(fmt::format("attribute 'block_size' is {}", blocks.size), "a power of 2 of at least 16", "quantize the weights again");
  }
  if (blocks.k < 1 || blocks.n < 1 || blocks.k > kMostElements / blocks.n) {
    return e.error(fmt::format("attributes 'K' and 'N' are {} and {}", blocks.k, blocks.n), "the sizes of the weights, 1 or more");
  }
  return ok_status();
}

// A constant input with `count` elements, whatever its dims.
Status take(const Expansion& e, size_t index, int64_t count, std::string_view what, const Tensor*& tensor) {
  tensor = e.constant_of(e.input(index));
  if (!tensor) {
    return make_error(Code::kUnsupported, "{}, input {} ('{}'), is no constant; expected an initializer; export the model with its weights", what, index,
                      e.input(index)->name);
  }
  if (tensor->count() != count) {
    return e.error(fmt::format("{}, input {}, is {}: {} elements", what, index, to_string(tensor->dims()), tensor->count()),
                   fmt::format("{} for these K, N, bits and block_size", count));
  }
  return ok_status();
}

// Element `index` of numbers of `bits` bits that fill bytes from the low end.
uint8_t unpack(const uint8_t* bytes, int64_t index, int64_t bits) {
  const int64_t at = index * bits;
  return static_cast<uint8_t>(bytes[at / 8] >> (at % 8) & ((1 << bits) - 1));
}

DType integer_of(int64_t bits, bool is_signed) {
  if (bits == 8) return is_signed ? DType::kI8 : DType::kU8;
  if (bits == 4) return is_signed ? DType::kI4 : DType::kU4;
  return is_signed ? DType::kI2 : DType::kU2;
}

// [columns][rows] → [rows,columns], as the IR's type; `shift` is taken off each.
Tensor turned(const std::vector<uint8_t>& values, int64_t rows, int64_t columns, int64_t bits, int shift) {
  Tensor wide(shift ? DType::kI8 : DType::kU8, {rows, columns});
  auto* to = static_cast<uint8_t*>(wide.raw());
  for (int64_t column = 0; column < columns; ++column) {
    for (int64_t row = 0; row < rows; ++row) to[row * columns + column] = static_cast<uint8_t>(values[static_cast<size_t>(column * rows + row)] - shift);
  }
  return bits == 8 ? wide : wide.packed(integer_of(bits, shift != 0));
}

// Zero points one a block, as [N][blocks]; they are packed like the weights, or numbers of A's type.
Status read_zeros(const Expansion& e, const Blocks& blocks, std::vector<float>& zeros) {
  const auto middle = static_cast<float>(1 << (blocks.bits - 1));
  zeros.assign(static_cast<size_t>(blocks.n * blocks.count()), middle);
  if (!e.input(3)) return ok_status();
  const Tensor* given = nullptr;
  if (e.dtype(e.input(3)) == DType::kU8) {
    SINTER_TRY(take(e, 3, blocks.n * blocks.zero_bytes(), "the packed zero points", given));
    for (int64_t n = 0; n < blocks.n; ++n) {
      const uint8_t* column = given->data<uint8_t>() + n * blocks.zero_bytes();
      for (int64_t b = 0; b < blocks.count(); ++b) zeros[static_cast<size_t>(n * blocks.count() + b)] = unpack(column, b, blocks.bits);
    }
    return ok_status();
  }
  SINTER_TRY(take(e, 3, blocks.n * blocks.count(), "the zero points", given));
  const std::vector<double> wide = given->to_f64();
  std::transform(wide.begin(), wide.end(), zeros.begin(), [](double value) { return static_cast<float>(value); });
  return ok_status();
}

std::vector<uint8_t> read_weights(const Tensor& packed, const Blocks& blocks) {
  std::vector<uint8_t> values(static_cast<size_t>(blocks.n * blocks.k));
  for (int64_t n = 0; n < blocks.n; ++n) {
    const uint8_t* column = packed.data<uint8_t>() + n * blocks.count() * blocks.bytes();
    for (int64_t k = 0; k < blocks.k; ++k) values[static_cast<size_t>(n * blocks.k + k)] = unpack(column, k, blocks.bits);
  }
  return values;
}

// (value - zero) · scale for zero points that are no whole numbers of the type: the weights as floats.
Tensor dense_weights(const std::vector<uint8_t>& values, const Tensor& scales, const std::vector<float>& zeros, const Blocks& blocks) {
  const std::vector<double> scale = scales.to_f64();
  Tensor weights(DType::kF32, {blocks.k, blocks.n});
  for (int64_t k = 0; k < blocks.k; ++k) {
    for (int64_t n = 0; n < blocks.n; ++n) {
      const auto block = static_cast<size_t>(n * blocks.count() + k / blocks.size);
      const float value = static_cast<float>(values[static_cast<size_t>(n * blocks.k + k)]) - zeros[block];
      weights.data<float>()[k * blocks.n + n] = value * static_cast<float>(scale[block]);
    }
  }
  return scales.dtype() == DType::kF32 ? weights : weights.cast(scales.dtype());
}

ir::Value* blocked_weights(Expansion& e, const Blocks& blocks, const std::vector<uint8_t>& values, const Tensor& scales, const std::vector<float>& zeros) {
  const auto middle = static_cast<float>(1 << (blocks.bits - 1));
  const bool symmetric = std::all_of(zeros.begin(), zeros.end(), [&](float zero) { return zero == middle; });
  const std::vector<double> scale = scales.to_f64();
  Tensor turned_scales(DType::kF64, {blocks.count(), blocks.n});
  for (int64_t b = 0; b < blocks.count(); ++b) {
    for (int64_t n = 0; n < blocks.n; ++n) turned_scales.data<double>()[b * blocks.n + n] = scale[static_cast<size_t>(n * blocks.count() + b)];
  }
  ir::Value* weights = e.constant("weights", turned(values, blocks.k, blocks.n, blocks.bits, symmetric ? static_cast<int>(middle) : 0));
  ir::Value* zero = nullptr;
  if (!symmetric) {
    const std::vector<uint8_t> whole(zeros.begin(), zeros.end());
    zero = e.constant("zero_points", turned(whole, blocks.count(), blocks.n, blocks.bits, 0));
  }
  const Attributes attributes = make_attributes({{"axis", int64_t{0}}, {"block_size", blocks.size}});
  return e.emit("DequantizeLinear", {weights, e.constant("scales", turned_scales.cast(scales.dtype())), zero}, attributes);
}

Status expand_matmul_nbits(Expansion& e) {
  if (e.input(4)) {
    return make_error(Code::kUnsupported,
                      "input 4 ('g_idx') gives every row of the weights a block of its choice; expected blocks of neighbouring rows, without "
                      "g_idx; quantize without reordering (desc_act=False), or reorder rows when exporting");
  }
  Blocks blocks;
  SINTER_TRY(read_blocks(e, blocks));
  const Tensor *packed = nullptr, *scales = nullptr;
  SINTER_TRY(take(e, 1, blocks.n * blocks.count() * blocks.bytes(), "the weights", packed));
  SINTER_TRY(take(e, 2, blocks.n * blocks.count(), "the scales", scales));
  std::vector<float> zeros;
  SINTER_TRY(read_zeros(e, blocks, zeros));
  const std::vector<uint8_t> values = read_weights(*packed, blocks);
  const auto most = static_cast<float>((1 << blocks.bits) - 1);
  const bool whole = std::all_of(zeros.begin(), zeros.end(), [&](float zero) { return zero >= 0 && zero <= most && zero == std::floor(zero); });
  ir::Value* weights = whole ? blocked_weights(e, blocks, values, *scales, zeros) : e.constant("weights", dense_weights(values, *scales, zeros, blocks));
  if (!e.input(5)) {
    e.output(0, "MatMul", {e.input(0), weights});
    return ok_status();
  }
  e.output(0, "Add", {e.emit("MatMul", {e.input(0), weights}), e.input(5)});
  return ok_status();
}

}  // namespace

void add_matmul_nbits(ContribList& list) {
  const DTypeSet floats = dtype_set(DType::kF32, DType::kF16, DType::kBF16);
  OpDef op("MatMulNBits", 1, kMicrosoft);
  op.input("A", "T1").input("B", "T2").input("scales", "T1").input("zero_points", "T3", ParamKind::kOptional);
  op.input("g_idx", "T4", ParamKind::kOptional).input("bias", "T1", ParamKind::kOptional).output("Y", "T1");
  op.type("T1", floats).type("T2", dtype_set(DType::kU8)).type("T3", floats | dtype_set(DType::kU8)).type("T4", dtype_set(DType::kI32));
  op.attr("K", AttrKind::kInt, true).attr("N", AttrKind::kInt, true).attr("bits", int64_t{4}).attr("block_size", AttrKind::kInt, true);
  op.attr("accuracy_level", int64_t{0}).attr("weight_prepacked", int64_t{0});
  list.push_back({op, expand_matmul_nbits});
}

}  // namespace sinter::onnx
