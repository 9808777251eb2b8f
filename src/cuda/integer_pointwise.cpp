// Elementwise operators on integers (token ids, positions, masks), and Where on every element of 1, 2, 4 or 8 bytes that cuda.pointwise does
// not compute with: kernels/integer_pointwise.cu. Row-major with broadcasting. Bandwidth-bound.
#include <map>

#include "cuda/broadcast.h"
#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

// As in kernels/integer_pointwise.cu.
struct Integers {
  int64_t count = 0;
  const void* in[3] = {};
  void* out = nullptr;
  Map maps[3];
  int32_t there[3] = {};
  int32_t padding = 0;
};

struct Form {
  std::string kernel, function, type;
  size_t operands = 2;
};

bool computed(DType dtype) { return is_compute_float(dtype) || dtype == DType::kBool; }  // by cuda.pointwise

std::optional<Form> where_form(const Problem& problem) {
  constexpr const char* kUnits[] = {"", "u8", "u16", "", "u32", "", "", "", "u64"};
  const int bytes = problem.inputs.size() == 3 ? element_bytes(problem.inputs[1].dtype) : 0;
  if (bytes == 0 || bytes > 8 || problem.inputs[0].dtype != DType::kBool || computed(problem.inputs[1].dtype)) return std::nullopt;
  return Form{"integer_where", "op_add", kUnits[bytes], 3};
}

std::optional<Form> form_of(const Problem& problem) {
  static const std::map<std::string, std::string, std::less<>> kBinary = {
      {"Add", "add"},   {"Sum", "add"},      {"Sub", "sub"},        {"Mul", "mul"},           {"Div", "div"},
      {"Mod", "mod"},   {"Max", "max"},      {"Min", "min"},        {"BitwiseAnd", "and"},    {"BitwiseOr", "or"},
      {"BitwiseXor", "xor"}, {"Equal", "equal"}, {"Less", "less"}, {"LessOrEqual", "less_equal"}, {"Greater", "greater"},
      {"GreaterOrEqual", "greater_equal"}};
  static const std::map<std::string, std::string, std::less<>> kUnary = {
      {"Neg", "neg"}, {"Abs", "abs"}, {"Sign", "sign"}, {"BitwiseNot", "not"}};
  if (!problem.domain.empty() || problem.inputs.empty()) return std::nullopt;
  if (problem.op == "Where") return where_form(problem);
  const DType dtype = problem.inputs[0].dtype;
  if (!is_integer(dtype) || element_bytes(dtype) == 0) return std::nullopt;
  Form form{"integer_binary", "", std::string(device_type(dtype)), problem.inputs.size()};
  if (problem.op == "Clip") {
    form.kernel = "integer_clip";
    form.function = "op_add";
    return form;
  }
  const auto& table = form.operands == 1 ? kUnary : kBinary;
  const auto found = table.find(problem.op);
  if (found == table.end() || form.operands > 2) return std::nullopt;
  if (form.operands == 2 && problem.inputs[1].dtype != dtype) return std::nullopt;
  const bool truncates = problem.op == "Mod" && problem.attributes.i_or("fmod", 0) != 0;
  form.function = truncates ? "op_remainder" : "op_" + found->second;
  return form;
}

class IntegerKernel final : public Kernel {
 public:
  IntegerKernel(Function function, const Problem& problem) : function_(std::move(function)) {
    for (const TensorDesc& desc : problem.inputs) present_.push_back(desc.present);
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    args_.count = product(outputs[0]);
    for (size_t i = 0; i < inputs.size(); ++i) {
      args_.there[i] = present_[i];
      if (present_[i]) args_.maps[i] = broadcast_map(outputs[0], Layout::kRowMajor, inputs[i], 1);
    }
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    for (size_t i = 0; i < present_.size(); ++i) args_.in[i] = args.inputs[i];
    args_.out = args.outputs[0];
    const Launch how = a_thread_each(args_.count, args.stream);
    return cuda::launch(function_, how, args_);
  }

 private:
  Function function_;
  std::vector<bool> present_;
  Integers args_;
};

class IntegerPointwise final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!form_of(problem)) return;
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    if (problem.outputs[0].rank() > kMapRank) return answer.decline("rank above 8");
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function function, load_code(blobs, form_of(problem)->kernel));
    return std::unique_ptr<Kernel>(std::make_unique<IntegerKernel>(std::move(function), problem));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    const auto form = form_of(problem);
    const DType out = problem.outputs[0].dtype;
    const std::string result = out == DType::kBool ? "u8" : form->type;
    return Source{"integer_pointwise.cu",
                  {fmt::format("TYPE={}", form->type), fmt::format("RESULT={}", result), fmt::format("OP={}", form->function)}, ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(integer_pointwise, IntegerPointwise)

}  // namespace sinter::cuda
