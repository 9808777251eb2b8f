// cpu.conv_brgemm: f32 convolution as a batch-reduce GEMM over the filter's taps, channels last (cpu/kernels/conv.h). Any stride,
// dilation, padding and groups; nothing is copied. The default for images of more than a few channels.
#include "cpu/conv_method.h"

namespace sinter::cpu {
namespace {

class BrgemmMethod final : public ConvMethod {
 public:
  std::string unsuitable(const Problem&, const ConvShape& shape) const override {
    const int64_t channels = shape.channels / shape.groups;
    if (shape.groups > 1 && channels < kPanel / 4) return fmt::format("{} channels a group leave most of a panel empty", channels);
    return "";
  }
  int64_t packed_floats(const ConvShape& shape) const override { return conv_packed_floats(shape); }
  void pack(const ConvShape& shape, const float* weights, float* packed) const override { conv_pack_weights(shape, weights, packed); }

  Result<int64_t> fix(const KernelTable& table, const ConvShape& shape, int threads) override {
    shape_ = shape;
    blocking_ = conv_blocking(table, shape);
    return conv_workspace_bytes(shape, blocking_, threads);
  }

  void run(const KernelTable& table, const float* src, const float* packed, float* dst, const Epilogue& epilogue, ThreadTeam& team,
           void* workspace) const override {
    conv(table, shape_, blocking_, src, packed, dst, epilogue, team, workspace);
  }

 private:
  ConvShape shape_;
  GemmBlocking blocking_;
};

class ConvBrgemm final : public ConvTactic {
 public:
  using ConvTactic::ConvTactic;

 protected:
  std::unique_ptr<ConvMethod> method(const ConvVariant&, const ConvShape&) const override { return std::make_unique<BrgemmMethod>(); }
};

}  // namespace

SINTER_CPU_TACTIC(conv_brgemm, ConvBrgemm)

}  // namespace sinter::cpu
