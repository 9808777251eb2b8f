// cpu.conv_transpose: f32 transposed convolution, channels last, each output phase a batch-reduce GEMM of its own
// (cpu/kernels/conv_transpose.h). Any stride, dilation, padding and groups within the kernel's limit of taps.
#include "cpu/conv_method.h"
#include "cpu/kernels/conv_transpose.h"

namespace sinter::cpu {
namespace {

// Phases, and so the packing, follow from the padding; with a wanted output size or SAME it follows from the input's size.
bool padding_is_fixed(const Problem& problem) {
  if (problem.inputs[0].is_static()) return true;
  const auto* wanted = problem.attributes.find_as<std::vector<int64_t>>("output_shape");
  const std::string pad = problem.attributes.s_or("auto_pad", "NOTSET");
  return (wanted == nullptr || wanted->empty()) && (pad == "NOTSET" || pad == "VALID");
}

class TransposeMethod final : public ConvMethod {
 public:
  explicit TransposeMethod(const ConvShape& packed_for) : packed_for_(packed_for) {}

  std::string unsuitable(const Problem& problem, const ConvShape& shape) const override {
    if (!padding_is_fixed(problem)) return "the padding depends on the input's size, which is not fixed";
    return conv_transpose_supports(shape) ? "" : fmt::format("more than {} taps or steps", kMaxTransposeTaps);
  }
  int64_t packed_floats(const ConvShape& shape) const override { return conv_transpose_packed_floats(shape); }
  void pack(const ConvShape& shape, const float* weights, float* packed) const override { conv_transpose_pack_weights(shape, weights, packed); }

  Result<int64_t> fix(const KernelTable& table, const ConvShape& shape, int threads) override {
    if (shape.pad_top != packed_for_.pad_top || shape.pad_left != packed_for_.pad_left) {
      return make_error(Code::kUnsupported, "cpu.conv_transpose: padding {}, {} differs from {}, {} that the weights were packed for",
                        shape.pad_top, shape.pad_left, packed_for_.pad_top, packed_for_.pad_left);
    }
    shape_ = shape;
    blocking_ = conv_transpose_blocking(table, shape);
    return conv_transpose_workspace_bytes(shape, blocking_, threads);
  }

  void run(const KernelTable& table, const float* src, const float* packed, float* dst, const Epilogue& epilogue, ThreadTeam& team,
           void* workspace) const override {
    conv_transpose(table, shape_, blocking_, src, packed, dst, epilogue, team, workspace);
  }

 private:
  ConvShape packed_for_, shape_;
  GemmBlocking blocking_;
};

class ConvTranspose final : public ConvTactic {
 public:
  using ConvTactic::ConvTactic;

 protected:
  std::string_view op() const override { return "ConvTranspose"; }
  std::unique_ptr<ConvMethod> method(const ConvVariant&, const ConvShape& shape) const override {
    return std::make_unique<TransposeMethod>(shape);
  }
};

}  // namespace

SINTER_CPU_TACTIC(conv_transpose, ConvTranspose)

}  // namespace sinter::cpu
