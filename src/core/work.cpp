#include "core/work.h"

#include <algorithm>

namespace sinter {
namespace {

// Arithmetic of one element; the exact number depends on the kernel, and none of these is ever bound by it alone.
constexpr double kSoftmaxOps = 5, kNormOps = 8, kResizeOps = 8;

double count_of(const Dims& dims) {
  double count = 1;
  for (const int64_t dim : dims) count *= static_cast<double>(dim);
  return count;
}

class Counter {
 public:
  Counter(const Problem& problem, const std::vector<Dims>& inputs, const std::vector<Dims>& outputs)
      : problem_(problem), inputs_(inputs), outputs_(outputs) {}

  Work count() {
    add_operations();
    if (problem_.has_epilogue()) work_.other_ops += program_ops(problem_.epilogue) * out();
    for (size_t i = 0; i < problem_.inputs.size(); ++i) {
      const TensorDesc& desc = problem_.inputs[i];
      if (desc.present && i < inputs_.size()) work_.bytes += bytes(desc.dtype, read_count(i));
    }
    for (size_t i = 0; i < problem_.outputs.size(); ++i) {
      const TensorDesc& desc = problem_.outputs[i];
      if (desc.present && i < outputs_.size()) work_.bytes += bytes(desc.dtype, count_of(outputs_[i]));
    }
    return work_;
  }

 private:
  bool is(std::string_view op) const { return problem_.op == op && problem_.domain.empty(); }
  bool is_one_of(std::initializer_list<std::string_view> ops) const {
    return (problem_.domain.empty() || problem_.domain == "sinter") && std::find(ops.begin(), ops.end(), problem_.op) != ops.end();
  }
  bool has(size_t i) const { return i < inputs_.size() && i < problem_.inputs.size() && problem_.inputs[i].present; }
  double in(size_t i) const { return has(i) ? count_of(inputs_[i]) : 0; }
  double out() const { return outputs_.empty() ? 0 : count_of(outputs_[0]); }
  static int64_t bytes(DType dtype, double count) { return static_cast<int64_t>(count * dtype_bits(dtype) / 8); }
  static double program_ops(const PointwiseProgram& program) {
    const auto is_work = [](const PointwiseInstruction& instruction) { return instruction.op != PointwiseOp::kConst; };
    return static_cast<double>(std::count_if(program.code.begin(), program.code.end(), is_work));
  }

  // Operators that pick or step over elements need not read the others.
  double read_count(size_t i) const {
    const double all = in(i);
    if (i == 0 && is_one_of({"Gather", "GatherElements", "GatherND", "Slice", "Split"})) {
      double made = 0;
      for (const Dims& dims : outputs_) made += count_of(dims);
      return std::min(all, made);
    }
    if (i == 0 && is_one_of({"Conv", "QLinearConv", "ConvInteger", "QuantizedConv"}) && has(1) && inputs_[0].size() > 2) {
      const std::vector<int64_t> strides = problem_.attributes.ints_or("strides", {});
      const Dims& filter = inputs_[is("QLinearConv") && has(3) ? 3 : 1];
      double share = 1;
      for (size_t axis = 2; axis < filter.size() && axis - 2 < strides.size(); ++axis) {
        share *= std::min(1.0, static_cast<double>(filter[axis]) / static_cast<double>(std::max<int64_t>(strides[axis - 2], 1)));
      }
      return all * share;
    }
    return all;
  }

  void add_convolution(size_t weight) {
    if (!has(weight) || inputs_[weight].size() < 2 || inputs_[0].size() < 2) return;
    const Dims& filter = inputs_[weight];
    const double taps = count_of({filter.begin() + 1, filter.end()});
    const double ops = 2 * taps * (is("ConvTranspose") ? in(0) : out());
    const bool depthwise = filter[1] == 1 && inputs_[0][1] > 1;
    (depthwise ? work_.other_ops : work_.dense_ops) += ops;
  }

