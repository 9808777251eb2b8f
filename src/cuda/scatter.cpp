// ScatterElements, Scatter and ScatterND, row-major (kernels/scatter.cu): plain updates of elements of 1, 2, 4 or 8 bytes, and joins of f32, f16,
// bf16, i32 and i64. Results never depend on the order of threads. An index out of range updates nothing and is reported.
#include <algorithm>

#include "cuda/broadcast.h"
#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

// As in kernels/scatter.cu.
struct ScatterArgs {
  int64_t count = 0, line = 1, apart = 1;
  int64_t stride = 1, axis = 0;
  int64_t width = -1, run = 1;
  int64_t size[kMapRank] = {}, strides[kMapRank] = {};
  Map base;
};

// OP of the kernels, -1: unknown.
int operation(const Problem& problem) {
  const std::string reduction = problem.attributes.s_or("reduction", "none");
  constexpr const char* kNames[] = {"none", "add", "mul", "max", "min"};
  const auto* const found = std::find(std::begin(kNames), std::end(kNames), reduction);
  return found == std::end(kNames) ? -1 : static_cast<int>(found - std::begin(kNames));
}

class ScatterKernel final : public Kernel {
 public:
  ScatterKernel(Function first, Function second, const Problem& problem)
      : first_(std::move(first)), second_(std::move(second)), problem_(problem), joins_(operation(problem) > 0) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    args_ = {};
    const bool fits = problem_.op == "ScatterND" ? set_tuples(inputs) : set_elements(inputs);
    if (!fits) {
      return make_error(Code::kInvalidArgument,
                        "node '{}' ({}): data is {}, indices are {} and updates {}; expected indices inside the data "
                        "and as many updates; correct the model",
                        problem_.node, problem_.op, to_string(inputs[0]), to_string(inputs[1]), to_string(inputs[2]));
    }
    if (args_.count >= UINT32_MAX) {
      return make_error(Code::kUnsupported, "{} updates are more than this kernel takes; use smaller inputs", args_.count);
    }
    count_ = product(inputs[0]);
    return joins_ ? int64_t{0} : count_ * static_cast<int64_t>(sizeof(uint32_t));
  }

  Status launch(const LaunchArgs& args) override {
    const int64_t bytes = count_ * element_bytes(problem_.inputs[0].dtype);
    SINTER_ASSIGN(const DriverApi* api, driver());
    const auto at = [](const void* pointer) { return static_cast<CUdeviceptr>(reinterpret_cast<uintptr_t>(pointer)); };
    auto* stream = static_cast<CUstream>(args.stream);
    if (args.outputs[0] != args.inputs[0] && bytes > 0) {
      SINTER_TRY(check(api->MemcpyDtoDAsync(at(args.outputs[0]), at(args.inputs[0]), static_cast<size_t>(bytes), stream),
                       "cuMemcpyDtoDAsync"));
    }
    if (args_.count == 0) return ok_status();
    Launch how;
    how.threads = 256;
    how.stream = args.stream;
    if (joins_) {
      how.grid.x = ceil_quotient(args_.count / args_.line, 256);
      return cuda::launch(first_, how, args.inputs[1], args.inputs[2], args.outputs[0], args_, args.fault);
    }
    SINTER_TRY(check(api->MemsetD8Async(at(args.workspace), 0, static_cast<size_t>(count_) * sizeof(uint32_t), stream),
                     "cuMemsetD8Async"));
    how.grid.x = ceil_quotient(args_.count / args_.run, 256);
    SINTER_TRY(cuda::launch(first_, how, args.inputs[1], args.workspace, args_, args.fault));
    how.grid.x = ceil_quotient(args_.count, 256);
    return cuda::launch(second_, how, args.inputs[1], args.workspace, args.inputs[2], args.outputs[0], args_);
  }

 private:
  bool set_elements(std::span<const Dims> inputs) {
    const Dims &data = inputs[0], &indices = inputs[1];
    const auto axis = static_cast<size_t>(
        normal_axis(problem_.attributes.i_or("axis", 0), static_cast<int64_t>(data.size())));
    if (axis >= data.size() || indices.size() != data.size() || inputs[2] != indices) return false;
    for (size_t i = 0; i < data.size(); ++i) {
      if (i != axis && indices[i] > data[i]) return false;
    }
    Dims strides = row_major_strides(data);
    args_.stride = strides[axis];
    args_.axis = data[axis];
    strides[axis] = 0;
    args_.base = strided_map(indices, strides, 1);
    args_.count = product(indices);
    args_.line = std::max<int64_t>(indices[axis], 1);
    args_.apart = std::max<int64_t>(product(indices, axis + 1), 1);
    return true;
  }

  bool set_tuples(std::span<const Dims> inputs) {
    const Dims &data = inputs[0], &indices = inputs[1];
    if (indices.empty() || indices.back() > static_cast<int64_t>(std::min<size_t>(data.size(), kMapRank))) return false;
    const auto width = static_cast<size_t>(indices.back());
    Dims expected(indices.begin(), indices.end() - 1);
    const int64_t tuples = product(expected);
    expected.insert(expected.end(), data.begin() + static_cast<std::ptrdiff_t>(width), data.end());
    if (inputs[2] != expected) return false;
    const Dims strides = row_major_strides(data);
    args_.width = static_cast<int64_t>(width);
    args_.run = std::max<int64_t>(product(data, width), 1);
    args_.count = product(expected);
    args_.line = std::max<int64_t>(tuples, 1);
    args_.apart = args_.run;
    std::copy_n(data.begin(), width, args_.size);
    std::copy_n(strides.begin(), width, args_.strides);
    return true;
  }

  Function first_, second_;
  Problem problem_;
  bool joins_;
  ScatterArgs args_;
  int64_t count_ = 0;
};

