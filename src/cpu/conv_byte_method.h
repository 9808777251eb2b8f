// What the convolution tactics of 8-bit values have in common, as conv_method.h for f32: a tactic names its way of convolving, and
// ByteConvTactic makes offers, blobs and kernels of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cpu/byte_dense.h"
#include "cpu/conv_geometry.h"
#include "cpu/cpu_tactic.h"
#include "cpu/kernels/conv_bytes.h"

namespace sinter::cpu {

class ByteConvMethod {
 public:
  virtual ~ByteConvMethod() = default;
  // Why it can't take the problem, "" when it can.
  virtual std::string unsuitable(const Problem& problem, const ConvShape& shape) const = 0;
  virtual int64_t packed_bytes(const ConvShape& shape) const = 0;
  // `sums` becomes the sum of each filter.
  virtual void pack(const ConvShape& shape, const int8_t* weights, int8_t* packed, int32_t* sums) const = 0;
  // Whether a signed source is taken as unsigned values 128 more.
  virtual bool flips(const KernelTable&) const { return true; }
  // Fixes the shape to run; the workspace in bytes.
  virtual int64_t fix(const KernelTable& table, const ConvShape& shape, bool is_signed, bool weight_zero, int threads) = 0;
  virtual void run(const KernelTable& table, const ByteSource& source, const int8_t* packed, void* dst, const Epilogue& epilogue,
                   ThreadTeam& team, void* workspace) const = 0;
};

class ByteConvTactic : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const final;
  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer& offer, std::span<const Tensor> constants) const final;
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const final;

 protected:
  virtual std::vector<Layout> source_layouts() const { return {Layout::kChannelsLast}; }
  virtual bool has_tiles() const { return true; }  // else byte_configs() makes no difference
  virtual std::unique_ptr<ByteConvMethod> method(Layout source) const = 0;
};

}  // namespace sinter::cpu
