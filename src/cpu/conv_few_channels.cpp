// cpu.conv_few_channels: f32 convolution of an image of few channels (the first layer), reading row-major or channels-last pixels
// and writing channels last: one long segment a filter row instead of one short one a tap (cpu/kernels/conv.h).
#include "cpu/conv_geometry.h"
#include "cpu/dense_epilogue.h"
#include "cpu/tactics.h"

namespace sinter::cpu {
namespace {

// A filter row of 3 taps is then at least 48 values long in cpu.conv_brgemm, which needs no copies.
constexpr int64_t kMostChannels = 16;

class ConvKernel final : public Kernel {
 public:
  ConvKernel(const Problem& problem, Layout source, DenseEpilogue epilogue, std::span<const Tensor> blobs)
      : problem_(problem), source_(source), table_(kernel_table(problem.isa)), epilogue_(epilogue), weights_(blobs[0]) {
    if (blobs.size() > 1) bias_ = blobs[1];
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    SINTER_ASSIGN(shape_, conv_shape(problem_, inputs[0], inputs[1], outputs[0]));
    epilogue_.set_dims(inputs, outputs[0]);
    if (!conv_few_channels_supports(shape_)) return make_error(Code::kUnsupported, "cpu.conv_few_channels: groups or dilation");
    const int64_t area = shape_.h * shape_.w;
    if (source_ == Layout::kRowMajor) strides_ = {shape_.channels * area, area, shape_.w, 1};
    else strides_ = {shape_.channels * area, 1, shape_.w * shape_.channels, shape_.channels};
    blocking_ = conv_few_channels_blocking(table_, shape_);
    return conv_few_channels_workspace_bytes(shape_, blocking_, threads);
  }

  Status launch(const LaunchArgs& args) override {
    const Epilogue epilogue = epilogue_.at(args, bias_, shape_.out_channels);
    conv_few_channels(table_, shape_, blocking_, static_cast<const float*>(args.inputs[0]), strides_, weights_.data<float>(),
                      static_cast<float*>(args.outputs[0]), epilogue, *args.team, args.workspace);
    return ok_status();
  }

 private:
  Problem problem_;
  Layout source_;
  const KernelTable& table_;
  DenseEpilogue epilogue_;
  Tensor weights_, bias_;
  ConvShape shape_;
  ImageStrides strides_{};
  GemmBlocking blocking_;
};

class ConvFewChannels final : public Tactic {
 public:
  std::string_view id() const override { return "cpu.conv_few_channels"; }
  int version() const override { return 1; }

  void query(const Problem& problem, Answer& answer) const override {
    if (!problem.domain.empty() || problem.op != "Conv") return;
    if (const std::string reason = conv_unsuitable(problem); !reason.empty()) return answer.decline(reason);
    const auto shape = conv_shape_at_optimum(problem);
    if (!shape.ok()) return answer.decline(shape.status().message());
    if (!conv_few_channels_supports(*shape)) return answer.decline("groups or horizontal dilation");
    if (shape->channels > kMostChannels) return answer.decline(fmt::format("{} channels, worth it up to {}", shape->channels, kMostChannels));
    const auto epilogue = match_epilogue(problem, 1, conv_bias_input(problem));
    if (!epilogue.ok()) return answer.decline(epilogue.status().message());
    const KernelTable& table = kernel_table(problem.isa);
    for (Layout source : {Layout::kRowMajor, Layout::kChannelsLast}) {
      Offer offer;
      offer.input_layouts = {source};
      offer.output_layouts = {Layout::kChannelsLast};
      book_epilogue(problem, *epilogue, Layout::kChannelsLast, offer);
      offer.packed_inputs[1] = true;
      offer.workspace_bytes = conv_few_channels_workspace_bytes(*shape, conv_few_channels_blocking(table, *shape), problem.threads);
      answer.offer(std::move(offer));
    }
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
    return std::unique_ptr<Kernel>(std::make_unique<ConvKernel>(problem, offer.input_layouts[0], epilogue, blobs));
  }
};

}  // namespace

const Tactic& conv_few_channels() {
  static const ConvFewChannels tactic;
  return tactic;
}

}  // namespace sinter::cpu
