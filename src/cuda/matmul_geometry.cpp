#include "cuda/matmul_geometry.h"

#include "cuda/broadcast.h"
#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

// Sorts the batch axes into an outer and an inner part with one stride each.
Status split_batches(MatmulForm& form, const Shape& batch) {
  int parts = 0;
  std::pair<bool, bool> last{false, false};
  for (size_t axis = batch.size(); axis-- > 0;) {
    if (batch[axis].is(1)) {
      form.parts[axis] = parts > 1 ? AxisPart::kOuter : AxisPart::kInner;
      continue;
    }
    const std::pair<bool, bool> spans{form.a_spans[axis], form.b_spans[axis]};
    if (parts == 0 || spans != last) ++parts;
    last = spans;
    if (parts > 2)
      return make_error(Code::kUnsupported, "batches of {} broadcast in more than two ways", to_string(batch));
    form.parts[axis] = parts == 1 ? AxisPart::kInner : AxisPart::kOuter;
  }
  return ok_status();
}

Shape matrix_shape(const TensorDesc& desc, bool left) {
  Shape shape = desc.shape;
  if (shape.size() == 1) shape.insert(left ? shape.begin() : shape.end(), Dim(1));
  return shape;
}

Result<EpilogueForm> epilogue_form(const Problem& problem, const MatmulForm& form) {
  EpilogueForm epilogue;
  const bool gemm = problem.op == "Gemm";
  // A result whose operands were vectors lacks axes; those are of size one.
  epilogue.parts = form.parts;
  if (problem.inputs[1].rank() == 1) epilogue.parts.pop_back();
  if (problem.inputs[0].rank() == 1)
    epilogue.parts.erase(epilogue.parts.end() - (problem.inputs[1].rank() == 1 ? 1 : 2));
  if (epilogue.parts.size() != problem.outputs[0].shape.size())
    return make_error(Code::kUnsupported, "a result of rank {}", problem.outputs[0].rank());
  if (!gemm) return epilogue;
  epilogue.scale = problem.attributes.f_or("alpha", 1);
  epilogue.bias_scale = problem.attributes.f_or("beta", 1);
  if (problem.op_input_count() > 2 && problem.inputs[2].present && epilogue.bias_scale != 0) epilogue.bias_input = 2;
  return epilogue;
}

int64_t last(const Dims& dims, size_t back) { return dims[dims.size() - back]; }

}  // namespace

Dims as_left_matrix(Dims dims) {
  if (dims.size() == 1) dims.insert(dims.begin(), 1);
  return dims;
}
Dims as_right_matrix(Dims dims) {
  if (dims.size() == 1) dims.push_back(1);
  return dims;
}

Result<MatmulForm> matmul_form(const Problem& problem) {
  MatmulForm form;
  SINTER_ASSIGN(form.variant.math, dense_math(problem));
  const TensorDesc &a_desc = problem.inputs[0], &b_desc = problem.inputs[1];
  if (a_desc.rank() < 1 || b_desc.rank() < 1) return make_error(Code::kUnsupported, "an operand without axes");
  const Shape a = matrix_shape(a_desc, true), b = matrix_shape(b_desc, false);
  form.a_transposed = problem.op == "Gemm" && problem.attributes.i_or("transA", 0) != 0;
  form.b_transposed = problem.op == "Gemm" && problem.attributes.i_or("transB", 0) != 0;
  form.b_packed = b_desc.constant && b_desc.is_static();
  // Sums of a constant's columns are kept for one matrix; of several with a zero point on the left the kernel makes them.
  const bool centred = is_quantized_dense(problem) && problem.op_input_count() > 3 && problem.inputs[3].present;
  if (centred && form.b_packed && b_desc.rank() > 2 && !product(Shape(b_desc.shape.begin(), b_desc.shape.end() - 2)).is(1)) form.b_packed = false;
  form.rank = static_cast<int>(std::max(a.size(), b.size()));
  const size_t batch_rank = static_cast<size_t>(form.rank) - 2;
  form.m = a[a.size() - (form.a_transposed ? 1 : 2)];
  form.k = a[a.size() - (form.a_transposed ? 2 : 1)];
  form.n = b[b.size() - (form.b_transposed ? 2 : 1)];

  Shape batch(batch_rank, Dim(1));
  form.a_spans.assign(batch_rank, false);
  form.b_spans.assign(batch_rank, false);
  const auto span = [&](const Shape& shape, std::vector<bool>& spans) {
    const size_t shift = static_cast<size_t>(form.rank) - shape.size();
    for (size_t axis = shift; axis < batch_rank; ++axis) {
      if (shape[axis - shift].is(1)) continue;
      spans[axis] = true;
      batch[axis] = shape[axis - shift];
    }
  };
  span(a, form.a_spans);
  span(b, form.b_spans);
  form.parts.assign(batch_rank, AxisPart::kImage);
  form.merged = std::find(form.b_spans.begin(), form.b_spans.end(), true) == form.b_spans.end() && !form.a_transposed;
  if (!form.merged) SINTER_TRY(split_batches(form, batch));
  form.parts.push_back(AxisPart::kPixel);
  form.parts.push_back(AxisPart::kColumn);

  const int element = element_bytes(a_desc.dtype);
  form.variant.type = a_desc.dtype;
  form.variant.out = problem.outputs[0].dtype;
  form.variant.whole = form.n.is_constant() && form.n.value() % 8 == 0;
  form.variant.vector_a = form.a_transposed ? element : copy_bytes(form.k, element);
  form.variant.b_rows = !form.b_packed && !form.b_transposed;
  form.variant.round_b = !form.b_packed;
  form.variant.weights = form.b_packed;
  if (!form.b_packed) form.variant.vector_b = copy_bytes(form.b_transposed ? form.k : form.n, element);
  if (is_quantized_dense(problem)) {
    const int64_t columns = form.n.is_constant() ? form.n.value() : 0;
    const int64_t depth = form.k.is_constant() ? form.k.value() : as_left_matrix(a_desc.opt).back();
    SINTER_ASSIGN(form.quantized, QuantizedDense::make(problem, columns, depth, form.b_packed ? RightOperand::kPacked : RightOperand::kDynamic));
    form.variant.type_b = form.quantized->b_type();
    form.variant.a_zero = form.quantized->a_zero();
    form.variant.b_zero = form.quantized->b_zero();
  }
  SINTER_ASSIGN(EpilogueForm epilogue, epilogue_form(problem, form));
  SINTER_ASSIGN(form.epilogue, DenseEpilogue::make(problem, std::move(epilogue)));
  return form;
}

