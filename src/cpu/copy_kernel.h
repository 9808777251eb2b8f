// The kernel of tactics that only move data: a list of strided copies, made anew when shapes change.
#pragma once

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/strided_copy.h"

namespace sinter::cpu {

struct CopyPart {
  size_t input = 0, output = 0;
  CopyPlan plan;
  int64_t source = 0, target = 0;  // offsets in elements
};

// Fills the parts for concrete dims. The problem has the offer's layouts.
using CopyPlanner = Status (*)(const Problem& problem, std::span<const Dims> inputs, std::span<const Dims> outputs,
                               std::vector<CopyPart>& parts);

class CopyKernel final : public Kernel {
 public:
  CopyKernel(const Problem& problem, const Offer& offer, CopyPlanner planner) : problem_(problem), planner_(planner) {
    for (size_t i = 0; i < problem_.inputs.size(); ++i) problem_.inputs[i].layout = offer.input_layouts[i];
    for (size_t i = 0; i < problem_.outputs.size(); ++i) problem_.outputs[i].layout = offer.output_layouts[i];
    bytes_ = element_bytes(problem_.outputs[0].dtype);
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    parts_.clear();
    SINTER_TRY(planner_(problem_, inputs, outputs, parts_));
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    for (const CopyPart& part : parts_) {
      const char* source = static_cast<const char*>(args.inputs[part.input]) + part.source * bytes_;
      run_copy(part.plan, source, static_cast<char*>(args.outputs[part.output]) + part.target * bytes_, *args.team);
    }
    return ok_status();
  }

 private:
  Problem problem_;
  CopyPlanner planner_;
  int bytes_ = 4;
  std::vector<CopyPart> parts_;
};

inline Result<std::unique_ptr<Kernel>> make_copy_kernel(const Problem& problem, const Offer& offer, CopyPlanner planner) {
  return std::unique_ptr<Kernel>(std::make_unique<CopyKernel>(problem, offer, planner));
}

// Why a copying tactic can't take the problem; "" when it can.
inline std::string copy_unsuitable(const Problem& problem) {
  if (problem.has_epilogue()) return "no epilogue";
  const TensorDesc& desc = problem.outputs[0];
  if (element_bytes(desc.dtype) == 0) return "elements are not whole bytes";
  if (desc.rank() > kMaxCopyRank / 2 || problem.inputs[0].rank() > kMaxCopyRank / 2) return "rank above 6";
  return "";
}

// Dims in memory order and the place of a logical axis there; for blocked layouts axis 1 counts blocks.
struct MemoryDims {
  Dims dims;
  size_t axis;
};

inline MemoryDims memory_dims(const Dims& dims, Layout layout, size_t axis) {
  if (layout == Layout::kRowMajor || dims.size() < 3) return {dims, axis};
  MemoryDims out{{dims[0]}, axis};
  const int64_t block = channel_block(layout);
  if (block > 1) out.dims.push_back(ceil_quotient(dims[1], block));
  out.dims.insert(out.dims.end(), dims.begin() + 2, dims.end());
  out.dims.push_back(block > 1 ? block : dims[1]);
  if (layout == Layout::kChannelsLast && axis > 0) out.axis = axis == 1 ? dims.size() - 1 : axis - 1;
  return out;
}

}  // namespace sinter::cpu
