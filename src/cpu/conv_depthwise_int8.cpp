// cpu.conv_depthwise_int8: depthwise convolution of 8-bit integers (one filter a channel), channels last, any filter of up to 16 rows, any
// stride and dilation (cpu/kernels/depthwise_bytes.h). Weights are i8 around zero.
#include "cpu/conv_byte_method.h"
#include "cpu/kernels/depthwise_bytes.h"

namespace sinter::cpu {
namespace {

class DepthwiseMethod final : public ByteConvMethod {
 public:
  std::string unsuitable(const Problem& problem, const ConvShape& shape) const override {
    if (!depthwise_bytes_supports(shape)) return fmt::format("{} groups for {} channels, {} filter rows", shape.groups, shape.channels, shape.kh);
    return has_weight_zero(problem) ? "weights with a zero point" : "";
  }
  int64_t packed_bytes(const ConvShape& shape) const override { return depthwise_bytes_packed_bytes(shape); }
  void pack(const ConvShape& shape, const int8_t* weights, int8_t* packed, int32_t* sums) const override {
    depthwise_bytes_pack(shape, weights, packed, sums);
  }
  int64_t fix(const KernelTable&, const ConvShape& shape, bool, bool, int) override {
    shape_ = shape;
    return depthwise_bytes_workspace_bytes(shape);
  }
  void run(const KernelTable& table, const ByteSource& source, const int8_t* packed, void* dst, const Epilogue& epilogue, ThreadTeam& team,
           void* workspace) const override {
    depthwise_bytes(table, shape_, source, packed, dst, epilogue, team, workspace);
  }

 private:
  ConvShape shape_;
};

class ConvDepthwiseInt8 final : public ByteConvTactic {
 public:
  using ByteConvTactic::ByteConvTactic;

 protected:
  bool has_tiles() const override { return false; }
  std::unique_ptr<ByteConvMethod> method(Layout) const override { return std::make_unique<DepthwiseMethod>(); }
};

}  // namespace

SINTER_CPU_TACTIC(conv_depthwise_int8, ConvDepthwiseInt8)

}  // namespace sinter::cpu
