// DFT: the discrete Fourier transform along an axis; the last axis holds real (size 1) or complex (2) values. onesided
// forward returns the first N/2+1 bins of a real signal; onesided inverse makes a real signal of them. Short signals
// are padded with zeros.
#include "ops/control_flow.h"
#include "ops/fourier.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace dft_impl {

constexpr int64_t kMaxLength = int64_t{1} << 32;

struct Mode {
  bool inverse = false, onesided = false;
  bool half_input() const { return inverse && onesided; }
};

template <typename Context>
Mode read_mode(const Context& context) {
  return {context.attributes().i("inverse") != 0, context.attributes().i("onesided") != 0};
}

template <typename Context>
Status check_signal_axis(const Context& context, int64_t given, int rank, int& axis) {
  SINTER_TRY(check_axis(context, given, rank, axis));
  if (axis < rank - 1) return ok_status();
  return context.error(
      "the axis is the last one, which holds real and imaginary parts: expected another; correct the model");
}

Status infer(InferContext& context) {
  std::optional<Shape> shape;
  const Shape* x = context.input_shape(0);
  const Mode mode = read_mode(context);
  const auto given = constant_elements(context, 2);
  if (x && (given || !context.has_input(2))) {
    SINTER_TRY(check_rank(context, 0, 2, 1 << 20));
    int axis = 0;
    SINTER_TRY(
        check_signal_axis(context, given && given->size() == 1 ? (*given)[0] : -2, static_cast<int>(x->size()), axis));
    const auto length = context.input_elements(1);
    shape = *x;
    Dim& size = (*shape)[axis];
    if (length && length->elements.size() == 1)
      size = length->elements[0];
    else if (context.has_input(1))
      size = context.fresh_symbol("dft_length");
    else if (mode.half_input())
      size = (size - 1) * Dim(2);
    if (mode.onesided && !mode.inverse) size = floordiv(size, Dim(2)) + 1;
    shape->back() = mode.half_input() ? 1 : 2;
  } else if (x) {
    shape = fresh_shape(context, static_cast<int64_t>(x->size()), "dft");
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  return ok_status();
}

// One line of the signal, made `length` long: padded, cut, or completed from its half spectrum.
void read_line(const double* from, int64_t size, int64_t step, bool complex, int64_t length, bool half, ComplexLine& line) {
  line.re.assign(static_cast<size_t>(length), 0);
  line.im.assign(static_cast<size_t>(length), 0);
  const int64_t used = std::min(size, half ? length / 2 + 1 : length);
  for (int64_t i = 0; i < used; ++i) line.re[i] = from[i * step];
  for (int64_t i = 0; complex && i < used; ++i) line.im[i] = from[i * step + 1];
  for (int64_t i = length / 2 + 1; half && i < length; ++i) {
    line.re[i] = line.re[length - i];
    line.im[i] = -line.im[length - i];
  }
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 2, 1 << 20));
  const Mode mode = read_mode(context);
  const Tensor x = widened(context.tensor(0));
  const int64_t parts = x.dim(-1);
  if (parts != 1 && parts != 2)
    return context.error(
        fmt::format("the last axis has size {}: expected 1 (real) or 2 (complex); correct the model", parts));
  int64_t given = -2;
  if (context.has_input(2)) {
    SINTER_ASSIGN(given, read_scalar(context, 2));
  }
  int axis = 0;
  SINTER_TRY(check_signal_axis(context, given, x.rank(), axis));
  int64_t length = mode.half_input() ? 2 * (x.dim(axis) - 1) : x.dim(axis);
  if (context.has_input(1)) {
    SINTER_ASSIGN(length, read_scalar(context, 1));
  }
  if (length < 1 || length > kMaxLength)
    return context.error(fmt::format("the DFT's length is {}: expected at least 1; correct the model", length));
  Dims dims = x.dims();
  dims[axis] = mode.onesided && !mode.inverse ? length / 2 + 1 : length;
  dims.back() = mode.half_input() ? 1 : 2;
  SINTER_TRY(check_output_dims(context, dims));
  Tensor y(DType::kF64, dims);
  const int64_t inner = product(x.dims(), axis + 1, x.rank() - 1), outer = product(x.dims(), 0, axis);
  if (outer * inner == 0) {
    store(context, 0, context.tensor(0).dtype(), y);
    return ok_status();
  }
  Fourier fourier(static_cast<size_t>(length), mode.inverse);
  ComplexLine line;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      const double* from = x.data<double>() + (o * x.dim(axis) * inner + i) * parts;
      read_line(from, x.dim(axis), inner * parts, parts == 2, length, mode.half_input(), line);
      fourier.transform(line);
      double* to = y.data<double>() + (o * dims[axis] * inner + i) * dims.back();
      for (int64_t k = 0; k < dims[axis]; ++k) {
        to[k * inner * dims.back()] = line.re[k];
        if (dims.back() == 2) to[k * inner * 2 + 1] = line.im[k];
      }
    }
  store(context, 0, context.tensor(0).dtype(), y);
  return ok_status();
}

}  // namespace dft_impl

OpDef define_dft() {
  OpDef op("DFT", 20);
  op.input("input", "T1")
      .input("dft_length", "T2", ParamKind::kOptional)
      .input("axis", "I64", ParamKind::kOptional)
      .output("output", "T1")
      .type("T1", kFloatTypes)
      .type("T2", dtype_set(DType::kI32, DType::kI64))
      .type("I64", dtype_set(DType::kI64))
      .attr("inverse", int64_t{0})
      .attr("onesided", int64_t{0});
  op.infer = dft_impl::infer;
  op.evaluate = dft_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
