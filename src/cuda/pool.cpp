// MaxPool, AveragePool and LpPool over one to three spatial axes; f32, f16 and bf16, MaxPool also i8 and u8; row-major and channels-last. Bandwidth-bound.
#include <algorithm>

#include "core/window.h"
#include "cuda/broadcast.h"
#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

// As in kernels/pool.cu.
struct PoolArgs {
  int64_t count = 0, channels = 0, out_n = 0, out_c = 0, in_n = 0, in_c = 0;
  int64_t size[3] = {1, 1, 1}, in_size[3] = {1, 1, 1}, out_stride[3] = {}, in_stride[3] = {};
  int32_t kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, dilation[3] = {1, 1, 1}, pad[3] = {}, pad_end[3] = {};
  int32_t count_padding = 0, channels_last = 0, p = 2;
};

Dims strides_in(Layout layout, const Dims& dims) {
  Dims strides(dims.size());
  int64_t step = 1;
  const std::vector<int> order = memory_order(layout, static_cast<int>(dims.size()));
  for (size_t k = order.size(); k-- > 0;) {
    strides[static_cast<size_t>(order[k])] = step;
    step *= dims[static_cast<size_t>(order[k])];
  }
  return strides;
}

class PoolKernel final : public Kernel {
 public:
  PoolKernel(Function function, Function last, Problem problem, Layout layout)
      : function_(std::move(function)), last_(std::move(last)), problem_(std::move(problem)), layout_(layout) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    const Dims &in = inputs[0], &out = outputs[0];
    SINTER_ASSIGN(const Window window, resolve_window(problem_, in, out));
    args_ = PoolArgs();
    args_.count = product(out);
    args_.channels = in[1];
    const Dims to = strides_in(layout_, out), from = strides_in(layout_, in);
    args_.out_n = to[0];
    args_.out_c = to[1];
    args_.in_n = from[0];
    args_.in_c = from[1];
    const size_t spatial = in.size() - 2, first = 3 - spatial;
    for (size_t d = 0; d < spatial; ++d) {
      args_.size[first + d] = out[2 + d];
      args_.in_size[first + d] = in[2 + d];
      args_.out_stride[first + d] = to[2 + d];
      args_.in_stride[first + d] = from[2 + d];
      args_.kernel[first + d] = static_cast<int32_t>(window.kernel[d]);
      args_.stride[first + d] = static_cast<int32_t>(window.stride[d]);
      args_.dilation[first + d] = static_cast<int32_t>(window.dilation[d]);
      args_.pad[first + d] = static_cast<int32_t>(window.pad_begin[d]);
      args_.pad_end[first + d] = static_cast<int32_t>(declared_pad_end(d, spatial, window));
    }
    args_.count_padding = static_cast<int32_t>(problem_.attributes.i_or("count_include_pad", 0));
    args_.p = static_cast<int32_t>(problem_.attributes.i_or("p", 2));
    args_.channels_last = layout_ == Layout::kChannelsLast;
    each_ = 16 / element_bytes(problem_.inputs[0].dtype);
    vectors_ = args_.channels_last && args_.channels % each_ == 0 && spatial <= 2 && args_.count <= INT32_MAX && product(in) <= INT32_MAX;
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    Launch how = a_thread_each(args_.count, args.stream);
    if (vectors_) {
      how.grid.x = ceil_quotient(args_.count / each_, 256);
      return cuda::launch(last_, how, args.inputs[0], args.outputs[0], args_);
    }
    return cuda::launch(function_, how, args.inputs[0], args.outputs[0], args_);
  }

 private:
  // What ceil_mode adds at the end is no padding that counts.
  int64_t declared_pad_end(size_t d, size_t spatial, const Window& window) const {
    const std::vector<int64_t> pads = problem_.attributes.ints_or("pads", {});
    const bool declared = problem_.attributes.s_or("auto_pad", "NOTSET") == "NOTSET";
    return declared ? pads.size() == 2 * spatial ? pads[spatial + d] : 0 : window.pad_end[d];
  }

  Function function_, last_;
  int64_t each_ = 8;      // elements of sixteen bytes
  bool vectors_ = false;  // pool_last does it
  Problem problem_;
  Layout layout_;
  PoolArgs args_;
};

class Pool final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "MaxPool") && !is_op(problem, "AveragePool") && !is_op(problem, "LpPool")) return;
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    const bool bytes = problem.op == "MaxPool" && is_byte(problem.inputs[0].dtype);
    if (!is_compute_float(problem.inputs[0].dtype) && !bytes) return answer.decline("not f32, f16 or bf16, nor the maximum of i8 or u8");
    const int64_t p = problem.attributes.i_or("p", 2);
    if (problem.op == "LpPool" && p != 1 && p != 2) return answer.decline(fmt::format("p {} is neither 1 nor 2", p));
    if (problem.inputs[0].rank() < 3 || problem.inputs[0].rank() > 5) return answer.decline("not one to three spatial axes");
    if (problem.outputs.size() > 1 && problem.outputs[1].present) return answer.decline("indices are wanted");
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
    answer.offer(uniform_offer(problem, Layout::kChannelsLast));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function function, load_code(blobs, "pool"));
    SINTER_ASSIGN(Function last, load_code(blobs, "pool_last"));
    return std::unique_ptr<Kernel>(std::make_unique<PoolKernel>(std::move(function), std::move(last), problem, offer.output_layouts[0]));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    return Source{"pool.cu", {fmt::format("TYPE={}", device_type(problem.inputs[0].dtype)), fmt::format("KIND={}", problem.op == "MaxPool" ? 1 : problem.op == "LpPool" ? 2 : 0)}, ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(pool, Pool)

}  // namespace sinter::cuda
