// cpu.conv_int8: convolution of 8-bit integers as a batch-reduce GEMM over the filter's taps, channels last (cpu/kernels/conv_bytes.h).
// Any stride, dilation, padding and groups. Fastest for u8 activations and i8 weights around zero; i8 activations cost a pass over the
// source where there is no AMX, other weights a product with ones.
#include "cpu/conv_byte_method.h"

namespace sinter::cpu {
namespace {

class BrgemmMethod final : public ByteConvMethod {
 public:
  std::string unsuitable(const Problem&, const ConvShape&) const override { return ""; }
  int64_t packed_bytes(const ConvShape& shape) const override { return conv_bytes_packed_bytes(shape); }
  void pack(const ConvShape& shape, const int8_t* weights, int8_t* packed, int32_t* sums) const override {
    conv_bytes_pack(shape, weights, packed, sums);
  }
  bool flips(const KernelTable& table) const override { return flips_source(table, true); }
  int64_t fix(const KernelTable& table, const ConvShape& shape, bool is_signed, bool weight_zero, int threads) override {
    shape_ = shape;
    blocking_ = conv_bytes_blocking(table, shape);
    return conv_bytes_workspace_bytes(shape, blocking_, flips_source(table, is_signed), weight_zero, threads);
  }
  void run(const KernelTable& table, const ByteSource& source, const int8_t* packed, void* dst, const Epilogue& epilogue, ThreadTeam& team,
           void* workspace) const override {
    conv_bytes(table, shape_, blocking_, source, packed, dst, epilogue, team, workspace);
  }

 private:
  ConvShape shape_;
  GemmBlocking blocking_;
};

class ConvInt8 final : public ByteConvTactic {
 public:
  using ByteConvTactic::ByteConvTactic;

 protected:
  std::unique_ptr<ByteConvMethod> method(Layout) const override { return std::make_unique<BrgemmMethod>(); }
};

}  // namespace

SINTER_CPU_TACTIC(conv_int8, ConvInt8)

}  // namespace sinter::cpu
