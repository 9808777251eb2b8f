// Pointwise programs: `sinter.Pointwise`, and any ONNX operator that states itself as one (OpDef::pointwise), printed as CUDA source. f32, f16,
// bf16, bool, i8 and u8 storage, computed in f32, row-major and channels-last.
//
// The result's memory is one flat range in 16-byte vectors. Operands of its shape lie in its layout and are read at the same place;
// single values are read once a thread; others are row-major and broadcast through a Map.
#include <algorithm>
#include <cstring>

#include "core/op_def.h"
#include "cuda/broadcast.h"
#include "cuda/cuda_tactic.h"
#include "cuda/pointwise_source.h"

namespace sinter::cuda {
namespace {

constexpr int kThreads = 256, kMaxOperands = 24;

enum class Access : uint8_t { kFull, kSingle, kMapped };

struct Operand {
  DType dtype;
  Access access;
};

struct Form {
  PointwiseProgram program;
  std::vector<Operand> inputs;
  std::vector<DType> outputs;
  int vector = 4, maps = 0;
};

bool stored(DType dtype) { return is_compute_float(dtype) || dtype == DType::kBool || is_byte(dtype); }

Result<PointwiseProgram> program_of(const Problem& problem) {
  if (is_op(problem, "Pointwise", "sinter")) {
    const auto* text = problem.attributes.find_as<std::string>("program");
    if (!text) return make_error(Code::kInvalidArgument, "sinter.Pointwise without attribute 'program'");
    return PointwiseProgram::parse(*text);
  }
  const OpDef* op = find_op(problem.domain, problem.op);
  PointwiseProgram program;
  const int inputs = problem.op_input_count();
  program.inputs = inputs;
  if (!op || !op->pointwise || !op->pointwise(problem.attributes, inputs, program)) {
    return make_error(Code::kUnsupported, "operator '{}' has no pointwise form", problem.op);
  }
  return program;
}

bool is_full(const TensorDesc& desc, const TensorDesc& out) { return desc.shape == out.shape && !product(desc.shape).is(1); }

Result<Form> form_of(const Problem& problem) {
  Form form;
  SINTER_ASSIGN(form.program, program_of(problem));
  int widest = 1;
  const TensorDesc& out = problem.outputs[0];
  for (const TensorDesc& desc : problem.inputs) {
    const bool full = is_full(desc, out), single = product(desc.shape).is(1);
    form.inputs.push_back({desc.dtype, single ? Access::kSingle : full ? Access::kFull : Access::kMapped});
    form.maps += !single && !full;
    if (full) widest = std::max(widest, element_bytes(desc.dtype));
  }
  for (const TensorDesc& desc : problem.outputs) {
    form.outputs.push_back(desc.dtype);
    widest = std::max(widest, element_bytes(desc.dtype));
  }
  // A kernel with bytes at one end has its hands full with conversions: sixteen of them, eight of bool.
  const auto bytes = [](const TensorDesc& desc) { return is_byte(desc.dtype); };
  form.vector = std::min(16 / widest, std::all_of(problem.outputs.begin(), problem.outputs.end(), bytes) ? 16 : 8);
  form.program.outputs.resize(problem.outputs.size());
  return form;
}

std::string generate(const Form& form) {
  PointwiseProgram program = form.program;
  std::string text = fmt::format("#define PW_VECTOR {}\n", form.vector), rounds;
  for (size_t o = 0; o < form.outputs.size(); ++o) {
    if (is_byte(form.outputs[o])) rounds += round_source(program, o, form.outputs[o], fmt::format("Round{}", o));
  }
  text += program_source(program, "pw_program") + rounds;
  const size_t ins = std::max<size_t>(form.inputs.size(), 1);
  text += fmt::format("struct PointwiseArgs {{\n  i64 count;\n  void* out[{}];\n  const void* in[{}];\n  Map maps[{}];\n}};\n", form.outputs.size(), ins,
                      std::max(form.maps, 1));
  text += "SINTER_DEVICE void pw_vector(const PointwiseArgs& args, i64 i, int n) {\n";
  int map = 0;
  for (size_t k = 0; k < form.inputs.size(); ++k) {
    const std::string_view type = device_type(form.inputs[k].dtype);
    text += fmt::format("  f32 x{}[PW_VECTOR];\n", k);
    switch (form.inputs[k].access) {
      case Access::kFull: text += fmt::format("  load_full<{}, PW_VECTOR>(x{}, args.in[{}], i, n);\n", type, k, k); break;
      case Access::kSingle: text += fmt::format("  load_single<{}, PW_VECTOR>(x{}, args.in[{}]);\n", type, k, k); break;
      case Access::kMapped:
        text += fmt::format("  load_map<{}, PW_VECTOR>(x{}, args.in[{}], args.maps[{}], i, n);\n", type, k, k, map++);
        break;
    }
  }
  for (size_t o = 0; o < form.outputs.size(); ++o) text += fmt::format("  f32 y{}[PW_VECTOR];\n", o);
  text += fmt::format("#pragma unroll\n  for (int k = 0; k < PW_VECTOR; ++k) {{\n    f32 x[{}], y[{}];\n", ins, form.outputs.size());
  if (form.inputs.empty()) text += "    x[0] = 0.0f;\n";
  for (size_t k = 0; k < form.inputs.size(); ++k) text += fmt::format("    x[{0}] = x{0}[k];\n", k);
  text += "    pw_program(x, y);\n";
  for (size_t o = 0; o < form.outputs.size(); ++o) text += fmt::format("    y{0}[k] = y[{0}];\n", o);
  text += "  }\n";
  for (size_t o = 0; o < form.outputs.size(); ++o) {
    const std::string round = is_byte(form.outputs[o]) ? fmt::format(", Round{}", o) : "";
    text += fmt::format("  store_full<{}, PW_VECTOR{}>(args.out[{}], y{}, i, n);\n", device_type(form.outputs[o]), round, o, o);
  }
  return text + "}\n";
}

class PointwiseKernel final : public Kernel {
 public:
  PointwiseKernel(Function function, Form form, Layout layout) : function_(std::move(function)), form_(std::move(form)), layout_(layout) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    count_ = product(outputs[0]);
    outs_ = sizeof(int64_t);
    ins_ = outs_ + form_.outputs.size() * sizeof(void*);
    size_t at = ins_ + std::max<size_t>(form_.inputs.size(), 1) * sizeof(void*);
    args_.assign(at + static_cast<size_t>(std::max(form_.maps, 1)) * sizeof(Map), 0);
    std::memcpy(args_.data(), &count_, sizeof count_);
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (form_.inputs[i].access != Access::kMapped) continue;
      const Map map = broadcast_map(outputs[0], layout_, inputs[i], form_.vector);
      std::memcpy(args_.data() + at, &map, sizeof map);
      at += sizeof map;
    }
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    std::memcpy(args_.data() + outs_, args.outputs, form_.outputs.size() * sizeof(void*));
    if (!form_.inputs.empty()) std::memcpy(args_.data() + ins_, args.inputs, form_.inputs.size() * sizeof(void*));
    Launch how;
    how.grid.x = ceil_quotient(ceil_quotient(count_, form_.vector), kThreads);
    how.threads = kThreads;
    how.stream = args.stream;
    void* pointers[] = {args_.data()};
    return launch_raw(function_, how, pointers);
  }

