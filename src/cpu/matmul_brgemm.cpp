// cpu.matmul_brgemm: f32 MatMul and Gemm with a constant right operand packed ahead, row-major (cpu/kernels/matmul.h).
//
// An offer for each width of tile that may be the fastest, with config "panels=N": the estimate does not tell widths apart that do the
// same multiplications and differ by how much they read from the second-level cache. Weights are packed alike for all.
#include "cpu/matmul_geometry.h"
#include "cpu/tactics.h"

namespace sinter::cpu {
namespace {

class MatmulKernel final : public Kernel {
 public:
  MatmulKernel(const Problem& problem, DenseEpilogue epilogue, int panels, std::span<const Tensor> blobs)
      : problem_(problem), table_(kernel_table(problem.isa)), panels_(panels), epilogue_(epilogue), weights_(blobs[0]) {
    if (blobs.size() > 1) bias_ = blobs[1];
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    SINTER_ASSIGN(shape_, matmul_shape(problem_, inputs[0], inputs[1], outputs[0]));
    epilogue_.set_dims(inputs, outputs[0]);
    if (shape_.b_batch_stride != 0) shape_.b_batch_stride = matmul_packed_floats(shape_.n, shape_.k);
    blocking_ = matmul_blocking(table_, shape_, panels_);
    return matmul_workspace_bytes(shape_, blocking_, threads);
  }

  Status launch(const LaunchArgs& args) override {
    matmul(table_, shape_, blocking_, static_cast<const float*>(args.inputs[0]), weights_.data<float>(), static_cast<float*>(args.outputs[0]),
           epilogue_.at(args, bias_, shape_.n), *args.team, args.workspace);
    return ok_status();
  }

 private:
  Problem problem_;
  const KernelTable& table_;
  int panels_;
  DenseEpilogue epilogue_;
  Tensor weights_, bias_;
  MatmulShape shape_;
  GemmBlocking blocking_;
};

constexpr std::string_view kConfig = "panels=";
constexpr int64_t kFewestRows = 14;  // below, tiles are bound by reading B, which all widths do once

// The tile's width that a config names; an error for anything else, which a damaged engine may have.
Result<int> panels_of(std::string_view config) {
  const std::string_view number = config.starts_with(kConfig) ? config.substr(kConfig.size()) : "";
  if (number.size() == 1 && number[0] >= '1' && number[0] <= '0' + kMaxTilePanels) return number[0] - '0';
  return make_error(Code::kInvalidEngine, "cpu.matmul_brgemm: found config '{}', expected '{}1' to '{}{}'; rebuild the engine", config, kConfig,
                    kConfig, kMaxTilePanels);
}

std::vector<int> worthwhile_panels(const KernelTable& table, const MatmulShape& shape) {
  const int estimated = matmul_blocking(table, shape).panels;
  std::vector<int> result{estimated};
  for (int panels = 2; shape.m >= kFewestRows && panels <= std::min<int64_t>(table.max_panels, panel_count(shape.n)); ++panels) {
    if (panels != estimated) result.push_back(panels);
  }
  return result;
}

int64_t packed_floats(const Problem& problem, const MatmulShape& shape) {
  const Dims& b = problem.inputs[1].opt;
  return product(b, 0, b.size() - 2) * matmul_packed_floats(shape.n, shape.k);
}

class MatmulBrgemm final : public Tactic {
 public:
  std::string_view id() const override { return "cpu.matmul_brgemm"; }
  int version() const override { return 2; }

  void query(const Problem& problem, Answer& answer) const override {
    if (!problem.domain.empty() || (problem.op != "MatMul" && problem.op != "Gemm")) return;
    if (const std::string reason = matmul_unsuitable(problem); !reason.empty()) return answer.decline(reason);
    if (!problem.inputs[1].constant || !problem.inputs[1].is_static()) return answer.decline("the right operand is not constant");
    const auto shape = matmul_shape_at_optimum(problem);
    if (!shape.ok()) return answer.decline(shape.status().message());
    const auto bias = matmul_bias_input(problem);
    if (!bias.ok()) return answer.decline(bias.status().message());
    const auto epilogue = match_epilogue(problem, problem.outputs[0].rank() - 1, *bias);
    if (!epilogue.ok()) return answer.decline(epilogue.status().message());
    Offer offer;
    book_epilogue(problem, *epilogue, Layout::kRowMajor, offer);
    offer.packed_inputs[1] = true;
    offer.output_layouts = {Layout::kRowMajor};
    const KernelTable& table = kernel_table(problem.isa);
    for (const int panels : worthwhile_panels(table, *shape)) {
      offer.config = fmt::format("{}{}", kConfig, panels);
      offer.workspace_bytes = matmul_workspace_bytes(*shape, matmul_blocking(table, *shape, panels), problem.threads);
      answer.offer(offer);
    }
  }

  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer& offer, std::span<const Tensor> constants) const override {
    SINTER_ASSIGN(const MatmulShape shape, matmul_shape_at_optimum(problem));
    SINTER_ASSIGN(const int op_bias, matmul_bias_input(problem));
    SINTER_ASSIGN(const DenseEpilogue epilogue, match_epilogue(problem, problem.outputs[0].rank() - 1, op_bias));
    const KernelTable& table = kernel_table(problem.isa);
    std::vector<Tensor> blobs{Tensor(DType::kF32, {packed_floats(problem, shape)})};
    const int64_t one = matmul_packed_floats(shape.n, shape.k);
    for (int64_t i = 0; one > 0 && i < blobs[0].count() / one; ++i) {
      matmul_pack(table, shape.n, shape.k, constants[1].data<float>() + i * shape.k * shape.n, shape.b_stride, shape.b_transposed,
                  blobs[0].data<float>() + i * one);
    }
    if (epilogue.bias_input >= 0 && offer.packed_inputs[static_cast<size_t>(epilogue.bias_input)]) {
      const Tensor& bias = constants[static_cast<size_t>(epilogue.bias_input)];
      blobs.push_back(bias.reshaped({bias.count()}));
    }
    return blobs;
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(const int panels, panels_of(offer.config));
    SINTER_ASSIGN(const MatmulShape shape, matmul_shape_at_optimum(problem));
    SINTER_ASSIGN(const int op_bias, matmul_bias_input(problem));
    SINTER_ASSIGN(const DenseEpilogue epilogue, match_epilogue(problem, problem.outputs[0].rank() - 1, op_bias));
    SINTER_TRY(check_dense_blobs(id(), problem, offer, epilogue.bias_input, blobs, packed_floats(problem, shape)));
    return std::unique_ptr<Kernel>(std::make_unique<MatmulKernel>(problem, epilogue, panels, blobs));
  }
};

}  // namespace

const Tactic& matmul_brgemm() {
  static const MatmulBrgemm tactic;
  return tactic;
}

}  // namespace sinter::cpu
