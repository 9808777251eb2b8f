// TopK of f32, f16, bf16, i32 and i64 along any axis, row-major (kernels/top_k.cu). Results are always sorted. Reads a line up to a dozen times.
#include <algorithm>
#include <bit>

#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

constexpr int64_t kSharedKeys = 1024, kKeyBytes = 16;  // as in kernels/top_k.cu

struct Sizes {
  int64_t length = 0, inner = 1, lines = 0, k = 0, keys = 1;
  int64_t workspace() const { return keys <= kSharedKeys ? 0 : lines * keys * kKeyBytes; }
};

Sizes sizes_of(const Problem& problem, const Dims& input, const Dims& output) {
  const auto axis = static_cast<size_t>(normal_axis(problem.attributes.i_or("axis", -1), static_cast<int64_t>(input.size())));
  Sizes sizes;
  sizes.length = input[axis];
  sizes.inner = product(input, axis + 1);
  sizes.lines = product(input, 0, axis) * sizes.inner;
  sizes.k = output[axis];
  sizes.keys = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(sizes.k, 1))));
  return sizes;
}

class TopKKernel final : public Kernel {
 public:
  TopKKernel(Function function, const Problem& problem) : function_(std::move(function)), problem_(problem), largest_(problem.attributes.i_or("largest", 1) != 0) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    sizes_ = sizes_of(problem_, inputs[0], outputs[problem_.outputs[0].present ? 0 : 1]);
    if (sizes_.k > sizes_.length || sizes_.length >= UINT32_MAX) {
      return make_error(Code::kInvalidArgument, "node '{}' (TopK): K is {}, but lines of {} have {} elements; expected K in [0,{}]; correct the model",
                        problem_.node, sizes_.k, to_string(inputs[0]), sizes_.length, sizes_.length);
    }
    return sizes_.workspace();
  }

  Status launch(const LaunchArgs& args) override {
    if (sizes_.k == 0) return ok_status();
    Launch how;
    how.grid.x = sizes_.lines;
    how.threads = static_cast<int>(std::clamp<int64_t>(round_up(ceil_quotient(std::max(sizes_.length, sizes_.keys), 4), 32), 32, 1024));
    how.stream = args.stream;
    void* none = nullptr;
    void* const values = problem_.outputs[0].present ? args.outputs[0] : none;
    void* const indices = problem_.outputs.size() > 1 && problem_.outputs[1].present ? args.outputs[1] : none;
    return cuda::launch(function_, how, args.inputs[0], values, indices, args.workspace, sizes_.length, sizes_.inner, sizes_.k, sizes_.keys, largest_);
  }

 private:
  Function function_;
  Problem problem_;
  int32_t largest_;
  Sizes sizes_;
};

class TopK final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "TopK")) return;
    const TensorDesc& input = problem.inputs[0];
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    if (!is_compute_float(input.dtype) && input.dtype != DType::kI32 && input.dtype != DType::kI64) {
      return answer.decline(fmt::format("not for {}", dtype_name(input.dtype)));
    }
    const int64_t axis = normal_axis(problem.attributes.i_or("axis", -1), input.rank());
    if (axis < 0 || axis >= input.rank()) return answer.decline("axis out of range");
    if (!problem.inputs[1].constant) return answer.decline("K is not constant");
    Offer offer = uniform_offer(problem, Layout::kRowMajor);
    offer.packed_inputs = {false, true};
    const size_t some = problem.outputs[0].present ? 0 : 1;
    offer.workspace_bytes = sizes_of(problem, input.opt, problem.outputs[some].opt).workspace();
    answer.offer(std::move(offer));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function function, load_code(blobs, "top_k"));
    return std::unique_ptr<Kernel>(std::make_unique<TopKKernel>(std::move(function), problem));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    return Source{"top_k.cu", {fmt::format("TYPE={}", device_type(problem.inputs[0].dtype))}, ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(top_k, TopK)

}  // namespace sinter::cuda