class Scatter final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "ScatterElements") && !is_op(problem, "Scatter") && !is_op(problem, "ScatterND")) return;
    const DType dtype = problem.inputs[0].dtype;
    const int bytes = element_bytes(dtype), op = operation(problem);
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    if (problem.inputs[0].rank() > kMapRank) return answer.decline("rank above 8");
    if (problem.inputs[0].rank() == 0 || problem.inputs[1].rank() == 0) return answer.decline("a scalar");
    if (bytes == 0 || bytes > 8) return answer.decline("elements are not of 1, 2, 4 or 8 bytes");
    const bool joined = is_compute_float(dtype) || dtype == DType::kI32 || dtype == DType::kI64;
    if (op < 0 || (op > 0 && !joined)) return answer.decline(fmt::format("no such reduction of {}", dtype_name(dtype)));
    Offer offer = uniform_offer(problem, Layout::kRowMajor);
    offer.in_place_input = 0;
    if (op == 0) offer.workspace_bytes = product(problem.inputs[0].opt) * static_cast<int64_t>(sizeof(uint32_t));
    answer.offer(std::move(offer));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&,
                                       std::span<const Tensor> blobs) const override {
    const bool joins = operation(problem) > 0;
    SINTER_ASSIGN(Function first, load_code(blobs, joins ? "scatter_join" : "scatter_mark"));
    Function second;
    if (!joins) {
      SINTER_ASSIGN(second, load_code(blobs, "scatter_write"));
    }
    return std::unique_ptr<Kernel>(std::make_unique<ScatterKernel>(std::move(first), std::move(second), problem));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    constexpr const char* kUnits[] = {"", "u8", "u16", "", "u32", "", "", "", "u64"};
    const int op = operation(problem);
    const std::string_view type = op > 0 ? device_type(problem.inputs[0].dtype) : kUnits[element_bytes(problem.inputs[0].dtype)];
    return Source{"scatter.cu",
                  {fmt::format("TYPE={}", type), fmt::format("INDEX={}", device_type(problem.inputs[1].dtype)), fmt::format("OP={}", op)},
                  ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(scatter, Scatter)

}  // namespace sinter::cuda
