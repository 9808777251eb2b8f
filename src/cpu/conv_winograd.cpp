// cpu.conv_winograd: f32 3x3 convolution of stride 1 and any dilation by Winograd's minimal filtering, channels last
// (cpu/kernels/winograd.h): 2.25 or 4 times fewer multiplications, and 16/9 or 4 times the weights to read.
#include "cpu/conv_method.h"
#include "cpu/kernels/winograd.h"

namespace sinter::cpu {
namespace {

// Below, the transforms cost more than the products save.
constexpr int64_t kLeastChannels = 8;
// The weights grow (F(4, 3): fourfold). From these sizes on they come from memory, and with fewer tiles than this to use them on, reading
// them costs what the saved multiplications gain; the tuner, which measures one layer alone, can't see it. It also bounds the engine's memory.
constexpr int64_t kCachedBytes2 = 8 << 20, kCachedBytes4 = 4 << 20, kLeastTiles = 32;

class WinogradMethod final : public ConvMethod {
 public:
  explicit WinogradMethod(WinogradForm form) : form_(form) {}

  std::string unsuitable(const Problem&, const ConvShape& shape) const override {
    if (!winograd_supports(shape)) return "not 3x3 with stride 1 and one group";
    if (shape.channels < kLeastChannels || shape.out_channels < kLeastChannels) {
      return fmt::format("{} channels into {}, worth it from {}", shape.channels, shape.out_channels, kLeastChannels);
    }
    const int64_t bytes = packed_floats(shape) * static_cast<int64_t>(sizeof(float));
    const int64_t tiles = shape.batch * ceil_quotient(shape.oh, 4) * ceil_quotient(shape.ow, 4);
    if (bytes > (form_ == WinogradForm::k4 ? kCachedBytes4 : kCachedBytes2) && tiles < kLeastTiles) {
      return fmt::format("{} bytes of weights for {} tiles, worth it from {}", bytes, tiles, kLeastTiles);
    }
    return "";
  }
  int64_t packed_floats(const ConvShape& shape) const override { return winograd_packed_floats(shape, form_); }
  void pack(const ConvShape& shape, const float* weights, float* packed) const override { winograd_pack_weights(shape, form_, weights, packed); }

  Result<int64_t> fix(const KernelTable& table, const ConvShape& shape, int threads) override {
    shape_ = shape;
    blocking_ = winograd_blocking(table, shape, form_, threads);
    return winograd_workspace_bytes(shape, form_, blocking_, threads);
  }

  void run(const KernelTable& table, const float* src, const float* packed, float* dst, const Epilogue& epilogue, ThreadTeam& team,
           void* workspace) const override {
    conv_winograd(table, shape_, form_, blocking_, src, packed, dst, epilogue, team, workspace);
  }

 private:
  WinogradForm form_;
  ConvShape shape_;
  WinogradBlocking blocking_;
};

class ConvWinograd final : public ConvTactic {
 public:
  using ConvTactic::ConvTactic;

 protected:
  std::vector<ConvVariant> variants() const override { return {{Layout::kChannelsLast, "f2"}, {Layout::kChannelsLast, "f4"}}; }
  std::unique_ptr<ConvMethod> method(const ConvVariant& variant, const ConvShape&) const override {
    if (variant.config != "f2" && variant.config != "f4") return nullptr;
    return std::make_unique<WinogradMethod>(variant.config == "f2" ? WinogradForm::k2 : WinogradForm::k4);
  }
};

}  // namespace

SINTER_CPU_TACTIC(conv_winograd, ConvWinograd)

}  // namespace sinter::cpu
