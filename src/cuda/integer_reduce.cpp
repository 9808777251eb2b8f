// ReduceSum, ReduceProd, ReduceMax, ReduceMin, ArgMax and ArgMin of i32, i64, i8 and u8, row-major (kernels/integer_reduce.cu).
#include <map>

#include "cuda/broadcast.h"
#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

// OP of the kernels.
std::optional<int> operation(const Problem& problem) {
  static const std::map<std::string, int, std::less<>> kOperations = {{"ReduceSum", 0}, {"ReduceProd", 1}, {"ReduceMax", 2}, {"ReduceMin", 3}, {"ArgMax", 2}, {"ArgMin", 3}};
  const auto found = kOperations.find(problem.op);
  return found == kOperations.end() || !problem.domain.empty() ? std::nullopt : std::optional<int>(found->second);
}
bool is_arg(const Problem& problem) { return problem.op == "ArgMax" || problem.op == "ArgMin"; }

// Which axes are reduced; nullopt when that is not known.
std::optional<std::vector<bool>> reduced_axes(const Problem& problem) {
  const int rank = problem.inputs[0].rank();
  std::vector<int64_t> axes;
  if (is_arg(problem)) {
    axes = {problem.attributes.i_or("axis", 0)};
  } else if (problem.inputs.size() > 1 && problem.inputs[1].present) {
    if (!problem.inputs[1].value.defined()) return std::nullopt;
    axes = problem.inputs[1].value.to_i64();
  }
  if (axes.empty() && problem.attributes.i_or("noop_with_empty_axes", 0) != 0) return std::nullopt;
  std::vector<bool> reduced(static_cast<size_t>(rank), axes.empty());
  for (int64_t axis : axes) {
    axis = normal_axis(axis, rank);
    if (axis < 0 || axis >= rank) return std::nullopt;
    reduced[static_cast<size_t>(axis)] = true;
  }
  return reduced;
}

class IntegerReduceKernel final : public Kernel {
 public:
  IntegerReduceKernel(Function function, const Problem& problem)
      : function_(std::move(function)), node_(problem.node), op_(problem.op), reduced_(*reduced_axes(problem)), arg_(is_arg(problem)), orders_(*operation(problem) >= 2),
        last_(problem.attributes.i_or("select_last_index", 0) != 0) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims &dims = inputs[0], own = row_major_strides(dims);
    Dims sizes[2], strides[2];
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      const size_t which = reduced_[axis];
      sizes[which].push_back(dims[axis]);
      strides[which].push_back(own[axis]);
    }
    count_ = product(sizes[0]);
    n_ = product(sizes[1]);
    inner_ = strides[1].empty() ? 1 : strides[1].back();
    if (orders_ && n_ == 0 && count_ > 0) {
      return make_error(Code::kInvalidArgument, "node '{}' ({}): the greatest or least of no elements; expected at least one; correct the model", node_, op_);
    }
    kept_ = strided_map(sizes[0], strides[0], 1);
    inside_ = strided_map(sizes[1], strides[1], 1);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const Launch how = a_thread_each(count_, args.stream);
    if (arg_) return cuda::launch(function_, how, args.inputs[0], args.outputs[0], n_, inner_, count_, last_);
    return cuda::launch(function_, how, args.inputs[0], args.outputs[0], kept_, inside_, n_, count_);
  }

 private:
  Function function_;
  std::string node_, op_;
  std::vector<bool> reduced_;
  bool arg_, orders_;
  int32_t last_;
  Map kept_, inside_;
  int64_t count_ = 0, n_ = 0, inner_ = 1;
};

class IntegerReduce final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!operation(problem)) return;
    const DType dtype = problem.inputs[0].dtype;
    if (dtype != DType::kI32 && dtype != DType::kI64 && dtype != DType::kI8 && dtype != DType::kU8) return answer.decline("not i32, i64, i8 or u8");
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    if (problem.inputs[0].rank() > kMapRank) return answer.decline("rank above 8");
    if (!reduced_axes(problem)) return answer.decline("axes are not constant");
    Offer offer = uniform_offer(problem, Layout::kRowMajor);
    offer.packed_inputs.assign(problem.inputs.size(), false);
    for (size_t i = 1; i < problem.inputs.size(); ++i) offer.packed_inputs[i] = problem.inputs[i].present;
    answer.offer(std::move(offer));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function function, load_code(blobs, is_arg(problem) ? "integer_arg" : "integer_reduce"));
    return std::unique_ptr<Kernel>(std::make_unique<IntegerReduceKernel>(std::move(function), problem));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    return Source{"integer_reduce.cu", {fmt::format("TYPE={}", device_type(problem.inputs[0].dtype)), fmt::format("OP={}", *operation(problem))}, ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(integer_reduce, IntegerReduce)

}  // namespace sinter::cuda
