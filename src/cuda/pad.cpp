// Pad with constant pads and axes in every mode, elements of 1, 2, 4 or 8 bytes, row-major. Bandwidth-bound.
#include <algorithm>

#include "cuda/broadcast.h"
#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

constexpr int kPadRank = 8;

// As in kernels/pad.cu.
struct PadArgs {
  int64_t count = 0;
  int32_t rank = 0;
  int64_t offset = 0;  // of the first element that stays
  int64_t out[kPadRank] = {}, in[kPadRank] = {}, begin[kPadRank] = {}, stride[kPadRank] = {};
};

int mode_of(const Problem& problem) {
  const std::string mode = problem.attributes.s_or("mode", "constant");
  return mode == "constant" ? 0 : mode == "edge" ? 1 : mode == "reflect" ? 2 : mode == "wrap" ? 3 : -1;
}

bool has_input(const Problem& problem, size_t index) { return index < problem.inputs.size() && problem.inputs[index].present; }

class PadKernel final : public Kernel {
 public:
  PadKernel(Function function, Problem problem) : function_(std::move(function)), problem_(std::move(problem)) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    const Dims &in = inputs[0], &out = outputs[0];
    args_ = PadArgs();
    args_.count = product(out);
    args_.rank = static_cast<int32_t>(in.size());
    if (args_.count > 0 && product(in) == 0 && mode_of(problem_) != 0) {
      return make_error(Code::kInvalidArgument, "pad of the empty tensor {} from its own elements; expected at least one", to_string(in));
    }
    const Dims strides = row_major_strides(in);
    for (size_t d = 0; d < in.size(); ++d) {
      args_.out[d] = out[d];
      args_.in[d] = in[d];
      args_.stride[d] = strides[d];
    }
    const std::vector<int64_t> pads = problem_.inputs[1].value.to_i64();
    std::vector<int64_t> axes;
    if (has_input(problem_, 3)) axes = problem_.inputs[3].value.to_i64();
    for (size_t i = 0; i < pads.size() / 2; ++i) {
      const int64_t axis = axes.empty() ? static_cast<int64_t>(i) : normal_axis(axes[i], args_.rank);
      const int64_t begin = pads[i], end = pads[pads.size() / 2 + i];
      const int64_t first = std::max<int64_t>(-begin, 0);
      args_.begin[axis] = std::max<int64_t>(begin, 0);
      args_.in[axis] -= first + std::max<int64_t>(-end, 0);
      args_.offset += first * args_.stride[axis];
    }
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const Launch how = a_thread_each(args_.count, args.stream);
    const void* value = has_input(problem_, 2) ? args.inputs[2] : nullptr;
    return cuda::launch(function_, how, args.inputs[0], value, args.outputs[0], args_);
  }

 private:
  Function function_;
  Problem problem_;
  PadArgs args_;
};

class Pad final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Pad")) return;
    const int bytes = element_bytes(problem.inputs[0].dtype);
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    if (bytes == 0 || bytes > 8) return answer.decline("elements are not of 1, 2, 4 or 8 bytes");
    if (problem.inputs[0].rank() > kPadRank) return answer.decline("rank above 8");
    if (mode_of(problem) < 0) return answer.decline("mode " + problem.attributes.s_or("mode", ""));
    Offer offer = uniform_offer(problem, Layout::kRowMajor);
    offer.packed_inputs.assign(problem.inputs.size(), false);
    for (size_t i : {size_t{1}, size_t{3}}) {
      if (i == 3 && !has_input(problem, 3)) continue;
      if (!has_input(problem, i) || !problem.inputs[i].value.defined()) return answer.decline("pads or axes are not constant");
      offer.packed_inputs[i] = true;
    }
    answer.offer(std::move(offer));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function function, load_code(blobs, "pad"));
    return std::unique_ptr<Kernel>(std::make_unique<PadKernel>(std::move(function), problem));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    return Source{"pad.cu", {fmt::format("BYTES={}", element_bytes(problem.inputs[0].dtype)), fmt::format("MODE={}", mode_of(problem))}, ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(pad, Pad)

}  // namespace sinter::cuda
