// GatherElements and GatherND, elements of 1, 2, 4 or 8 bytes, row-major (kernels/gather.cu). An index out of range gives zero and is reported.
// Bandwidth-bound.
#include <algorithm>

#include "cuda/broadcast.h"
#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

// As in kernels/gather.cu.
struct Tuples {
  int64_t width = 0, run = 1, per_batch = 1, batch = 0;
  int64_t size[kMapRank] = {}, stride[kMapRank] = {};
};

Launch thread_each(int64_t count, void* stream) {
  Launch how;
  how.threads = 256;
  how.grid.x = ceil_quotient(count, 256);
  how.stream = stream;
  return how;
}

class GatherElementsKernel final : public Kernel {
 public:
  GatherElementsKernel(Function function, const Problem& problem)
      : function_(std::move(function)), wanted_axis_(problem.attributes.i_or("axis", 0)), node_(problem.node) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims &data = inputs[0], &indices = inputs[1];
    const auto axis = static_cast<size_t>(normal_axis(wanted_axis_, static_cast<int64_t>(data.size())));
    bool fits = indices.size() == data.size();
    for (size_t i = 0; fits && i < data.size(); ++i) fits = i == axis || indices[i] <= data[i];
    if (!fits) {
      return make_error(Code::kInvalidArgument,
                        "node '{}' (GatherElements): indices are {} for data {}; expected equal ranks and no larger "
                        "sizes; correct the model",
                        node_, to_string(indices), to_string(data));
    }
    Dims strides = row_major_strides(data);
    stride_ = strides[axis];
    strides[axis] = 0;
    base_ = strided_map(indices, strides, 1);
    size_ = data[axis];
    count_ = product(indices);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    return cuda::launch(function_, thread_each(count_, args.stream), args.inputs[0], args.inputs[1], args.outputs[0],
                        count_, base_, stride_, size_, args.fault);
  }

 private:
  Function function_;
  int64_t wanted_axis_;
  std::string node_;
  Map base_;
  int64_t stride_ = 1, size_ = 0, count_ = 0;
};

class GatherNdKernel final : public Kernel {
 public:
  GatherNdKernel(Function function, const Problem& problem)
      : function_(std::move(function)), batch_(problem.attributes.i_or("batch_dims", 0)), node_(problem.node) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    const Dims &data = inputs[0], &indices = inputs[1];
    const auto rank = static_cast<int64_t>(data.size());
    const bool fits = batch_ >= 0 && batch_ < static_cast<int64_t>(indices.size()) && batch_ <= rank &&
                      indices.back() <= std::min<int64_t>(rank - batch_, kMapRank) &&
                      std::equal(data.begin(), data.begin() + batch_, indices.begin());
    if (!fits) {
      return make_error(
          Code::kInvalidArgument,
          "node '{}' (GatherND): data is {} and indices are {}; expected tuples that fit the data; correct the model",
          node_, to_string(data), to_string(indices));
    }
    const auto batch = static_cast<size_t>(batch_);
    tuples_ = {};
    tuples_.width = indices.back();
    tuples_.run = std::max<int64_t>(1, product(data, batch + static_cast<size_t>(tuples_.width)));
    tuples_.per_batch = std::max<int64_t>(1, product(indices, batch, indices.size() - 1));
    tuples_.batch = product(data, batch);
    const Dims strides = row_major_strides(data);
    for (size_t k = 0; k < static_cast<size_t>(tuples_.width); ++k) {
      tuples_.size[k] = data[batch + k];
      tuples_.stride[k] = strides[batch + k];
    }
    count_ = product(outputs[0]);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    return cuda::launch(function_, thread_each(count_, args.stream), args.inputs[0], args.inputs[1], args.outputs[0],
                        count_, tuples_, args.fault);
  }

 private:
  Function function_;
  int64_t batch_;
  std::string node_;
  Tuples tuples_;
  int64_t count_ = 0;
};

class GatherElements final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    const bool tuples = is_op(problem, "GatherND");
    if (!tuples && !is_op(problem, "GatherElements")) return;
    const int bytes = element_bytes(problem.inputs[0].dtype);
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    if (bytes == 0 || bytes > 8) return answer.decline("elements are not of 1, 2, 4 or 8 bytes");
    const int64_t rank = problem.inputs[0].rank(), axis = normal_axis(problem.attributes.i_or("axis", 0), rank);
    if (rank > kMapRank) return answer.decline(fmt::format("rank {} > {}", rank, kMapRank));
    if (tuples && problem.inputs[1].rank() == 0) return answer.decline("indices are a scalar");
    if (!tuples && (axis < 0 || axis >= rank)) return answer.decline("axis out of range");
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&,
                                       std::span<const Tensor> blobs) const override {
    const bool tuples = is_op(problem, "GatherND");
    SINTER_ASSIGN(Function function, load_code(blobs, tuples ? "gather_nd" : "gather_elements"));
    if (tuples) return std::unique_ptr<Kernel>(std::make_unique<GatherNdKernel>(std::move(function), problem));
    return std::unique_ptr<Kernel>(std::make_unique<GatherElementsKernel>(std::move(function), problem));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    return Source{"gather.cu",
                  {fmt::format("BYTES={}", element_bytes(problem.inputs[0].dtype)),
                   fmt::format("INDEX={}", device_type(problem.inputs[1].dtype))},
                  ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(gather_elements, GatherElements)

}  // namespace sinter::cuda
