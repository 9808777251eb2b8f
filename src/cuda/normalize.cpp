// LayerNormalization, RMSNormalization, InstanceNormalization and GroupNormalization, f32, f16 and bf16, row-major: a block a row of what is
// normalised together, a warp where it holds a row in registers. Bandwidth-bound.
#include <algorithm>
#include <array>

#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

// Of the kernels warp_normalize_* in rows.cu: vectors a lane.
constexpr std::array<int, 3> kWarpVectors = {1, 3, 8};
constexpr int64_t kFewRows = 1024;  // below, a block a row fills more processors

enum class Kind : uint8_t { kLayer, kRms, kInstance, kGroup };

std::optional<Kind> kind_of(const Problem& problem) {
  if (is_op(problem, "LayerNormalization") || is_op(problem, "LayerNormalizationPair", "sinter")) return Kind::kLayer;
  if (is_op(problem, "RMSNormalization")) return Kind::kRms;
  if (is_op(problem, "InstanceNormalization")) return Kind::kInstance;
  if (is_op(problem, "GroupNormalization")) return Kind::kGroup;
  return std::nullopt;
}

// The result in two types.
bool is_pair(const Problem& problem) { return is_op(problem, "LayerNormalizationPair", "sinter"); }

class NormalizeKernel final : public Kernel {
 public:
  NormalizeKernel(Function function, std::array<Function, kWarpVectors.size()> warps, Kind kind, const Problem& problem)
      : function_(std::move(function)), warps_(std::move(warps)), kind_(kind), each_(16 / element_bytes(problem.inputs[0].dtype)), axis_(problem.attributes.i_or("axis", -1)), num_groups_(problem.attributes.i_or("num_groups", 1)),
        epsilon_(problem.attributes.f_or("epsilon", 1e-5f)), inputs_(problem.inputs.size()), pair_(is_pair(problem)) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims& dims = inputs[0];
    const int64_t count = product(dims);
    if (kind_ == Kind::kLayer || kind_ == Kind::kRms) {
      n_ = product(dims, static_cast<size_t>(normal_axis(axis_, static_cast<int64_t>(dims.size()))));
      groups_ = 1;
      per_row_ = n_;
      inner_ = 1;
    } else {
      const int64_t spatial = product(dims, 2);
      groups_ = kind_ == Kind::kInstance ? dims[1] : num_groups_;
      per_row_ = dims[1] / std::max<int64_t>(groups_, 1);
      inner_ = std::max<int64_t>(spatial, 1);
      n_ = per_row_ * spatial;
    }
    rows_ = n_ == 0 ? 0 : count / n_;
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    Launch how;
    how.grid.x = rows_;
    how.threads = static_cast<int>(std::clamp<int64_t>(round_up(ceil_quotient(n_, 4), 32), 32, 1024));
    how.stream = args.stream;
    const void* none = nullptr;
    const int32_t centered = kind_ != Kind::kRms;
    if (const int warp = warp_kernel(); warp >= 0) {
      const int64_t rows = rows_ < kFewRows ? 1 : 4;  // of a block
      how.grid.x = ceil_quotient(rows_, rows);
      how.threads = static_cast<int>(rows * 32);
      return cuda::launch(warps_[static_cast<size_t>(warp)], how, args.inputs[0], args.outputs[0], pair_ ? args.outputs[1] : args.outputs[0], args.inputs[1], inputs_ > 2 ? args.inputs[2] : none, rows_,
                          static_cast<int32_t>(n_), epsilon_, centered);
    }
    return cuda::launch(function_, how, args.inputs[0], args.outputs[0], pair_ ? args.outputs[1] : args.outputs[0], args.inputs[1], inputs_ > 2 ? args.inputs[2] : none, n_, groups_, per_row_, inner_,
                        epsilon_, centered);
  }

 private:
  // The kernel whose warps hold a row, -1: none.
  int warp_kernel() const {
    if ((kind_ != Kind::kLayer && kind_ != Kind::kRms) || n_ % each_ != 0) return -1;
    for (size_t i = 0; i < kWarpVectors.size(); ++i) {
      if (n_ <= int64_t{kWarpVectors[i]} * 32 * each_) return static_cast<int>(i);
    }
    return -1;
  }

  Function function_;
  std::array<Function, kWarpVectors.size()> warps_;
  Kind kind_;
  int64_t each_;  // elements of a vector
  int64_t axis_, num_groups_;
  float epsilon_;
  size_t inputs_;
  bool pair_;
  int64_t n_ = 0, rows_ = 0, groups_ = 1, per_row_ = 1, inner_ = 1;
};

class Normalize final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    const auto kind = kind_of(problem);
    if (!kind) return;
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    const bool pair = is_pair(problem);
    for (size_t i = 1; i < problem.outputs.size() && !pair; ++i) {
      if (problem.outputs[i].present) return answer.decline("mean and inverse deviation are wanted");
    }
    if (pair && !is_compute_float(problem.outputs[1].dtype)) return answer.decline("a second result not of f32, f16 or bf16");
    const TensorDesc& input = problem.inputs[0];
    if (!is_compute_float(input.dtype)) return answer.decline("not f32, f16 or bf16");
    Shape affine;
    if (*kind == Kind::kLayer || *kind == Kind::kRms) {
      const int64_t axis = normal_axis(problem.attributes.i_or("axis", -1), input.rank());
      if (axis < 0 || axis >= input.rank()) return answer.decline("axis out of range");
      affine.assign(input.shape.begin() + axis, input.shape.end());
    } else {
      if (input.rank() < 2) return answer.decline("rank below 2");
      affine = {input.shape[1]};
    }
    for (size_t i = 1; i < problem.inputs.size(); ++i) {
      const TensorDesc& desc = problem.inputs[i];
      if (!desc.present && i == 2) continue;
      if (!desc.present || !is_compute_float(desc.dtype) || desc.dtype != problem.inputs[1].dtype) {
        return answer.decline("gain and bias not of one type of f32, f16 and bf16");
      }
      if (desc.shape != affine) return answer.decline("gain or bias of another shape");
    }
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
    Offer& offer = answer.offers.back();
    for (size_t i = 1; i < offer.input_layouts.size(); ++i) offer.input_layouts[i] = Layout::kRowMajor;
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function function, load_code(blobs, "rows_normalize"));
    std::array<Function, kWarpVectors.size()> warps;
    for (size_t i = 0; i < warps.size(); ++i) {
      SINTER_ASSIGN(warps[i], load_code(blobs, fmt::format("warp_normalize_{}", kWarpVectors[i])));
    }
    return std::unique_ptr<Kernel>(std::make_unique<NormalizeKernel>(std::move(function), std::move(warps), *kind_of(problem), problem));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    Source text{"rows.cu", {fmt::format("TYPE={}", device_type(problem.inputs[0].dtype)), fmt::format("GAIN={}", device_type(problem.inputs[1].dtype))}, ""};
    if (is_pair(problem)) text.defines.push_back(fmt::format("NARROW={}", device_type(problem.outputs[1].dtype)));
    return text;
  }
};

}  // namespace

SINTER_CUDA_TACTIC(normalize, Normalize)

}  // namespace sinter::cuda
