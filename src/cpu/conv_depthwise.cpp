// cpu.conv_depthwise: f32 depthwise convolution (one filter a channel), channels last, any filter, stride and dilation
// (cpu/kernels/depthwise.h). Bound by memory and by load ports, not by multiply-adds.
#include "cpu/conv_geometry.h"
#include "cpu/dense_epilogue.h"
#include "cpu/kernels/depthwise.h"
#include "cpu/tactics.h"

namespace sinter::cpu {
namespace {

class DepthwiseKernel final : public Kernel {
 public:
  DepthwiseKernel(const Problem& problem, DenseEpilogue epilogue, std::span<const Tensor> blobs)
      : problem_(problem), table_(kernel_table(problem.isa)), epilogue_(epilogue), weights_(blobs[0]) {
    if (blobs.size() > 1) bias_ = blobs[1];
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    SINTER_ASSIGN(shape_, conv_shape(problem_, inputs[0], inputs[1], outputs[0]));
    epilogue_.set_dims(inputs, outputs[0]);
    if (!depthwise_supports(shape_)) return make_error(Code::kUnsupported, "cpu.conv_depthwise: not one filter a channel");
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const Epilogue epilogue = epilogue_.at(args, bias_, shape_.out_channels);
    depthwise(table_, shape_, static_cast<const float*>(args.inputs[0]), weights_.data<float>(), static_cast<float*>(args.outputs[0]),
              epilogue, *args.team);
    return ok_status();
  }

 private:
  Problem problem_;
  const KernelTable& table_;
  DenseEpilogue epilogue_;
  Tensor weights_, bias_;
  ConvShape shape_;
};

class ConvDepthwise final : public Tactic {
 public:
  std::string_view id() const override { return "cpu.conv_depthwise"; }
  int version() const override { return 1; }

  void query(const Problem& problem, Answer& answer) const override {
    if (!problem.domain.empty() || problem.op != "Conv") return;
    if (const std::string reason = conv_unsuitable(problem); !reason.empty()) return answer.decline(reason);
    const auto shape = conv_shape_at_optimum(problem);
    if (!shape.ok()) return answer.decline(shape.status().message());
    if (!depthwise_supports(*shape)) return answer.decline(fmt::format("{} groups for {} channels", shape->groups, shape->channels));
    const auto epilogue = match_epilogue(problem, 1, conv_bias_input(problem));
    if (!epilogue.ok()) return answer.decline(epilogue.status().message());
    Offer offer;
    offer.input_layouts = {Layout::kChannelsLast};
    offer.output_layouts = {Layout::kChannelsLast};
    book_epilogue(problem, *epilogue, Layout::kChannelsLast, offer);
    offer.packed_inputs[1] = true;
    answer.offer(std::move(offer));
  }

  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer& offer, std::span<const Tensor> constants) const override {
    SINTER_ASSIGN(const ConvShape shape, conv_shape_at_optimum(problem));
    SINTER_ASSIGN(const DenseEpilogue epilogue, match_epilogue(problem, 1, conv_bias_input(problem)));
    return pack_conv(offer, epilogue.bias_input, constants, depthwise_packed_floats(shape),
                     [&](const float* weights, float* packed) { depthwise_pack_weights(shape, weights, packed); });
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(const DenseEpilogue epilogue, match_epilogue(problem, 1, conv_bias_input(problem)));
    SINTER_ASSIGN(const ConvShape shape, conv_shape_at_optimum(problem));
    SINTER_TRY(check_dense_blobs(id(), problem, offer, epilogue.bias_input, blobs, depthwise_packed_floats(shape)));
    return std::unique_ptr<Kernel>(std::make_unique<DepthwiseKernel>(problem, epilogue, blobs));
  }
};

}  // namespace

const Tactic& conv_depthwise() {
  static const ConvDepthwise tactic;
  return tactic;
}

}  // namespace sinter::cpu
