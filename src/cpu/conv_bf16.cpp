// cpu.conv_bf16: f32 convolution by products of bf16 on matrix registers, channels last (cpu/kernels/conv_bf16.h). Any stride, dilation and padding.
#include "cpu/bf16_terms.h"
#include "cpu/conv_method.h"
#include "cpu/kernels/conv_bf16.h"

namespace sinter::cpu {
namespace {

class Bf16Method final : public ConvMethod {
 public:
  explicit Bf16Method(int terms) : terms_(terms) {}

  std::string unsuitable(const Problem& problem, const ConvShape& shape) const override {
    if (std::string reason = bf16_unsuitable(problem, terms_); !reason.empty()) return reason;
    if (!conv_bf16_supports(shape)) return fmt::format("{} channels in each of {} groups: takes even numbers", shape.channels / shape.groups, shape.groups);
    if (shape.groups > 1 && shape.channels / shape.groups < kPanel) return fmt::format("{} channels a group leave most of a register empty", shape.channels / shape.groups);
    return "";
  }
  int64_t packed_floats(const ConvShape& shape) const override { return conv_bf16_packed_count(shape, terms_) / 2; }
  void pack(const ConvShape& shape, const float* weights, float* packed) const override {
    conv_bf16_pack(shape, terms_, weights, reinterpret_cast<uint16_t*>(packed));
  }

  Result<int64_t> fix(const KernelTable& table, const ConvShape& shape, int threads) override {
    shape_ = shape;
    blocking_ = conv_bf16_blocking(table, shape, terms_);
    return conv_bf16_workspace_bytes(shape, blocking_, terms_, threads);
  }

  void run(const KernelTable& table, const float* src, const float* packed, float* dst, const Epilogue& epilogue, ThreadTeam& team,
           void* workspace) const override {
    conv_bf16(table, shape_, blocking_, terms_, src, reinterpret_cast<const uint16_t*>(packed), dst, epilogue, team, workspace);
  }

 private:
  int terms_;
  ConvShape shape_;
  GemmBlocking blocking_;
};

class ConvBf16 final : public ConvTactic, public TypedTactic {
 public:
  using ConvTactic::ConvTactic;
  Arithmetic arithmetic(const Problem&, const Offer& offer) const override { return bf16_arithmetic(offer); }

 protected:
  std::vector<ConvVariant> variants() const override {
    std::vector<ConvVariant> all;
    for (const std::string_view config : kBf16Configs) all.push_back({Layout::kChannelsLast, std::string(config)});
    return all;
  }
  std::unique_ptr<ConvMethod> method(const ConvVariant& variant, const ConvShape&) const override {
    const int terms = bf16_terms(variant.config);
    return terms == 0 ? nullptr : std::make_unique<Bf16Method>(terms);
  }
};

}  // namespace

SINTER_CPU_TACTIC(conv_bf16, ConvBf16)

}  // namespace sinter::cpu