  void add_attention() {
    if (!has(1) || !has(2) || inputs_[1].size() < 3) return;
    const auto keys = static_cast<double>(inputs_[1][inputs_[1].size() - 2]);
    const double past = has(4) && inputs_[4].size() >= 2 ? static_cast<double>(inputs_[4][inputs_[4].size() - 2]) : 0;
    const double seen = problem_.attributes.i_or("is_causal", 0) != 0 ? 0.5 * keys + past : keys + past;
    work_.dense_ops += 2 * seen * (in(0) + out());
  }

  void add_recurrent() {
    if (!has(1) || !has(2) || inputs_[0].size() != 3) return;
    const double steps = static_cast<double>(inputs_[0][0]) * static_cast<double>(inputs_[0][1]);
    work_.dense_ops += 2 * steps * (in(1) + in(2));
  }

  void add_operations() {
    if (is_one_of({"Conv", "ConvTranspose", "ConvInteger", "DeformConv", "QuantizedConv"})) {
      add_convolution(1);
    } else if (is("QLinearConv")) {
      add_convolution(3);
    } else if (is_one_of({"MatMul", "MatMulInteger", "QLinearMatMul", "QuantizedMatMul"})) {
      if (has(0) && !inputs_[0].empty()) work_.dense_ops += 2 * out() * static_cast<double>(inputs_[0].back());
    } else if (is("Gemm")) {
      if (has(0) && inputs_[0].size() == 2) work_.dense_ops += 2 * out() * static_cast<double>(inputs_[0][problem_.attributes.i_or("transA", 0) ? 0 : 1]);
    } else if (is("Attention")) {
      add_attention();
    } else if (is_one_of({"LSTM", "GRU", "RNN"})) {
      add_recurrent();
    } else {
      add_other();
    }
  }

  void add_other() {
    const std::string& op = problem_.op;
    if (problem_.domain == "sinter" && op == "Pointwise") {
      const std::string* text = problem_.attributes.find_as<std::string>("program");
      const auto program = text ? PointwiseProgram::parse(*text) : Result<PointwiseProgram>(PointwiseProgram());
      if (program.ok()) work_.other_ops += program_ops(*program) * out();
    } else if (is_one_of({"Softmax", "LogSoftmax"})) {
      work_.other_ops += kSoftmaxOps * out();
    } else if (op.find("Normalization") != std::string::npos || is("LRN")) {
      work_.other_ops += kNormOps * out();
    } else if (is_one_of({"MaxPool", "AveragePool", "LpPool"})) {
      double window = 1;
      for (const int64_t size : problem_.attributes.ints_or("kernel_shape", {})) window *= static_cast<double>(size);
      work_.other_ops += window * out();
    } else if (op.rfind("Reduce", 0) == 0 || op.rfind("Global", 0) == 0 || op.rfind("Arg", 0) == 0) {
      work_.other_ops += in(0);
    } else if (is("Resize")) {
      if (problem_.attributes.s_or("mode", "") != "nearest") work_.other_ops += kResizeOps * out();
    } else if (is_one_of({"Add", "Sub", "Mul", "Div", "Pow", "Relu", "Sigmoid", "Tanh", "Exp", "Sqrt", "Erf", "Clip", "Where", "Min", "Max"})) {
      work_.other_ops += out();
    }
  }

  const Problem& problem_;
  const std::vector<Dims>&inputs_, &outputs_;
  Work work_;
};

}  // namespace

Work work_of(const Problem& problem, const std::vector<Dims>& inputs, const std::vector<Dims>& outputs) {
  return Counter(problem, inputs, outputs).count();
}

Work work_of(const Problem& problem) {
  std::vector<Dims> inputs, outputs;
  for (const TensorDesc& desc : problem.inputs) inputs.push_back(desc.opt);
  for (const TensorDesc& desc : problem.outputs) outputs.push_back(desc.opt);
  return work_of(problem, inputs, outputs);
}

std::string_view dense_type(const Problem& problem) {
  for (const TensorDesc& desc : problem.inputs) {
    if (!desc.present) continue;
    switch (desc.dtype) {
      case DType::kF16: return "f16";
      case DType::kBF16: return "bf16";
      case DType::kF64: return "f64";
      case DType::kI8:
      case DType::kU8: return "i8";
      default: return problem.on_cuda() && problem.precision.tf32 ? "tf32" : "f32";
    }
  }
  return "f32";
}

}  // namespace sinter
