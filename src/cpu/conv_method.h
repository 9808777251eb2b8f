// What the convolution tactics have in common: a tactic names its ways of convolving (ConvMethod), and ConvTactic makes offers, blobs and
// kernels of them. The offers differ in the source's layout and in their config; weights and bias are packed, the output is channels last.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cpu/conv_geometry.h"
#include "cpu/cpu_tactic.h"

namespace sinter::cpu {

// One way of convolving; made for a query, a packing or a kernel.
class ConvMethod {
 public:
  virtual ~ConvMethod() = default;
  // Why it can't take the problem, "" when it can. Checked for the optimum's shape before anything else is asked.
  virtual std::string unsuitable(const Problem& problem, const ConvShape& shape) const = 0;
  virtual int64_t packed_floats(const ConvShape& shape) const = 0;
  virtual void pack(const ConvShape& shape, const float* weights, float* packed) const = 0;
  // Fixes the shape to run, which may differ from the one that weights were packed for; the workspace in bytes.
  virtual Result<int64_t> fix(const KernelTable& table, const ConvShape& shape, int threads) = 0;
  virtual void run(const KernelTable& table, const float* src, const float* packed, float* dst, const Epilogue& epilogue, ThreadTeam& team,
                   void* workspace) const = 0;
};

// What tells a tactic's offers apart.
struct ConvVariant {
  Layout source = Layout::kChannelsLast;
  std::string config;
};

class ConvTactic : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const final;
  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer& offer, std::span<const Tensor> constants) const final;
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const final;

 protected:
  virtual std::string_view op() const { return "Conv"; }
  virtual std::vector<ConvVariant> variants() const { return {ConvVariant{}}; }
  // nullptr for a variant that the tactic does not have (an engine may name any). `shape` is the one that weights are packed for.
  virtual std::unique_ptr<ConvMethod> method(const ConvVariant& variant, const ConvShape& shape) const = 0;

 private:
  Result<std::unique_ptr<ConvMethod>> method_of(const Problem& problem, const Offer& offer, const ConvShape& shape) const;
};

}  // namespace sinter::cpu