Result<MatmulCall> matmul_call(const MatmulForm& form, const Dims& left, const Dims& right, const Dims& output) {
  const Dims a = as_left_matrix(left), b = as_right_matrix(right);
  const int64_t k = last(a, form.a_transposed ? 2 : 1), n = last(b, form.b_transposed ? 2 : 1);
  int64_t m = last(a, form.a_transposed ? 1 : 2);
  if (form.quantized) SINTER_TRY(form.quantized->check_depth(k));
  MatmulCall call;
  sinter_kernels::DenseParams& p = call.params;
  // Batch axes from the innermost out: sizes of the result, strides of the operands.
  int64_t outer = 1, inner = 1, leading = 1, a_step = m * k,
          b_step = form.b_packed ? n * packed_row(k, element_bytes(form.variant.type)) : n * k;
  const size_t batch_rank = form.a_spans.size();
  for (size_t axis = batch_rank; axis-- > 0;) {
    const auto size_of = [&](const Dims& dims) {
      const size_t shift = batch_rank + 2 - dims.size();
      return axis < shift ? int64_t{1} : dims[axis - shift];
    };
    const int64_t a_size = size_of(a), b_size = size_of(b), size = std::max(a_size, b_size);
    const AxisPart part = form.parts[axis];
    if (a_size == 0 || b_size == 0) return make_error(Code::kUnsupported, "a batch of no matrices");
    if (part == AxisPart::kImage)
      leading *= size;
    else
      (part == AxisPart::kInner ? inner : outer) *= size;
    if (size > 1 && part == AxisPart::kInner) {
      if (p.a_inner == 0 && a_size > 1) p.a_inner = a_step;
      if (p.b_inner == 0 && b_size > 1) p.b_inner = b_step;
    } else if (size > 1 && part == AxisPart::kOuter) {
      if (p.a_outer == 0 && a_size > 1) p.a_outer = a_step;
      if (p.b_outer == 0 && b_size > 1) p.b_outer = b_step;
    }
    a_step *= a_size;
    b_step *= b_size;
  }
  call.z = inner * outer;
  const int64_t rows = m * leading;
  if (rows >= INT32_MAX || n >= INT32_MAX || k >= INT32_MAX / 2 || product(output) != rows * n * call.z) {
    return make_error(Code::kUnsupported, "a product of {} and {} is more than this kernel takes; use smaller inputs",
                      to_string(to_shape(a)), to_string(to_shape(b)));
  }
  p.m = static_cast<int>(rows);
  p.n = static_cast<int>(n);
  p.k = static_cast<int>(k);
  p.b_row = form.b_packed ? packed_row(k, element_bytes(form.variant.type)) : form.b_transposed ? k : n;
  p.b_k = static_cast<int>(form.b_packed ? p.b_row : k);
  p.inner_count = static_cast<int>(inner);
  p.by_inner = divisor(inner);
  p.c_outer = inner * rows * n;
  p.c_inner = rows * n;
  p.rows_y = p.rows_x = 1;
  p.by_image = p.by_x = p.by_channels = p.by_s = divisor(1);
  p.a_image = form.a_transposed ? 1 : k;
  p.a_s = form.a_transposed ? m : 1;
  p.c_x = n;
  p.by_operand = divisor(m);
  p.operand_rows = static_cast<int>(m);
  return call;
}

}  // namespace sinter::cuda
