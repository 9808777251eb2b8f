// cpu.matmul_dynamic: f32 MatMul and Gemm whose right operand is made at run time: packed into the workspace, then as
// cpu.matmul_brgemm. Row-major.
#include "cpu/matmul_geometry.h"
#include "cpu/tactics.h"

namespace sinter::cpu {
namespace {

class DynamicKernel final : public Kernel {
 public:
  DynamicKernel(const Problem& problem, DenseEpilogue epilogue)
      : problem_(problem), table_(kernel_table(problem.isa)), epilogue_(epilogue) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    SINTER_ASSIGN(shape_, matmul_shape(problem_, inputs[0], inputs[1], outputs[0]));
    epilogue_.set_dims(inputs, outputs[0]);
    blocking_ = matmul_blocking(table_, shape_);
    return matmul_dynamic_workspace_bytes(shape_, blocking_, threads);
  }

  Status launch(const LaunchArgs& args) override {
    matmul_dynamic(table_, shape_, blocking_, static_cast<const float*>(args.inputs[0]), static_cast<const float*>(args.inputs[1]),
                   static_cast<float*>(args.outputs[0]), epilogue_.at(args, Tensor(), shape_.n), *args.team, args.workspace);
    return ok_status();
  }

 private:
  Problem problem_;
  const KernelTable& table_;
  DenseEpilogue epilogue_;
  MatmulShape shape_;
  GemmBlocking blocking_;
};

class MatmulDynamic final : public Tactic {
 public:
  std::string_view id() const override { return "cpu.matmul_dynamic"; }
  int version() const override { return 1; }

  void query(const Problem& problem, Answer& answer) const override {
    if (!problem.domain.empty() || (problem.op != "MatMul" && problem.op != "Gemm")) return;
    if (const std::string reason = matmul_unsuitable(problem); !reason.empty()) return answer.decline(reason);
    if (problem.inputs[1].constant) return answer.decline("the right operand is constant: packing it ahead is better");
    const auto shape = matmul_shape_at_optimum(problem);
    if (!shape.ok()) return answer.decline(shape.status().message());
    const auto bias = matmul_bias_input(problem);
    if (!bias.ok()) return answer.decline(bias.status().message());
    const auto epilogue = match_epilogue(problem, problem.outputs[0].rank() - 1, *bias);
    if (!epilogue.ok()) return answer.decline(epilogue.status().message());
    Offer offer;
    book_epilogue(problem, *epilogue, Layout::kRowMajor, offer);
    offer.packed_inputs.assign(problem.inputs.size(), false);
    offer.output_layouts = {Layout::kRowMajor};
    offer.workspace_bytes =
        matmul_dynamic_workspace_bytes(*shape, matmul_blocking(kernel_table(problem.isa), *shape), problem.threads);
    answer.offer(std::move(offer));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor>) const override {
    SINTER_ASSIGN(const int op_bias, matmul_bias_input(problem));
    SINTER_ASSIGN(const DenseEpilogue epilogue, match_epilogue(problem, problem.outputs[0].rank() - 1, op_bias));
    return std::unique_ptr<Kernel>(std::make_unique<DynamicKernel>(problem, epilogue));
  }
};

}  // namespace

const Tactic& matmul_dynamic() {
  static const MatmulDynamic tactic;
  return tactic;
}

}  // namespace sinter::cpu
