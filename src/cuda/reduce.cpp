// ReduceSum and its kin, GlobalAveragePool, GlobalMaxPool, ArgMax and ArgMin, over any axes; f32, f16 and bf16. The global pools work in
// channels-last too; sinter.IntegerGlobalAveragePool also (kernels/global_pool_int8.cu). Bandwidth-bound.
#include <algorithm>
#include <map>
#include <optional>

#include "cuda/broadcast.h"
#include "cuda/cuda_tactic.h"
#include "tactic/integer_mean.h"

namespace sinter::cuda {
namespace {

constexpr int64_t kFewOutputs = 4096, kShort = 64;  // a block an output below so many, and above so many elements
constexpr int64_t kManyBlocks = 512, kEachColumn = 8;  // of reduce_columns: blocks before they grow wider, the least elements a sum

// OP of kernels/reduce.cu.
std::optional<int> operation(const Problem& problem) {
  static const std::map<std::string, int> kOperations = {
      {"ReduceSum", 0}, {"ReduceMean", 1}, {"ReduceMax", 2}, {"ReduceMin", 3}, {"ReduceSumSquare", 4}, {"ReduceL1", 5}, {"ReduceL2", 6},
      {"ReduceProd", 7}, {"ReduceLogSum", 8}, {"GlobalAveragePool", 1}, {"GlobalMaxPool", 2}, {"ArgMax", 2}, {"ArgMin", 3}};
  const auto it = kOperations.find(problem.op);
  return it == kOperations.end() || !problem.domain.empty() ? std::nullopt : std::optional<int>(it->second);
}

bool is_arg(const Problem& problem) { return problem.op == "ArgMax" || problem.op == "ArgMin"; }
bool is_byte_mean(const Problem& problem) { return is_op(problem, "IntegerGlobalAveragePool", "sinter"); }
bool is_pool(const Problem& problem) { return problem.op == "GlobalAveragePool" || problem.op == "GlobalMaxPool"; }

// Which axes are reduced; nullopt when that is not known.
std::optional<std::vector<bool>> reduced_axes(const Problem& problem) {
  const int rank = problem.inputs[0].rank();
  std::vector<bool> reduced(static_cast<size_t>(rank), false);
  std::vector<int64_t> axes;
  if (is_pool(problem)) {
    for (int axis = 2; axis < rank; ++axis) axes.push_back(axis);
  } else if (is_arg(problem)) {
    axes = {problem.attributes.i_or("axis", 0)};
  } else if (problem.inputs.size() > 1 && problem.inputs[1].present) {
    if (!problem.inputs[1].value.defined()) return std::nullopt;
    axes = problem.inputs[1].value.to_i64();
  } else {
    axes = problem.attributes.ints_or("axes", {});
  }
  if (axes.empty() && !is_pool(problem)) {
    if (problem.attributes.i_or("noop_with_empty_axes", 0) != 0) return std::nullopt;
    reduced.assign(reduced.size(), true);
  }
  for (int64_t axis : axes) {
    axis = normal_axis(axis, rank);
    if (axis < 0 || axis >= rank) return std::nullopt;
    reduced[static_cast<size_t>(axis)] = true;
  }
  return reduced;
}

class ReduceKernel final : public Kernel {
 public:
  ReduceKernel(Function block, Function thread, Function columns, std::vector<bool> reduced, Layout layout, int element)
      : block_(std::move(block)), thread_(std::move(thread)), columns_(std::move(columns)), reduced_(std::move(reduced)), layout_(layout), each_(16 / element) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims& dims = inputs[0];
    Dims sizes[2], strides[2];
    int64_t step = 1;
    Dims own(dims.size());
    const std::vector<int> order = memory_order(layout_, static_cast<int>(dims.size()));
    for (size_t k = order.size(); k-- > 0;) {
      own[static_cast<size_t>(order[k])] = step;
      step *= dims[static_cast<size_t>(order[k])];
    }
    for (int axis : order) {
      const size_t which = reduced_[static_cast<size_t>(axis)];
      sizes[which].push_back(dims[static_cast<size_t>(axis)]);
      strides[which].push_back(own[static_cast<size_t>(axis)]);
    }
    count_ = product(sizes[0]);
    n_ = product(sizes[1]);
    kept_ = strided_map(sizes[0], strides[0], 1);
    inner_ = strided_map(sizes[1], strides[1], 1);
    neighbours_ = inner_.stride[inner_.rank - 1] == 1;
    // Outputs side by side in runs, elements of each at one distance.
    run_ = 0;
    const int last = kept_.rank - 1;
    const bool whole = kept_.size[last] % each_ == 0 && inner_.stride[0] % each_ == 0 && (last == 0 || kept_.stride[0] % each_ == 0);
    if (n_ >= kEachColumn && kept_.rank <= 2 && inner_.rank == 1 && kept_.stride[last] == 1 && !neighbours_ && whole && (last == 0 || kept_.size[0] <= 65535)) {
      run_ = kept_.size[last];
      runs_ = last == 0 ? 1 : kept_.size[0];
      distance_ = last == 0 ? 0 : kept_.stride[0];
      const int64_t vectors = run_ / each_ * runs_;
      width_ = 1;  // of a block; wider where there are blocks enough
      while (width_ < 8 && vectors >= kManyBlocks * width_ * 2) width_ *= 2;
    }
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    Launch how;
    how.stream = args.stream;
    if (run_ > 0) {
      how.grid = {ceil_quotient(run_ / each_, width_), runs_, 1};
      how.threads = 512;
      return cuda::launch(columns_, how, args.inputs[0], args.outputs[0], run_, distance_, n_, inner_.stride[0], width_);
    }
    const bool blocks = n_ >= kShort && (neighbours_ || count_ < kFewOutputs);
    if (blocks) {
      how.grid.x = count_;
      how.threads = static_cast<int>(std::clamp<int64_t>(round_up(ceil_quotient(n_, 4), 32), 32, 512));
      return cuda::launch(block_, how, args.inputs[0], args.outputs[0], kept_, inner_, n_);
    }
    how.threads = 256;
    how.grid.x = ceil_quotient(count_, 256);
    return cuda::launch(thread_, how, args.inputs[0], args.outputs[0], kept_, inner_, n_, count_);
  }

