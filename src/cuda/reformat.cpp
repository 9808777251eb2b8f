// sinter.Reformat: row-major to channels-last and back, any element type of 1, 2, 4 or 8 bytes. Bandwidth-bound.
#include "cuda/cuda_tactic.h"
#include "cuda/strided_copy.h"

namespace sinter::cuda {
namespace {

// Strides of the logical axes.
Dims layout_strides(Layout layout, const Dims& dims) {
  Dims strides(dims.size());
  int64_t step = 1;
  const std::vector<int> order = memory_order(layout, static_cast<int>(dims.size()));
  for (size_t k = order.size(); k-- > 0;) {
    strides[static_cast<size_t>(order[k])] = step;
    step *= dims[static_cast<size_t>(order[k])];
  }
  return strides;
}

class ReformatKernel final : public Kernel {
 public:
  ReformatKernel(StridedCopy copy, Layout from, Layout to) : copy_(std::move(copy)), from_(from), to_(to) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    copy_.clear();
    const Dims& dims = inputs[0];
    SINTER_TRY(copy_.add(dims, layout_strides(from_, dims), layout_strides(to_, dims)));
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    return copy_.parts() == 0 ? ok_status() : copy_.launch(0, args.inputs[0], args.outputs[0], args.stream);
  }

 private:
  StridedCopy copy_;
  Layout from_, to_;
};

bool is_plain(Layout layout) { return layout == Layout::kRowMajor || layout == Layout::kChannelsLast; }

class Reformat final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Reformat", "sinter")) return;
    const TensorDesc &input = problem.inputs[0], &output = problem.outputs[0];
    if (!is_plain(input.layout) || !is_plain(output.layout)) return answer.decline("blocked layouts are for CPUs");
    const int bytes = element_bytes(input.dtype);
    if (bytes == 0 || bytes > 8) return answer.decline("elements are not of 1, 2, 4 or 8 bytes");
    Offer offer;
    offer.input_layouts = {input.layout};
    offer.output_layouts = {output.layout};
    answer.offer(std::move(offer));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(StridedCopy copy, StridedCopy::make(blobs.empty() ? Tensor() : blobs.back(), element_bytes(problem.inputs[0].dtype)));
    return std::unique_ptr<Kernel>(std::make_unique<ReformatKernel>(std::move(copy), offer.input_layouts[0], offer.output_layouts[0]));
  }

 protected:
  Result<Source> source(const Problem&, const Offer&) const override { return StridedCopy::source(); }
};

}  // namespace

SINTER_CUDA_TACTIC(reformat, Reformat)

}  // namespace sinter::cuda
