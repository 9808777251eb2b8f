// cpu.conv_few_channels_int8: convolution of an 8-bit image of few channels (the first layer), reading row-major or channels-last pixels
// and writing channels last: one segment a filter row (cpu/kernels/conv_bytes.h).
#include "cpu/conv_byte_method.h"

namespace sinter::cpu {
namespace {

// Beyond, cpu.conv_int8 wastes less and needs no copies.
constexpr int64_t kMostChannels = 16;

class FewChannelsMethod final : public ByteConvMethod {
 public:
  explicit FewChannelsMethod(Layout source) : source_(source) {}

  std::string unsuitable(const Problem& problem, const ConvShape& shape) const override {
    if (shape.channels > kMostChannels) return fmt::format("{} channels, worth it up to {}", shape.channels, kMostChannels);
    if (!conv_bytes_few_channels_supports(shape)) return fmt::format("{} groups, dilation {}: takes one group, undilated rows", shape.groups, shape.dilation_w);
    if (has_weight_zero(problem)) return "weights with a zero point";
    return "";
  }
  int64_t packed_bytes(const ConvShape& shape) const override { return conv_bytes_few_channels_packed_bytes(shape); }
  void pack(const ConvShape& shape, const int8_t* weights, int8_t* packed, int32_t* sums) const override {
    conv_bytes_few_channels_pack(shape, weights, packed, sums);
  }
  int64_t fix(const KernelTable& table, const ConvShape& shape, bool, bool, int threads) override {
    shape_ = shape;
    const int64_t area = shape.h * shape.w;
    if (source_ == Layout::kRowMajor) strides_ = {shape.channels * area, area, shape.w, 1};
    else strides_ = {shape.channels * area, 1, shape.w * shape.channels, shape.channels};
    blocking_ = conv_bytes_few_channels_blocking(table, shape);
    return conv_bytes_few_channels_workspace_bytes(shape, blocking_, threads);
  }
  void run(const KernelTable& table, const ByteSource& source, const int8_t* packed, void* dst, const Epilogue& epilogue, ThreadTeam& team,
           void* workspace) const override {
    conv_bytes_few_channels(table, shape_, blocking_, source, strides_, packed, dst, epilogue, team, workspace);
  }

 private:
  Layout source_;
  ConvShape shape_;
  ImageStrides strides_{};
  GemmBlocking blocking_;
};

class ConvFewChannelsInt8 final : public ByteConvTactic {
 public:
  using ByteConvTactic::ByteConvTactic;

 protected:
  std::vector<Layout> source_layouts() const override { return {Layout::kRowMajor, Layout::kChannelsLast}; }
  std::unique_ptr<ByteConvMethod> method(Layout source) const override { return std::make_unique<FewChannelsMethod>(source); }
};

}  // namespace

SINTER_CPU_TACTIC(conv_few_channels_int8, ConvFewChannelsInt8)

}  // namespace sinter::cpu
