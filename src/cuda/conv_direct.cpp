// Conv as its definition says, one to three spatial axes, any groups; f32, f16 and bf16; row-major. It exists for what the other kernels decline:
// filters longer than 15 (patches of vision transformers, Fourier transforms as convolutions), three spatial axes, weights that are not
// constant. Bound by its loads.
#include <algorithm>
#include <cstring>

#include "core/window.h"
#include "cuda/broadcast.h"
#include "cuda/cuda_tactic.h"
#include "cuda/pointwise_source.h"

namespace sinter::cuda {
namespace {

constexpr int64_t kLongFilter = 15;  // longer ones are not for conv_dense

// As in kernels/conv_direct.cu.
struct ConvArgs {
  int64_t count = 0, out_channels = 0, group_outputs = 1, group_channels = 1, channels = 0;
  int64_t size[3] = {1, 1, 1}, in_size[3] = {1, 1, 1};
  int32_t kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, dilation[3] = {1, 1, 1}, pad[3] = {};
};

size_t operands_of(const Problem& problem) {
  return problem.has_epilogue() ? problem.inputs.size() - static_cast<size_t>(problem.epilogue_base) : 0;
}

std::string generate(const Problem& problem) {
  const size_t operands = operands_of(problem), room = std::max<size_t>(operands, 1);
  std::string text = fmt::format("struct EpilogueArgs {{\n  const void* in[{}];\n  Map maps[{}];\n}};\n", room, room);
  if (!problem.has_epilogue()) return text + "SINTER_DEVICE f32 conv_end(const EpilogueArgs&, f32 value, i64) { return value; }\n";
  PointwiseProgram program = problem.epilogue;
  program.outputs.resize(1);
  text += program_source(program, "conv_program");
  text += fmt::format("SINTER_DEVICE f32 conv_end(const EpilogueArgs& args, f32 value, i64 i) {{\n  f32 x[{}], y[1];\n  x[0] = value;\n", operands + 1);
  for (size_t k = 0; k < operands; ++k) {
    const DType dtype = problem.inputs[static_cast<size_t>(problem.epilogue_base) + k].dtype;
    text += fmt::format("  x[{}] = to_f32(((const {}*)args.in[{}])[map_offset(args.maps[{}], i)]);\n", k + 1, device_type(dtype), k, k);
  }
  return text + "  conv_program(x, y);\n  return y[0];\n}\n";
}

class ConvDirectKernel final : public Kernel {
 public:
  ConvDirectKernel(Function function, Problem problem) : function_(std::move(function)), problem_(std::move(problem)) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    const Dims &in = inputs[0], &weights = inputs[1], &out = outputs[0];
    SINTER_ASSIGN(const Window window, resolve_window(problem_, in, out, Dims(weights.begin() + 2, weights.end())));
    args_ = ConvArgs();
    args_.count = product(out);
    args_.channels = in[1];
    args_.out_channels = out[1];
    args_.group_channels = weights[1];
    args_.group_outputs = std::max<int64_t>(out[1] / std::max<int64_t>(window.groups, 1), 1);
    const size_t spatial = in.size() - 2, first = 3 - spatial;
    for (size_t d = 0; d < spatial; ++d) {
      args_.size[first + d] = out[2 + d];
      args_.in_size[first + d] = in[2 + d];
      args_.kernel[first + d] = static_cast<int32_t>(window.kernel[d]);
      args_.stride[first + d] = static_cast<int32_t>(window.stride[d]);
      args_.dilation[first + d] = static_cast<int32_t>(window.dilation[d]);
      args_.pad[first + d] = static_cast<int32_t>(window.pad_begin[d]);
    }
    const size_t operands = operands_of(problem_), room = std::max<size_t>(operands, 1);
    epilogue_.assign(room * (sizeof(void*) + sizeof(Map)), 0);
    for (size_t k = 0; k < operands; ++k) {
      const Map map = broadcast_map(out, Layout::kRowMajor, inputs[static_cast<size_t>(problem_.epilogue_base) + k], 1);
      std::memcpy(epilogue_.data() + room * sizeof(void*) + k * sizeof(Map), &map, sizeof map);
    }
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const size_t operands = operands_of(problem_);
    if (operands > 0) std::memcpy(epilogue_.data(), args.inputs + problem_.epilogue_base, operands * sizeof(void*));
    const void* bias = problem_.op_input_count() > 2 ? args.inputs[2] : nullptr;
    const Launch how = a_thread_each(args_.count, args.stream);
    const void *x = args.inputs[0], *w = args.inputs[1];
    void* to = args.outputs[0];
    void* pointers[] = {&x, &w, &bias, &to, &args_, epilogue_.data()};
    return launch_raw(function_, how, pointers);
  }

 private:
  Function function_;
  Problem problem_;
  ConvArgs args_;
  std::vector<char> epilogue_;
};

std::string unsuitable(const Problem& problem) {
  const TensorDesc &x = problem.inputs[0], &w = problem.inputs[1];
  if (!is_compute_float(x.dtype)) return "not f32, f16 or bf16";
  if (x.rank() < 3 || x.rank() > 5) return "not one to three spatial axes";
  for (int i = 0; i < problem.op_input_count(); ++i) {
    const TensorDesc& desc = problem.inputs[static_cast<size_t>(i)];
    if (desc.present && desc.dtype != x.dtype) return "operands of different element types";
  }
  if (problem.outputs[0].dtype != x.dtype) return "a result of another element type";
  for (size_t i = static_cast<size_t>(problem.op_input_count()); i < problem.inputs.size(); ++i) {
    const TensorDesc& desc = problem.inputs[i];
    if (!desc.present || (!is_compute_float(desc.dtype) && desc.dtype != DType::kBool)) return "an epilogue operand that is no float";
    if (desc.rank() > problem.outputs[0].rank()) return "an epilogue operand of a higher rank";
  }
  const Dims& filter = w.opt;
  const bool is_long = std::any_of(filter.begin() + 2, filter.end(), [](int64_t size) { return size > kLongFilter; });
  if (!is_long && x.rank() < 5 && w.constant) return "the other kernels take filters up to 15";
  return "";
}

class ConvDirect final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Conv")) return;
    const std::string reason = unsuitable(problem);
    if (!reason.empty()) return answer.decline(reason);
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function function, load_code(blobs, "conv_direct"));
    return std::unique_ptr<Kernel>(std::make_unique<ConvDirectKernel>(std::move(function), problem));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    return Source{"conv_direct.cu", {fmt::format("TYPE={}", device_type(problem.inputs[0].dtype))}, generate(problem)};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(conv_direct, ConvDirect)

}  // namespace sinter::cuda
