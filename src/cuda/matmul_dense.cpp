// cuda.matmul_dense: MatMul, Gemm and QuantizedMatMul (kernels/dense.cu): tensor cores for f16, bf16, tf32 and 8-bit integers, FMA for full
// f32. Batches broadcast; a constant right operand is packed as rows of k. alpha, beta and C are part of the epilogue.
#include "cuda/cuda_tactic.h"
#include "cuda/matmul_geometry.h"
#include "tactic/arithmetic.h"

namespace sinter::cuda {
namespace {

constexpr size_t kOffers = 8;

class MatmulKernel final : public Kernel {
 public:
  explicit MatmulKernel(MatmulForm form) : form_(std::move(form)) {}
  Status load(Function function, const DenseConfig& config) {
    return launcher_.load(std::move(function), config, element_bytes(form_.variant.type));
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    SINTER_ASSIGN(call_, matmul_call(form_, inputs[0], inputs[1], outputs[0]));
    form_.epilogue.specialize(inputs, outputs[0], 0);
    return launcher_.specialize(call_.params, call_.z);
  }

  Status launch(const LaunchArgs& args) override {
    call_.params.a = args.inputs[0];
    call_.params.b = form_.b_packed ? args.blobs[0] : args.inputs[1];
    call_.params.c = args.outputs[0];
    form_.epilogue.fill(call_.params, args);
    if (form_.quantized) form_.quantized->fill(call_.params, args, args.blobs[form_.b_packed ? 1 : 0], 0);
    return launcher_.launch(call_.params, call_.z, args);
  }

 private:
  MatmulForm form_;
  MatmulCall call_;
  DenseLauncher launcher_;
};

class MatmulDense final : public CudaTactic, public TypedTactic {
 public:
  using CudaTactic::CudaTactic;
  Arithmetic arithmetic(const Problem& problem, const Offer&) const override { return matrix_arithmetic(problem); }

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "MatMul") && !is_op(problem, "Gemm") && !is_op(problem, "QuantizedMatMul", "sinter")) return;
    const auto form = matmul_form(problem);
    if (!form.ok()) return answer.decline(form.status().message());
    const auto call = matmul_call(*form, problem.inputs[0].opt, problem.inputs[1].opt, problem.outputs[0].opt);
    if (!call.ok()) return answer.decline(call.status().message());
    const int narrowest = std::min(form->variant.vector_a, form->variant.vector_b);
    const DenseSize size{call->params.m,       call->params.n,
                         call->params.k,       call->z,
                         form->variant.math,   element_bytes(form->variant.type),
                         form->variant.b_rows, narrowest,
                         form->variant.sums()};
    for (const DenseConfig& config : dense_candidates(size, problem.device, narrowest < 8 ? 2 : kOffers)) {
      Offer offer = uniform_offer(problem, Layout::kRowMajor, to_string(config));
      offer.packed_inputs.assign(problem.inputs.size(), false);
      offer.packed_inputs[1] = form->b_packed;
      if (form->quantized) form->quantized->book(offer);
      offer.workspace_bytes = dense_workspace(config, size.m, size.n, size.z);
      answer.offer(std::move(offer));
    }
  }

  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer&,
                                      std::span<const Tensor> constants) const override {
    SINTER_ASSIGN(const MatmulForm form, matmul_form(problem));
    std::vector<Tensor> blobs;
    const int64_t k = form.b_packed ? form.k.value() : 0, n = form.b_packed ? form.n.value() : 0;
    Tensor b;
    if (form.b_packed) {
      b = form.quantized && form.quantized->flip_b() ? flipped(constants[1]) : constants[1];
      const Dims dims = as_right_matrix(b.dims());
      const bool transposed = form.b_transposed;
      const auto at = [&](int64_t batch, int64_t row, int64_t i) {
        return (batch * n * k) + (transposed ? row * k + i : i * n + row);
      };
      blobs.push_back(pack_rows(b, form.variant.math, product(dims, 0, dims.size() - 2), n, k, at));
    }
    if (form.quantized) {
      const auto sum = [&](int64_t column) { return byte_sum(b, form.quantized->b_type(), column, n, k); };
      SINTER_ASSIGN(blobs.emplace_back(), form.quantized->table(constants, sum));
    }
    return blobs;
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer,
                                       std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(MatmulForm form, matmul_form(problem));
    SINTER_ASSIGN(const DenseConfig config, parse_dense_config(offer.config));
    SINTER_TRY(check_blobs(problem, form, blobs));
    if (form.quantized) SINTER_TRY(form.quantized->check_table(id(), blobs[form.b_packed ? 1 : 0]));
    SINTER_ASSIGN(Function function, load_code(blobs, "dense"));
    auto kernel = std::make_unique<MatmulKernel>(std::move(form));
    SINTER_TRY(kernel->load(std::move(function), config));
    return std::unique_ptr<Kernel>(std::move(kernel));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer& offer) const override {
    SINTER_ASSIGN(const MatmulForm form, matmul_form(problem));
    SINTER_ASSIGN(const DenseConfig config, parse_dense_config(offer.config));
    return dense_source(form.variant, config, form.epilogue);
  }

 private:
  Status check_blobs(const Problem& problem, const MatmulForm& form, std::span<const Tensor> blobs) const {
    const size_t wanted = size_t{form.b_packed} + size_t{form.quantized.has_value()} + 1;
    int64_t elements = 0;
    bool good = blobs.size() == wanted || !form.b_packed;
    if (form.b_packed) {
      const Dims dims = as_right_matrix(problem.inputs[1].opt);
      elements = product(dims, 0, dims.size() - 2) * form.n.value() * packed_row(form.k.value(), element_bytes(form.variant.type));
      const DType type = form.quantized ? problem.inputs[1].dtype : form.variant.type;
      good = good && blobs[0].dtype() == type && blobs[0].count() == elements;
    }
    if (good && (!form.quantized || blobs.size() == wanted)) return ok_status();
    return make_error(
        Code::kInvalidEngine,
        "{}: found {} blobs, expected a packed matrix of {} {} elements and code; the engine is damaged: rebuild it",
        id(), blobs.size(), elements, dtype_name(form.variant.type));
  }
};

}  // namespace

SINTER_CUDA_TACTIC(matmul_dense, MatmulDense)

}  // namespace sinter::cuda
