// cpu.matmul_bf16: f32 MatMul and Gemm with a constant right operand by products of bf16 on matrix registers, row-major: a 1x1 convolution of as many
// pixels as there are rows (cpu/kernels/conv_bf16.h).
#include "cpu/bf16_terms.h"
#include "cpu/cpu_tactic.h"
#include "cpu/kernels/conv_bf16.h"
#include "cpu/matmul_geometry.h"

namespace sinter::cpu {
namespace {

Result<ConvShape> as_convolution(const MatmulShape& matrices) {
  if (matrices.batch != 1) return make_error(Code::kUnsupported, "{} right operands, takes one", matrices.batch);
  ConvShape shape;
  shape.h = shape.oh = 1;
  shape.w = shape.ow = matrices.m;
  shape.channels = matrices.k;
  shape.out_channels = matrices.n;
  shape.src_pixel_stride = matrices.a_stride;
  shape.dst_pixel_stride = matrices.c_stride;
  return shape;
}

class MatmulKernel final : public Kernel {
 public:
  MatmulKernel(const Problem& problem, DenseEpilogue epilogue, int terms, std::span<const Tensor> blobs)
      : problem_(problem), table_(kernel_table(problem.isa)), terms_(terms), epilogue_(std::move(epilogue)), weights_(blobs[0]) {
    if (blobs.size() > 1) bias_ = blobs[1];
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    SINTER_ASSIGN(const MatmulShape matrices, matmul_shape(problem_, inputs[0], inputs[1], outputs[0]));
    SINTER_ASSIGN(shape_, as_convolution(matrices));
    epilogue_.set_dims(inputs, outputs[0]);
    blocking_ = conv_bf16_blocking(table_, shape_, terms_);
    return conv_bf16_workspace_bytes(shape_, blocking_, terms_, threads);
  }

  Status launch(const LaunchArgs& args) override {
    conv_bf16(table_, shape_, blocking_, terms_, static_cast<const float*>(args.inputs[0]), weights_.data<uint16_t>(), static_cast<float*>(args.outputs[0]),
              epilogue_.at(args, bias_, shape_.out_channels), *args.team, args.workspace);
    return ok_status();
  }

 private:
  Problem problem_;
  const KernelTable& table_;
  int terms_;
  DenseEpilogue epilogue_;
  Tensor weights_, bias_;
  ConvShape shape_;
  GemmBlocking blocking_;
};

// What every step of a tactic's work begins with.
struct Matched {
  MatmulShape matrices;
  ConvShape shape;
  DenseEpilogue epilogue;
};

// The error is a decline's reason.
Result<Matched> match(const Problem& problem) {
  if (const std::string reason = matmul_unsuitable(problem); !reason.empty()) return make_error(Code::kUnsupported, "{}", reason);
  if (!problem.inputs[1].constant || !problem.inputs[1].is_static()) return make_error(Code::kUnsupported, "the right operand is not constant");
  Matched matched;
  SINTER_ASSIGN(matched.matrices, matmul_shape_at_optimum(problem));
  SINTER_ASSIGN(matched.shape, as_convolution(matched.matrices));
  SINTER_ASSIGN(const int bias, matmul_bias_input(problem));
  SINTER_ASSIGN(matched.epilogue, match_epilogue(problem, problem.outputs[0].rank() - 1, bias));
  return matched;
}

class MatmulBf16 final : public CpuTactic, public TypedTactic {
 public:
  using CpuTactic::CpuTactic;
  Arithmetic arithmetic(const Problem&, const Offer& offer) const override { return bf16_arithmetic(offer); }

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "MatMul") && !is_op(problem, "Gemm")) return;
    const auto matched = match(problem);
    if (!matched.ok()) return answer.decline(matched.status().message());
    for (const std::string_view config : kBf16Configs) {
      const int terms = bf16_terms(config);
      if (const std::string reason = bf16_unsuitable(problem, terms); !reason.empty()) {
        answer.decline(fmt::format("{}: {}", config, reason));
        continue;
      }
      Offer offer;
      offer.config = config;
      book_epilogue(problem, matched->epilogue, Layout::kRowMajor, offer);
      offer.packed_inputs[1] = true;
      offer.output_layouts = {Layout::kRowMajor};
      const KernelTable& table = kernel_table(problem.isa);
      offer.workspace_bytes = conv_bf16_workspace_bytes(matched->shape, conv_bf16_blocking(table, matched->shape, terms), terms, problem.threads);
      answer.offer(std::move(offer));
    }
  }

  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer& offer, std::span<const Tensor> constants) const override {
    SINTER_ASSIGN(const Matched matched, match(problem));
    const int terms = bf16_terms(offer.config);
    std::vector<Tensor> blobs{Tensor(DType::kBF16, {conv_bf16_packed_count(matched.shape, terms)})};
    const MatmulShape& matrices = matched.matrices;
    matmul_bf16_pack(matrices.n, matrices.k, terms, constants[1].data<float>(), matrices.b_stride, matrices.b_transposed, blobs[0].data<uint16_t>());
    const int bias = matched.epilogue.bias_input;
    if (bias >= 0 && offer.packed_inputs[static_cast<size_t>(bias)]) {
      const Tensor& values = constants[static_cast<size_t>(bias)];
      blobs.push_back(values.reshaped({values.count()}));
    }
    return blobs;
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    const int terms = bf16_terms(offer.config);
    std::string reason = terms == 0 ? fmt::format("unknown config '{}'", offer.config) : bf16_unsuitable(problem, terms);
    if (!reason.empty()) return make_error(Code::kInvalidEngine, "{}: {}; the engine is damaged: rebuild it", id(), reason);
    SINTER_ASSIGN(Matched matched, match(problem));
    SINTER_TRY(check_dense_blobs(id(), problem, offer, matched.epilogue.bias_input, blobs, conv_bf16_packed_count(matched.shape, terms), DType::kBF16));
    return std::unique_ptr<Kernel>(std::make_unique<MatmulKernel>(problem, std::move(matched.epilogue), terms, blobs));
  }
};

}  // namespace

SINTER_CPU_TACTIC(matmul_bf16, MatmulBf16)

}  // namespace sinter::cpu