 private:
  Function function_;
  Form form_;
  Layout layout_;
  int64_t count_ = 0;
  size_t outs_ = 0, ins_ = 0;
  std::vector<char> args_;
};

std::string unsuitable(const Problem& problem, const PointwiseProgram& program) {
  if (problem.has_epilogue()) return "an epilogue on a pointwise program";
  if (problem.inputs.size() + problem.outputs.size() > kMaxOperands) return "too many operands";
  if (program.inputs != static_cast<int>(problem.inputs.size()) || program.outputs.size() < problem.outputs.size()) return "operand counts differ";
  if (problem.outputs[0].rank() > kMapRank) return fmt::format("rank {} > {}", problem.outputs[0].rank(), kMapRank);
  for (const TensorDesc& desc : problem.inputs) {
    if (!desc.present) return "an operand is absent";
    if (!stored(desc.dtype)) return fmt::format("element type {} is not f32, f16, bf16, bool, i8 or u8", dtype_name(desc.dtype));
    if (desc.rank() > problem.outputs[0].rank()) return "an operand has a higher rank than the result";
  }
  for (const TensorDesc& desc : problem.outputs) {
    if (!desc.present || desc.shape != problem.outputs[0].shape) return "outputs of different shapes";
    if (!stored(desc.dtype)) return fmt::format("element type {} is not f32, f16, bf16, bool, i8 or u8", dtype_name(desc.dtype));
  }
  return "";
}

class Pointwise final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (problem.outputs.empty()) return;
    const Result<PointwiseProgram> program = program_of(problem);
    if (!program.ok()) return;
    const std::string reason = unsuitable(problem, *program);
    if (!reason.empty()) return answer.decline(reason);
    const TensorDesc& out = problem.outputs[0];
    for (Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
      if (layout != Layout::kRowMajor && out.rank() < 3) continue;
      Offer offer = uniform_offer(problem, layout);
      bool any_full = false;
      for (size_t i = 0; i < problem.inputs.size(); ++i) {
        if (!is_full(problem.inputs[i], out)) {
          offer.input_layouts[i] = Layout::kRowMajor;
          continue;
        }
        any_full = true;
        if (offer.in_place_input < 0 && problem.inputs[i].dtype == out.dtype) offer.in_place_input = static_cast<int>(i);
      }
      if (layout == Layout::kRowMajor || any_full) answer.offer(std::move(offer));
    }
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Form form, form_of(problem));
    SINTER_ASSIGN(Function function, load_code(blobs, "pointwise"));
    return std::unique_ptr<Kernel>(std::make_unique<PointwiseKernel>(std::move(function), std::move(form), offer.output_layouts[0]));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    SINTER_ASSIGN(const Form form, form_of(problem));
    Source source{"pointwise.cu", {}, generate(form)};
    const bool half = std::all_of(form.outputs.begin(), form.outputs.end(), [](DType dtype) { return element_bytes(dtype) == 2 || is_byte(dtype); });
    if (half) source.defines.push_back("SINTER_HALF_RESULT=1");
    return source;
  }
};

}  // namespace

SINTER_CUDA_TACTIC(pointwise, Pointwise)

}  // namespace sinter::cuda
