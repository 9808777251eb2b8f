// Changes the layout of a tensor of any element type with whole bytes: n c spatial in one order to another. Every pair of layouts is
// a strided copy over [n, c/block, c%block, spatial]; channels that do not fill the last block are copied apart and the
// block's padding is set to zero. Bandwidth-bound.
#include <cstring>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/strided_copy.h"

namespace sinter::cpu {
namespace {

// A tensor seen as [n][outer channel][inner channel][pixels], with a common block size of both sides.
struct Strides {
  int64_t n, outer, inner, pixel;
};

Strides strides_of(Layout layout, int64_t c, int64_t pixels, int64_t block) {
  const int64_t own = channel_block(layout);
  if (layout == Layout::kChannelsLast) return {c * pixels, block, 1, c};
  if (own == 1) return {c * pixels, block * pixels, pixels, 1};
  // `block` divides or equals `own`; the outer loop then still steps evenly only when they are equal (see make_parts).
  return {round_up(c, own) * pixels, own * pixels, 1, own};
}

class ReformatKernel final : public Kernel {
 public:
  ReformatKernel(DType dtype, Layout from, Layout to) : bytes_(element_bytes(dtype)), from_(from), to_(to) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims& dims = inputs[0];
    parts_.clear();
    zero_lanes_ = 0;
    if (from_ == to_ || dims.size() < 3) {
      add_part(Dims{physical_count(from_, dims)}, {1}, {1}, 0, 0);
      return int64_t{0};
    }
    n_ = dims[0];
    c_ = dims[1];
    pixels_ = product(dims, 2);
    const int64_t from_block = channel_block(from_), to_block = channel_block(to_);
    if (from_block > 1 && to_block > 1) {
      between_blocks(from_block, to_block);
    } else {
      one_blocked(std::max(from_block, to_block));
    }
    if (to_block > 1 && c_ % to_block != 0) {
      zero_lanes_ = to_block - c_ % to_block;
      to_block_ = to_block;
    }
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const auto* source = static_cast<const char*>(args.inputs[0]);
    auto* target = static_cast<char*>(args.outputs[0]);
    if (zero_lanes_ > 0) zero_padding(target);
    for (const Part& part : parts_) run_copy(part.plan, source + part.source, target + part.target, *args.team);
    return ok_status();
  }

 private:
  struct Part {
    CopyPlan plan;
    int64_t source, target;  // offsets in bytes
  };

  void add_part(const Dims& dims, const Dims& source, const Dims& target, int64_t source_offset, int64_t target_offset) {
    parts_.push_back({make_copy_plan(dims, source, target, bytes_), source_offset * bytes_, target_offset * bytes_});
  }

  void add_channels(const Strides& s, const Strides& t, int64_t outer, int64_t inner, int64_t source_offset, int64_t target_offset) {
    if (outer == 0 || inner == 0) return;
    add_part({n_, outer, inner, pixels_}, {s.n, s.outer, s.inner, s.pixel}, {t.n, t.outer, t.inner, t.pixel}, source_offset, target_offset);
  }

  // At most one side is blocked: whole blocks, then the channels of the last one.
  void one_blocked(int64_t block) {
    const Strides s = strides_of(from_, c_, pixels_, block), t = strides_of(to_, c_, pixels_, block);
    const int64_t whole = c_ / block, rest = c_ % block;
    add_channels(s, t, whole, block, 0, 0);
    add_channels(s, t, 1, rest, whole * s.outer, whole * t.outer);
  }

  // Blocks of 16 to blocks of 8 and back: both halves of each block of 16 are copies of their own.
  void between_blocks(int64_t from_block, int64_t to_block) {
    for (int64_t first : {int64_t{0}, int64_t{8}}) {
      Strides s = strides_of(from_, c_, pixels_, from_block), t = strides_of(to_, c_, pixels_, to_block);
      Strides& narrow = from_block == 8 ? s : t;
      narrow.outer *= 2;
      const int64_t narrow_offset = first * pixels_;
      const int64_t source_offset = from_block == 8 ? narrow_offset : first, target_offset = to_block == 8 ? narrow_offset : first;
      const int64_t whole = c_ / 16, rest = std::min<int64_t>(8, std::max<int64_t>(0, c_ % 16 - first));
      add_channels(s, t, whole, 8, source_offset, target_offset);
      add_channels(s, t, 1, rest, source_offset + whole * s.outer, target_offset + whole * t.outer);
    }
  }

  void zero_padding(char* target) const {
    const int64_t image = round_up(c_, to_block_) * pixels_;
    for (int64_t n = 0; n < n_; ++n) {
      char* block = target + (n * image + c_ / to_block_ * to_block_ * pixels_) * bytes_;
      for (int64_t p = 0; p < pixels_; ++p) {
        std::memset(block + (p * to_block_ + to_block_ - zero_lanes_) * bytes_, 0, static_cast<size_t>(zero_lanes_ * bytes_));
      }
    }
  }

  int bytes_;
  Layout from_, to_;
  int64_t n_ = 0, c_ = 0, pixels_ = 0, to_block_ = 1, zero_lanes_ = 0;
  std::vector<Part> parts_;
};

class Reformat final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Reformat", "sinter")) return;
    const TensorDesc& input = problem.inputs[0];
    if (element_bytes(input.dtype) == 0) return answer.decline("elements are not whole bytes");
    Offer offer;
    offer.input_layouts = {input.layout};
    offer.output_layouts = {problem.outputs[0].layout};
    answer.offer(std::move(offer));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(
        std::make_unique<ReformatKernel>(problem.inputs[0].dtype, offer.input_layouts[0], offer.output_layouts[0]));
  }
};

}  // namespace

SINTER_CPU_TACTIC(reformat, Reformat)

}  // namespace sinter::cpu
