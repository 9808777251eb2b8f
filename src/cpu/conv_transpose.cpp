// cpu.conv_transpose: f32 transposed convolution, channels last, each output phase a batch-reduce GEMM of its own
// (cpu/kernels/conv_transpose.h). Any stride, dilation, padding and groups within the kernel's limit of taps.
#include "cpu/conv_geometry.h"
#include "cpu/cpu_tactic.h"
#include "cpu/dense_epilogue.h"
#include "cpu/kernels/conv_transpose.h"

namespace sinter::cpu {
namespace {

class TransposeKernel final : public Kernel {
 public:
  TransposeKernel(const Problem& problem, const ConvShape& packed_for, DenseEpilogue epilogue, std::span<const Tensor> blobs)
      : problem_(problem), packed_for_(packed_for), table_(kernel_table(problem.isa)), epilogue_(epilogue), weights_(blobs[0]) {
    if (blobs.size() > 1) bias_ = blobs[1];
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    SINTER_ASSIGN(shape_, conv_shape(problem_, inputs[0], inputs[1], outputs[0]));
    epilogue_.set_dims(inputs, outputs[0]);
    if (shape_.pad_top != packed_for_.pad_top || shape_.pad_left != packed_for_.pad_left) {
      return make_error(Code::kUnsupported, "cpu.conv_transpose: padding {}, {} differs from {}, {} that the weights were packed for",
                        shape_.pad_top, shape_.pad_left, packed_for_.pad_top, packed_for_.pad_left);
    }
    blocking_ = conv_transpose_blocking(table_, shape_);
    return conv_transpose_workspace_bytes(shape_, blocking_, threads);
  }

  Status launch(const LaunchArgs& args) override {
    const Epilogue epilogue = epilogue_.at(args, bias_, shape_.out_channels);
    conv_transpose(table_, shape_, blocking_, static_cast<const float*>(args.inputs[0]), weights_.data<float>(),
                   static_cast<float*>(args.outputs[0]), epilogue, *args.team, args.workspace);
    return ok_status();
  }

 private:
  Problem problem_;
  ConvShape packed_for_;
  const KernelTable& table_;
  DenseEpilogue epilogue_;
  Tensor weights_, bias_;
  ConvShape shape_;
  GemmBlocking blocking_;
};

// Phases, and so the packing, follow from the padding; with a wanted output size or SAME it follows from the input's size.
bool padding_is_fixed(const Problem& problem) {
  if (problem.inputs[0].is_static()) return true;
  const auto* wanted = problem.attributes.find_as<std::vector<int64_t>>("output_shape");
  const std::string pad = problem.attributes.s_or("auto_pad", "NOTSET");
  return (wanted == nullptr || wanted->empty()) && (pad == "NOTSET" || pad == "VALID");
}

class ConvTranspose final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "ConvTranspose")) return;
    if (const std::string reason = conv_unsuitable(problem); !reason.empty()) return answer.decline(reason);
    if (!padding_is_fixed(problem)) return answer.decline("the padding depends on the input's size, which is not fixed");
    const auto shape = conv_shape_at_optimum(problem);
    if (!shape.ok()) return answer.decline(shape.status().message());
    if (!conv_transpose_supports(*shape)) return answer.decline(fmt::format("more than {} taps or steps", kMaxTransposeTaps));
    const auto epilogue = match_epilogue(problem, 1, conv_bias_input(problem));
    if (!epilogue.ok()) return answer.decline(epilogue.status().message());
    Offer offer;
    offer.input_layouts = {Layout::kChannelsLast};
    offer.output_layouts = {Layout::kChannelsLast};
    book_epilogue(problem, *epilogue, Layout::kChannelsLast, offer);
    offer.packed_inputs[1] = true;
    offer.workspace_bytes =
        conv_transpose_workspace_bytes(*shape, conv_transpose_blocking(kernel_table(problem.isa), *shape), problem.threads);
    answer.offer(std::move(offer));
  }

  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer& offer, std::span<const Tensor> constants) const override {
    SINTER_ASSIGN(const ConvShape shape, conv_shape_at_optimum(problem));
    SINTER_ASSIGN(const DenseEpilogue epilogue, match_epilogue(problem, 1, conv_bias_input(problem)));
    return pack_conv(offer, epilogue.bias_input, constants, conv_transpose_packed_floats(shape),
                     [&](const float* weights, float* packed) { conv_transpose_pack_weights(shape, weights, packed); });
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(const DenseEpilogue epilogue, match_epilogue(problem, 1, conv_bias_input(problem)));
    SINTER_ASSIGN(const ConvShape shape, conv_shape_at_optimum(problem));
    if (!conv_transpose_supports(shape)) return make_error(Code::kInvalidEngine, "cpu.conv_transpose: more than {} taps or steps", kMaxTransposeTaps);
    SINTER_TRY(check_dense_blobs(id(), problem, offer, epilogue.bias_input, blobs, conv_transpose_packed_floats(shape)));
    return std::unique_ptr<Kernel>(std::make_unique<TransposeKernel>(problem, shape, epilogue, blobs));
  }
};

}  // namespace

SINTER_CPU_TACTIC(conv_transpose, ConvTranspose)

}  // namespace sinter::cpu
