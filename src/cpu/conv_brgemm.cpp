// cpu.conv_brgemm: f32 convolution as a batch-reduce GEMM over the filter's taps, channels last (cpu/kernels/conv.h). Any stride,
// dilation, padding and groups; nothing is copied. The default for images of more than a few channels.
#include "cpu/conv_geometry.h"
#include "cpu/dense_epilogue.h"
#include "cpu/tactics.h"

namespace sinter::cpu {
namespace {

class ConvKernel final : public Kernel {
 public:
  ConvKernel(const Problem& problem, DenseEpilogue epilogue, std::span<const Tensor> blobs)
      : problem_(problem), table_(kernel_table(problem.isa)), epilogue_(epilogue), weights_(blobs[0]) {
    if (blobs.size() > 1) bias_ = blobs[1];
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    SINTER_ASSIGN(shape_, conv_shape(problem_, inputs[0], inputs[1], outputs[0]));
    epilogue_.set_dims(inputs, outputs[0]);
    blocking_ = conv_blocking(table_, shape_);
    return conv_workspace_bytes(shape_, blocking_, threads);
  }

  Status launch(const LaunchArgs& args) override {
    const Epilogue epilogue = epilogue_.at(args, bias_, shape_.out_channels);
    conv(table_, shape_, blocking_, static_cast<const float*>(args.inputs[0]), weights_.data<float>(), static_cast<float*>(args.outputs[0]),
         epilogue, *args.team, args.workspace);
    return ok_status();
  }

 private:
  Problem problem_;
  const KernelTable& table_;
  DenseEpilogue epilogue_;
  Tensor weights_, bias_;
  ConvShape shape_;
  GemmBlocking blocking_;
};

class ConvBrgemm final : public Tactic {
 public:
  std::string_view id() const override { return "cpu.conv_brgemm"; }
  int version() const override { return 1; }

  void query(const Problem& problem, Answer& answer) const override {
    if (!problem.domain.empty() || problem.op != "Conv") return;
    if (const std::string reason = conv_unsuitable(problem); !reason.empty()) return answer.decline(reason);
    const auto shape = conv_shape_at_optimum(problem);
    if (!shape.ok()) return answer.decline(shape.status().message());
    if (shape->groups > 1 && shape->channels / shape->groups < kPanel / 4) {
      return answer.decline(fmt::format("{} channels a group leave most of a panel empty", shape->channels / shape->groups));
    }
    const auto epilogue = match_epilogue(problem, 1, conv_bias_input(problem));
    if (!epilogue.ok()) return answer.decline(epilogue.status().message());
    const KernelTable& table = kernel_table(problem.isa);
    Offer offer;
    offer.input_layouts = {Layout::kChannelsLast};
    offer.output_layouts = {Layout::kChannelsLast};
    book_epilogue(problem, *epilogue, Layout::kChannelsLast, offer);
    offer.packed_inputs[1] = true;
    offer.workspace_bytes = conv_workspace_bytes(*shape, conv_blocking(table, *shape), problem.threads);
    answer.offer(std::move(offer));
  }

  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer& offer, std::span<const Tensor> constants) const override {
    SINTER_ASSIGN(const ConvShape shape, conv_shape_at_optimum(problem));
    SINTER_ASSIGN(const DenseEpilogue epilogue, match_epilogue(problem, 1, conv_bias_input(problem)));
    return pack_conv(offer, epilogue.bias_input, constants, conv_packed_floats(shape),
                     [&](const float* weights, float* packed) { conv_pack_weights(shape, weights, packed); });
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(const DenseEpilogue epilogue, match_epilogue(problem, 1, conv_bias_input(problem)));
    SINTER_ASSIGN(const ConvShape shape, conv_shape_at_optimum(problem));
    SINTER_TRY(check_dense_blobs(id(), problem, offer, epilogue.bias_input, blobs, conv_packed_floats(shape)));
    return std::unique_ptr<Kernel>(std::make_unique<ConvKernel>(problem, epilogue, blobs));
  }
};

}  // namespace

const Tactic& conv_brgemm() {
  static const ConvBrgemm tactic;
  return tactic;
}

}  // namespace sinter::cpu
