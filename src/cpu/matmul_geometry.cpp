#include "cpu/matmul_geometry.h"

namespace sinter::cpu {

Result<MatmulShape> matmul_shape(const Problem& problem, const Dims& a, const Dims& b, const Dims& output) {
  if (a.size() < 2 || b.size() < 2 || output.size() < 2) {
    return make_error(Code::kUnsupported, "operands {} and {}: takes matrices", to_string(a), to_string(b));
  }
  MatmulShape shape;
  shape.b_transposed = problem.op == "Gemm" && problem.attributes.i_or("transB", 0) != 0;
  shape.m = a[a.size() - 2];
  shape.k = a.back();
  shape.n = shape.b_transposed ? b[b.size() - 2] : b.back();
  shape.a_stride = shape.k;
  shape.c_stride = shape.n;
  shape.b_stride = b.back();
  const int64_t a_batch = product(a, 0, a.size() - 2), b_batch = product(b, 0, b.size() - 2);
  const int64_t batch = product(output, 0, output.size() - 2);
  if (b_batch == 1 && a_batch == batch) {
    shape.m *= batch;
    return shape;
  }
  if ((a_batch != batch && a_batch != 1) || (b_batch != batch && b_batch != 1)) {
    return make_error(Code::kUnsupported, "batches {} and {} broadcast in several dims", to_string(a), to_string(b));
  }
  shape.batch = batch;
  shape.a_batch_stride = a_batch == 1 ? 0 : shape.m * shape.k;
  shape.b_batch_stride = b_batch == 1 ? 0 : shape.k * shape.n;
  shape.c_batch_stride = shape.m * shape.n;
  return shape;
}

Result<MatmulShape> matmul_shape_at_optimum(const Problem& problem) {
  return matmul_shape(problem, problem.inputs[0].opt, problem.inputs[1].opt, problem.outputs[0].opt);
}

std::string matmul_unsuitable(const Problem& problem) {
  for (const TensorDesc& tensor : problem.inputs) {
    if (tensor.present && tensor.dtype != DType::kF32) return fmt::format("an input is {}, takes f32", dtype_name(tensor.dtype));
  }
  if (problem.outputs[0].dtype != DType::kF32) return fmt::format("the result is {}, gives f32", dtype_name(problem.outputs[0].dtype));
  if (problem.op != "Gemm") return "";
  if (problem.attributes.i_or("transA", 0)) return "transA";
  const bool bias = problem.op_input_count() > 2 && problem.inputs[2].present;
  if (problem.attributes.f_or("alpha", 1) != 1 || (bias && problem.attributes.f_or("beta", 1) != 1)) return "alpha or beta is not 1";
  return "";
}

Result<int> matmul_bias_input(const Problem& problem) {
  if (problem.op != "Gemm" || problem.op_input_count() < 3 || !problem.inputs[2].present) return -1;
  const Shape& output = problem.outputs[0].shape;
  if (is_per_column(problem.inputs[2].shape, output, static_cast<int>(output.size()) - 1)) return 2;
  return make_error(Code::kUnsupported, "C {} is not one value a column", to_string(problem.inputs[2].shape));
}

}  // namespace sinter::cpu
