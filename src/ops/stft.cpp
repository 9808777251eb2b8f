// STFT: the DFT of overlapping frames of a signal [batch, length, 1 or 2], each multiplied by the window. Result
// [batch, frames, bins, 2].
#include "ops/control_flow.h"
#include "ops/fourier.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace stft_impl {

// A scalar that is tracked or constant.
std::optional<Dim> scalar(const InferContext& context, int input) {
  const auto elements = context.input_elements(input);
  if (!context.has_input(input) || !elements || elements->elements.size() != 1) return std::nullopt;
  return elements->elements[0];
}

Status infer(InferContext& context) {
  SINTER_TRY(check_rank(context, 0, 2, 3));
  std::optional<Shape> shape;
  if (const Shape* x = context.input_shape(0)) {
    std::optional<Dim> length = scalar(context, 3);
    const std::optional<Dim> step = scalar(context, 1);
    if (!length && context.input_shape(2) && context.input_shape(2)->size() == 1) length = (*context.input_shape(2))[0];
    if (!length && !context.has_input(2) && !context.has_input(3)) length = (*x)[1];
    const bool known = length && step && !step->is(0);
    const Dim frames = known ? floordiv((*x)[1] - *length, *step) + 1 : context.fresh_symbol("frames");
    Dim bins = length ? *length : context.fresh_symbol("bins");
    if (length && context.attributes().i("onesided") != 0) bins = floordiv(bins, Dim(2)) + 1;
    shape = Shape{(*x)[0], frames, bins, 2};
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  return ok_status();
}

struct Frames {
  int64_t length = 0, step = 0, count = 0;
};

Status read_frames(const EvalContext& context, int64_t signal, Frames& frames) {
  SINTER_ASSIGN(frames.step, read_scalar(context, 1));
  frames.length = signal;
  if (context.has_input(2)) frames.length = context.tensor(2).count();
  if (context.has_input(3)) {
    SINTER_ASSIGN(frames.length, read_scalar(context, 3));
  }
  if (frames.step < 1 || frames.length < 1 || frames.length > signal)
    return context.error(fmt::format(
        "frames of {} every {} don't fit a signal of {}: expected positive numbers, frames no longer than the "
        "signal; correct the model",
        frames.length, frames.step, signal));
  frames.count = (signal - frames.length) / frames.step + 1;
  return context.has_input(2) ? check_dims(context, 2, {frames.length}) : ok_status();
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 2, 3));
  const Tensor x = widened(context.tensor(0));
  const int64_t parts = x.rank() == 3 ? x.dim(2) : 1;
  if (parts != 1 && parts != 2)
    return context.error(
        fmt::format("the last axis has size {}: expected 1 (real) or 2 (complex); correct the model", parts));
  Frames frames;
  SINTER_TRY(read_frames(context, x.dim(1), frames));
  const std::vector<double> window =
      context.has_input(2) ? context.tensor(2).to_f64() : std::vector<double>(static_cast<size_t>(frames.length), 1.0);
  const int64_t bins = context.attributes().i("onesided") != 0 ? frames.length / 2 + 1 : frames.length;
  const Dims dims{x.dim(0), frames.count, bins, 2};
  SINTER_TRY(check_output_dims(context, dims));
  Tensor y(DType::kF64, dims);
  ComplexLine frame;
  frame.resize(static_cast<size_t>(frames.length));
  Fourier fourier(static_cast<size_t>(frames.length), false);
  for (int64_t i = 0; i < dims[0] * frames.count; ++i) {
    const int64_t start = i / frames.count * x.dim(1) + i % frames.count * frames.step;
    for (int64_t j = 0; j < frames.length; ++j) {
      const double* at = x.data<double>() + (start + j) * parts;
      frame.re[j] = at[0] * window[j];
      frame.im[j] = parts == 2 ? at[1] * window[j] : 0;
    }
    fourier.transform(frame);
    for (int64_t k = 0; k < bins; ++k) {
      y.data<double>()[(i * bins + k) * 2] = frame.re[k];
      y.data<double>()[(i * bins + k) * 2 + 1] = frame.im[k];
    }
  }
  store(context, 0, context.tensor(0).dtype(), y);
  return ok_status();
}

}  // namespace stft_impl

OpDef define_stft() {
  OpDef op("STFT", 17);
  op.input("signal", "T1")
      .input("frame_step", "T2")
      .input("window", "T1", ParamKind::kOptional)
      .input("frame_length", "T2", ParamKind::kOptional)
      .output("output", "T1")
      .type("T1", kFloatTypes)
      .type("T2", dtype_set(DType::kI32, DType::kI64))
      .attr("onesided", int64_t{1});
  op.infer = stft_impl::infer;
  op.evaluate = stft_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
