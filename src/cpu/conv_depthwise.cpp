// cpu.conv_depthwise: f32 depthwise convolution (one filter a channel), channels last, any filter, stride and dilation
// (cpu/kernels/depthwise.h). Bound by memory and by load ports, not by multiply-adds.
#include "cpu/conv_method.h"
#include "cpu/kernels/depthwise.h"

namespace sinter::cpu {
namespace {

class DepthwiseMethod final : public ConvMethod {
 public:
  std::string unsuitable(const Problem&, const ConvShape& shape) const override {
    return depthwise_supports(shape) ? "" : fmt::format("{} groups for {} channels", shape.groups, shape.channels);
  }
  int64_t packed_floats(const ConvShape& shape) const override { return depthwise_packed_floats(shape); }
  void pack(const ConvShape& shape, const float* weights, float* packed) const override { depthwise_pack_weights(shape, weights, packed); }

  Result<int64_t> fix(const KernelTable&, const ConvShape& shape, int) override {
    shape_ = shape;
    if (!depthwise_supports(shape)) return make_error(Code::kUnsupported, "cpu.conv_depthwise: not one filter a channel");
    return int64_t{0};
  }

  void run(const KernelTable& table, const float* src, const float* packed, float* dst, const Epilogue& epilogue, ThreadTeam& team,
           void*) const override {
    depthwise(table, shape_, src, packed, dst, epilogue, team);
  }

 private:
  ConvShape shape_;
};

class ConvDepthwise final : public ConvTactic {
 public:
  using ConvTactic::ConvTactic;

 protected:
  std::unique_ptr<ConvMethod> method(const ConvVariant&, const ConvShape&) const override { return std::make_unique<DepthwiseMethod>(); }
};

}  // namespace

SINTER_CPU_TACTIC(conv_depthwise, ConvDepthwise)

}  // namespace sinter::cpu
