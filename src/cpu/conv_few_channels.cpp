// cpu.conv_few_channels: f32 convolution of an image of few channels (the first layer), reading row-major or channels-last pixels
// and writing channels last: one long segment a filter row instead of one short one a tap (cpu/kernels/conv.h).
#include "cpu/conv_method.h"

namespace sinter::cpu {
namespace {

// A filter row of 3 taps is then at least 48 values long in cpu.conv_brgemm, which needs no copies.
constexpr int64_t kMostChannels = 16;

class FewChannelsMethod final : public ConvMethod {
 public:
  explicit FewChannelsMethod(Layout source) : source_(source) {}

  std::string unsuitable(const Problem&, const ConvShape& shape) const override {
    if (!conv_few_channels_supports(shape)) return fmt::format("{} groups", shape.groups);
    if (shape.channels > kMostChannels) return fmt::format("{} channels, worth it up to {}", shape.channels, kMostChannels);
    return "";
  }
  int64_t packed_floats(const ConvShape& shape) const override { return conv_packed_floats(shape); }
  void pack(const ConvShape& shape, const float* weights, float* packed) const override { conv_pack_weights(shape, weights, packed); }

  Result<int64_t> fix(const KernelTable& table, const ConvShape& shape, int threads) override {
    shape_ = shape;
    const int64_t area = shape.h * shape.w;
    if (source_ == Layout::kRowMajor) strides_ = {shape.channels * area, area, shape.w, 1};
    else strides_ = {shape.channels * area, 1, shape.w * shape.channels, shape.channels};
    blocking_ = conv_few_channels_blocking(table, shape);
    return conv_few_channels_workspace_bytes(shape, blocking_, threads);
  }

  void run(const KernelTable& table, const float* src, const float* packed, float* dst, const Epilogue& epilogue, ThreadTeam& team,
           void* workspace) const override {
    conv_few_channels(table, shape_, blocking_, src, strides_, packed, dst, epilogue, team, workspace);
  }

 private:
  Layout source_;
  ConvShape shape_;
  ImageStrides strides_{};
  GemmBlocking blocking_;
};

class ConvFewChannels final : public ConvTactic {
 public:
  using ConvTactic::ConvTactic;

 protected:
  std::vector<ConvVariant> variants() const override { return {{Layout::kRowMajor, ""}, {Layout::kChannelsLast, ""}}; }
  std::unique_ptr<ConvMethod> method(const ConvVariant& variant, const ConvShape&) const override {
    if (variant.source != Layout::kRowMajor && variant.source != Layout::kChannelsLast) return nullptr;
    return std::make_unique<FewChannelsMethod>(variant.source);
  }
};

}  // namespace

SINTER_CPU_TACTIC(conv_few_channels, ConvFewChannels)

}  // namespace sinter::cpu