 private:
  Function block_, thread_, columns_;
  std::vector<bool> reduced_;
  Layout layout_;
  Map kept_, inner_;
  int64_t each_;  // elements of sixteen bytes
  bool neighbours_ = true;
  int64_t run_ = 0, runs_ = 1, distance_ = 0;  // of reduce_columns; run 0: not suitable
  int32_t width_ = 1;
  int64_t count_ = 0, n_ = 0;
};

class ArgKernel final : public Kernel {
 public:
  ArgKernel(Function function, int64_t axis, bool last) : function_(std::move(function)), axis_(axis), last_(last) {}
  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims& dims = inputs[0];
    const auto axis = static_cast<size_t>(normal_axis(axis_, static_cast<int64_t>(dims.size())));
    n_ = dims[axis];
    inner_ = product(dims, axis + 1);
    count_ = product(dims, 0, axis) * inner_;
    if (n_ == 0 && count_ > 0) return make_error(Code::kInvalidArgument, "the greatest of no elements; expected at least one");
    return int64_t{0};
  }
  Status launch(const LaunchArgs& args) override {
    const Launch how = a_thread_each(count_, args.stream);
    return cuda::launch(function_, how, args.inputs[0], args.outputs[0], n_, inner_, count_, last_);
  }

 private:
  Function function_;
  int64_t axis_, n_ = 0, inner_ = 1, count_ = 0;
  int32_t last_;
};

constexpr int64_t kMostImages = 65535;                  // of a grid's second axis
constexpr int64_t kMostPixels = int64_t{16} << 23;      // sixteen warps add bytes in 32 bits each

// As in kernels/global_pool_int8.cu.
struct MeanArgs {
  int64_t pixels = 1, channels = 1, step = 1, offset = 0;
  float factor = 1, zero = 0, low = 0, high = 0;
};

class ByteMeanKernel final : public Kernel {
 public:
  ByteMeanKernel(Function plane, Function last, const Problem& problem, Layout layout)
      : plane_(std::move(plane)), last_(std::move(last)), mean_(*integer_mean(problem)), layout_(layout) {
    args_.zero = static_cast<float>(mean_.y_zero);
    args_.low = problem.outputs[0].dtype == DType::kI8 ? -128.0f : 0.0f;
    args_.high = problem.outputs[0].dtype == DType::kI8 ? 127.0f : 255.0f;
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims& dims = inputs[0];
    images_ = dims[0];
    args_.pixels = product(dims, 2);
    args_.channels = dims[1];
    args_.step = layout_ == Layout::kRowMajor ? 1 : dims[1];
    args_.offset = args_.pixels * mean_.x_zero;
    args_.factor = mean_.factor(args_.pixels);
    vectors_ = layout_ == Layout::kChannelsLast && args_.channels % 4 == 0 && images_ <= kMostImages && args_.pixels <= kMostPixels;
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    Launch how;
    how.stream = args.stream;
    if (vectors_) {
      how.grid = {ceil_quotient(args_.channels, 128), images_, 1};
      how.threads = 512;
      return cuda::launch(last_, how, args.inputs[0], args.outputs[0], args_);
    }
    how.grid.x = images_ * args_.channels;
    how.threads = 256;
    return cuda::launch(plane_, how, args.inputs[0], args.outputs[0], args_);
  }

 private:
  Function plane_, last_;
  IntegerMean mean_;
  Layout layout_;
  MeanArgs args_;
  int64_t images_ = 1;
  bool vectors_ = false;  // mean_last does it
};

class Reduce final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (is_byte_mean(problem)) return offer_byte_mean(problem, answer);
    if (!operation(problem)) return;
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    if (!is_compute_float(problem.inputs[0].dtype)) return answer.decline("not f32, f16 or bf16");
    if (problem.inputs[0].rank() > kMapRank) return answer.decline("rank above 8");
    if (!reduced_axes(problem)) return answer.decline("axes are not constant");
    for (Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
      if (layout != Layout::kRowMajor && (!is_pool(problem) || problem.inputs[0].rank() < 3)) continue;
      Offer offer = uniform_offer(problem, layout);
      offer.packed_inputs.assign(problem.inputs.size(), false);
      for (size_t i = 1; i < problem.inputs.size(); ++i) {
        offer.input_layouts[i] = Layout::kRowMajor;
        offer.packed_inputs[i] = problem.inputs[i].present;
      }
      answer.offer(std::move(offer));
    }
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    if (is_byte_mean(problem)) return bind_byte_mean(problem, offer, blobs);
    if (is_arg(problem)) {
      SINTER_ASSIGN(Function function, load_code(blobs, "arg_thread"));
      return std::unique_ptr<Kernel>(std::make_unique<ArgKernel>(std::move(function), problem.attributes.i_or("axis", 0),
                                                                 problem.attributes.i_or("select_last_index", 0) != 0));
    }
    SINTER_ASSIGN(Function block, load_code(blobs, "reduce_block"));
    SINTER_ASSIGN(Function thread, load_code(blobs, "reduce_thread"));
    SINTER_ASSIGN(Function columns, load_code(blobs, "reduce_columns"));
    return std::unique_ptr<Kernel>(std::make_unique<ReduceKernel>(std::move(block), std::move(thread), std::move(columns), *reduced_axes(problem),
                                                          offer.input_layouts[0], element_bytes(problem.inputs[0].dtype)));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    if (is_byte_mean(problem)) {
      const DType to = problem.outputs[0].dtype;
      return Source{"global_pool_int8.cu",
                    {fmt::format("TYPE={}", device_type(problem.inputs[0].dtype)), fmt::format("TO={}", device_type(to)), fmt::format("QUANTIZE={}", to == DType::kF32 ? 0 : 1)},
                    ""};
    }
    return Source{"reduce.cu", {fmt::format("TYPE={}", device_type(problem.inputs[0].dtype)), fmt::format("OP={}", *operation(problem))}, ""};
  }

 private:
  static void offer_byte_mean(const Problem& problem, Answer& answer) {
    if (const std::string reason = integer_mean_objection(problem); !reason.empty()) return answer.decline(reason);
    for (const Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
      Offer offer = uniform_offer(problem, layout);
      offer.packed_inputs.assign(problem.inputs.size(), false);
      for (size_t i = 1; i < problem.inputs.size(); ++i) {
        offer.input_layouts[i] = Layout::kRowMajor;
        offer.packed_inputs[i] = problem.inputs[i].present;  // known when it is bound
      }
      answer.offer(std::move(offer));
    }
  }
  Result<std::unique_ptr<Kernel>> bind_byte_mean(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const {
    if (const std::string reason = integer_mean_objection(problem); !reason.empty()) {
      return make_error(Code::kInvalidEngine, "{}: {}; the engine is damaged: rebuild it", id(), reason);
    }
    SINTER_ASSIGN(Function plane, load_code(blobs, "mean_plane"));
    SINTER_ASSIGN(Function last, load_code(blobs, "mean_last"));
    return std::unique_ptr<Kernel>(std::make_unique<ByteMeanKernel>(std::move(plane), std::move(last), problem, offer.input_layouts[0]));
  }
};

}  // namespace

SINTER_CUDA_TACTIC(reduce, Reduce)

}  // namespace sinter::cuda
