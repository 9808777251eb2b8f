// cuda.cublaslt_matmul: MatMul and Gemm by cuBLASLt, when --tacticSources asks for it: f32 (with and without TF32), f16 and bf16, one stride between
// batches; a bias a column, an addend of the result's shape, and relu or tanh's gelu as its epilogue. The algorithm is chosen by the library's
// heuristics in query and stored in the configuration: "v130100 a0000…", the library's version and its 64 bytes of an algorithm.
#include <algorithm>
#include <cstdlib>

#include "cuda/cuda_tactic.h"
#include "cuda/library_api.h"
#include "cuda/matmul_geometry.h"
#include "tactic/arithmetic.h"

namespace sinter::cuda {
namespace {

constexpr int kOffers = 4;
constexpr uint64_t kWorkspace = 32 << 20;
constexpr uint32_t kAlignment = 16;

// What of bias and epilogue the library can do.
struct Epilogue {
  int bias = -1, addend = -1;  // inputs
  bool bias_packed = false;    // a constant f32 bias of a narrower result: blob 0 is the bias in the result's type
  int activation = 0;          // kLtEpilogueRelu, kLtEpilogueGelu, 0
  float alpha = 1, beta = 1;   // of the product; of the addend
};

struct Form {
  Epilogue epilogue;
  int type = 0, out = 0, compute = kLtCompute32;
  bool a_transposed = false, b_transposed = false;
  int64_t m = 1, n = 1, k = 1, batch = 1, a_step = 0, b_step = 0;
};

int lt_type(DType dtype) { return dtype == DType::kF32 ? kLtF32 : dtype == DType::kF16 ? kLtF16 : kLtBF16; }

Status unsupported(std::string reason) { return Status(Code::kUnsupported, std::move(reason)); }

// An operand that is added: a vector of one value a column, or all of the result.
Status take_addend(const Problem& problem, int input, Epilogue& epilogue) {
  const TensorDesc &desc = problem.inputs[static_cast<size_t>(input)], &out = problem.outputs[0];
  const bool same_type = desc.dtype == out.dtype;
  if (same_type && desc.shape == out.shape && epilogue.addend < 0) {
    epilogue.addend = input;
    return ok_status();
  }
  const bool packs = desc.constant && desc.is_static() && desc.dtype == DType::kF32;
  if (!same_type && !packs) return unsupported("an addend of another type than the result's");
  bool column = !desc.shape.empty() && !out.shape.empty() && desc.shape.back() == out.shape.back();
  for (size_t i = 0; i + 1 < desc.shape.size(); ++i) column &= desc.shape[i].is(1);
  if (!column || epilogue.bias >= 0) return unsupported(fmt::format("an addend of shape {}", to_string(desc.shape)));
  epilogue.bias = input;
  epilogue.bias_packed = !same_type;
  return ok_status();
}

Status read_program(const Problem& problem, Epilogue& epilogue) {
  const PointwiseProgram& program = problem.epilogue;
  int value = 0;  // the operand that the result is so far
  for (size_t i = 0; i < program.code.size(); ++i) {
    const PointwiseInstruction& step = program.code[i];
    const int arity = pointwise_op_arity(step.op), place = step.args[0] == value ? 0 : 1;
    if (arity < 1 || step.args[static_cast<size_t>(place)] != value || epilogue.activation != 0) return unsupported("an epilogue that it has not");
    const int other = arity == 2 ? step.args[static_cast<size_t>(1 - place)] : -1;
    if (step.op == PointwiseOp::kAdd && other > 0 && other < program.inputs) {
      SINTER_TRY(take_addend(problem, problem.epilogue_base + other - 1, epilogue));
    } else if (step.op == PointwiseOp::kRelu) {
      epilogue.activation = kLtEpilogueRelu;
    } else if (step.op == PointwiseOp::kGeluTanh) {
      epilogue.activation = kLtEpilogueGelu;
    } else {
      return unsupported(fmt::format("'{}' in the epilogue", pointwise_op_name(step.op)));
    }
    value = program.inputs + static_cast<int>(i);
  }
  if (program.outputs.size() != 1 || program.outputs[0] != value) return unsupported("an epilogue with several results");
  return ok_status();
}

Result<Epilogue> epilogue_of(const Problem& problem) {
  Epilogue epilogue;
  if (problem.op == "Gemm") {
    epilogue.alpha = problem.attributes.f_or("alpha", 1);
    const float beta = problem.attributes.f_or("beta", 1);
    if (problem.op_input_count() > 2 && problem.inputs[2].present && beta != 0) {
      SINTER_TRY(take_addend(problem, 2, epilogue));
      if (epilogue.bias >= 0 && beta != 1) return unsupported("a bias that is scaled");
      if (epilogue.addend >= 0) epilogue.beta = beta;
    }
  }
  if (problem.has_epilogue()) SINTER_TRY(read_program(problem, epilogue));
  return epilogue;
}

bool is_static(const Problem& problem) {
  for (const auto* descs : {&problem.inputs, &problem.outputs}) {
    for (const TensorDesc& desc : *descs) {
      if (desc.present && !desc.is_static()) return false;
    }
  }
  return true;
}

Result<Form> form_of(const Problem& problem) {
  if (!is_static(problem)) return unsupported("dynamic sizes: an algorithm is chosen for one size");
  Problem plain = problem;  // B as it is, no epilogue
  plain.inputs[1].constant = false;
  plain.inputs.resize(2);
  plain.op = problem.op;
  plain.epilogue_base = -1;
  SINTER_ASSIGN(const MatmulForm matmul, matmul_form(plain));
  SINTER_ASSIGN(const MatmulCall call, matmul_call(matmul, problem.inputs[0].opt, problem.inputs[1].opt, problem.outputs[0].opt));
  if (problem.inputs[1].dtype != problem.inputs[0].dtype) return unsupported("operands of two types");
  Form form;
  SINTER_ASSIGN(form.epilogue, epilogue_of(problem));
  if (!is_compute_float(problem.inputs[0].dtype) || !is_compute_float(problem.outputs[0].dtype)) return unsupported("operands or a result of integers");
  form.type = lt_type(problem.inputs[0].dtype);
  form.out = lt_type(problem.outputs[0].dtype);
  form.compute = matmul.variant.math == DenseMath::kTf32 ? kLtComputeTf32 : kLtCompute32;
  form.a_transposed = matmul.a_transposed;
  form.b_transposed = matmul.b_transposed;
  const auto& p = call.params;
  if (p.m == 0 || p.n == 0 || p.k == 0) return unsupported("an empty product");
  const int64_t inner = p.inner_count, outer = call.z / std::max<int64_t>(inner, 1);
  if (inner > 1 && outer > 1) return unsupported("batches with more than one stride");
  form.m = p.m;
  form.n = p.n;
  form.k = p.k;
  form.batch = call.z;
  form.a_step = outer > 1 ? p.a_outer : p.a_inner;
  form.b_step = outer > 1 ? p.b_outer : p.b_inner;
  return form;
}

// The library's objects for a product; destroyed with it.
class LtProduct {
 public:
  LtProduct() = default;
  LtProduct(const LtProduct&) = delete;
  LtProduct& operator=(const LtProduct&) = delete;
  ~LtProduct() {
    if (!api_) return;
    for (LtObject layout : {a_, b_, c_}) {
      if (layout) api_->LayoutDestroy(layout);
    }
    if (desc_) api_->MatmulDescDestroy(desc_);
  }

  // To the library the result is its transpose, n x m, and so B comes first.
  Status make(const Form& form) {
    SINTER_ASSIGN(api_, cublaslt());
    SINTER_ASSIGN(handle_, cublaslt_handle());
    form_ = form;
    SINTER_TRY(check_cublaslt(api_->MatmulDescCreate(&desc_, form.compute, kLtF32), "cublasLtMatmulDescCreate"));
    SINTER_TRY(set(kLtTransA, int32_t{form.b_transposed}));
    SINTER_TRY(set(kLtTransB, int32_t{form.a_transposed}));
    const int parts = (form.epilogue.bias >= 0 ? kLtEpilogueBias : 0) + form.epilogue.activation;
    SINTER_TRY(set(kLtEpilogue, int32_t{parts == 0 ? kLtEpilogueNone : parts}));
    if (form.epilogue.bias >= 0) SINTER_TRY(set(kLtBiasType, int32_t{form.out}));
    SINTER_TRY(layout(a_, form.type, form.b_transposed ? form.k : form.n, form.b_transposed ? form.n : form.k, form.b_step));
    SINTER_TRY(layout(b_, form.type, form.a_transposed ? form.m : form.k, form.a_transposed ? form.k : form.m, form.a_step));
    return layout(c_, form.out, form.n, form.m, form.n * form.m);
  }

  Result<std::vector<LtFound>> search() const {
    LtObject preference = nullptr;
    SINTER_TRY(check_cublaslt(api_->PreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate"));
    const auto put = [&](int name, const auto& value) { return check_cublaslt(api_->PreferenceSet(preference, name, &value, sizeof value), "cublasLtMatmulPreferenceSetAttribute"); };
    Status status = put(kLtMaxWorkspace, kWorkspace);
    if (status.ok()) status = put(kLtReductions, kLtReduceInFloat);
    for (const int name : {kLtAlignA, kLtAlignB, kLtAlignC, kLtAlignD}) {
      if (status.ok()) status = put(name, kAlignment);
    }
    std::vector<LtFound> found(kOffers);
    int count = 0;
    if (status.ok()) status = check_cublaslt(api_->Heuristic(handle_, desc_, a_, b_, c_, c_, preference, kOffers, found.data(), &count), "cublasLtMatmulAlgoGetHeuristic");
    api_->PreferenceDestroy(preference);
    SINTER_TRY(std::move(status));
    found.resize(static_cast<size_t>(std::clamp(count, 0, kOffers)));
    std::erase_if(found, [](const LtFound& result) { return result.state != 0; });
    return found;
  }

  // The workspace that the algorithm needs for this product.
  Result<int64_t> check_algo(const LtAlgo& algo) const {
    LtFound result;
    const int status = api_->AlgoCheck(handle_, desc_, a_, b_, c_, c_, &algo, &result);
    if (status == 0 && result.state == 0) return static_cast<int64_t>(result.workspace);
    return make_error(Code::kTargetMismatch, "cuBLASLt {} at '{}' does not take the engine's algorithm (status {}); re-tune the engine with 'sinter retune F'", api_->version,
                      api_->path, status != 0 ? status : result.state);
  }

  Status run(const LtAlgo& algo, const LaunchArgs& args, int64_t workspace) {
    const Epilogue& epilogue = form_.epilogue;
    const auto input = [&](int index) { return args.inputs[index]; };
    if (epilogue.bias >= 0) {
      const void* bias = epilogue.bias_packed ? args.blobs[0] : input(epilogue.bias);
      SINTER_TRY(set(kLtBiasPointer, bias));
    }
    const float beta = epilogue.addend >= 0 ? epilogue.beta : 0.0f;
    const void* addend = epilogue.addend >= 0 ? input(epilogue.addend) : args.outputs[0];
    return check_cublaslt(api_->Matmul(handle_, desc_, &epilogue.alpha, input(1), a_, input(0), b_, &beta, addend, c_, args.outputs[0], c_, &algo,
                                       args.workspace, static_cast<size_t>(workspace), static_cast<CUstream>(args.stream)),
                          "cublasLtMatmul");
  }

 private:
  template <typename T>
  Status set(int name, const T& value) {
    return check_cublaslt(api_->MatmulDescSet(desc_, name, &value, sizeof value), "cublasLtMatmulDescSetAttribute");
  }
  Status layout(LtObject& made, int type, int64_t rows, int64_t columns, int64_t step) {
    SINTER_TRY(check_cublaslt(api_->LayoutCreate(&made, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(columns), rows), "cublasLtMatrixLayoutCreate"));
    if (form_.batch == 1) return ok_status();
    const auto count = static_cast<int32_t>(form_.batch);
    SINTER_TRY(check_cublaslt(api_->LayoutSet(made, kLtBatchCount, &count, sizeof count), "cublasLtMatrixLayoutSetAttribute"));
    return check_cublaslt(api_->LayoutSet(made, kLtBatchStride, &step, sizeof step), "cublasLtMatrixLayoutSetAttribute");
  }

  const CublasLtApi* api_ = nullptr;
  LtHandle handle_ = nullptr;
  Form form_;
  LtObject desc_ = nullptr, a_ = nullptr, b_ = nullptr, c_ = nullptr;
};

std::string config_of(int64_t version, const LtAlgo& algo) {
  std::string text = fmt::format("v{} a", version);
  for (const uint64_t word : algo.words) text += fmt::format("{:016x}", word);
  return text;
}

Result<LtAlgo> parse_config(const std::string& text) {
  SINTER_ASSIGN(const CublasLtApi* api, cublaslt());
  const size_t space = text.find(" a");
  LtAlgo algo;
  constexpr size_t kDigits = 16;
  bool good = text.size() > 1 && text[0] == 'v' && space != text.npos && text.size() == space + 2 + kDigits * std::size(algo.words);
  good = good && text.find_first_not_of("0123456789abcdef", space + 2) == text.npos;
  if (!good) return make_error(Code::kInvalidEngine, "cuda.cublaslt_matmul: found configuration '{}', expected a version and an algorithm; the engine is damaged: rebuild it", text);
  const std::string version = text.substr(1, space - 1);
  if (version != std::to_string(api->version)) {
    return make_error(Code::kTargetMismatch, "the engine was built with cuBLASLt {}, found {} at '{}'; re-tune it with 'sinter retune F', or name a library of that version in SINTER_CUBLASLT",
                      version, api->version, api->path);
  }
  for (size_t i = 0; i < std::size(algo.words); ++i) algo.words[i] = std::strtoull(text.substr(space + 2 + i * kDigits, kDigits).c_str(), nullptr, 16);
  return algo;
}

class CublasLtKernel final : public Kernel {
 public:
  CublasLtKernel(Problem problem, const LtAlgo& algo) : problem_(std::move(problem)), algo_(algo) {}
  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    for (size_t i = 0; i < inputs.size(); ++i) problem_.inputs[i].opt = inputs[i];
    for (size_t i = 0; i < outputs.size(); ++i) problem_.outputs[i].opt = outputs[i];
    SINTER_ASSIGN(const Form form, form_of(problem_));
    product_ = std::make_unique<LtProduct>();
    SINTER_TRY(product_->make(form));
    SINTER_ASSIGN(workspace_, product_->check_algo(algo_));
    return workspace_;
  }
  Status launch(const LaunchArgs& args) override { return product_->run(algo_, args, workspace_); }

 private:
  Problem problem_;
  LtAlgo algo_;
  std::unique_ptr<LtProduct> product_;
  int64_t workspace_ = 0;
};

class CublasLtMatmul final : public Tactic, public TypedTactic {
 public:
  CublasLtMatmul(const char* id, int version) : id_(id), version_(version) {}
  std::string_view id() const override { return id_; }
  int version() const override { return version_; }
  DeviceKind device() const override { return DeviceKind::kCuda; }
  Arithmetic arithmetic(const Problem& problem, const Offer&) const override { return matrix_arithmetic(problem); }
  std::string_view source() const override { return "CUBLAS_LT"; }

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "MatMul") && !is_op(problem, "Gemm")) return;
    const Status status = offer_all(problem, answer);
    if (!status.ok()) answer.decline(status.message());
  }

  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer&, std::span<const Tensor> constants) const override {
    SINTER_ASSIGN(const Epilogue epilogue, epilogue_of(problem));
    if (!epilogue.bias_packed) return std::vector<Tensor>();
    return std::vector<Tensor>{constants[static_cast<size_t>(epilogue.bias)].cast(problem.outputs[0].dtype)};
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    if (!is_op(problem, "MatMul") && !is_op(problem, "Gemm")) return make_error(Code::kInvalidEngine, "{} does no {}; the engine is damaged: rebuild it", id_, problem.op);
    if (const Offer plain = uniform_offer(problem, Layout::kRowMajor); offer.input_layouts != plain.input_layouts || offer.output_layouts != plain.output_layouts) {
      return make_error(Code::kInvalidEngine, "{} takes row-major tensors only; the engine is damaged: rebuild it", id_);
    }
    SINTER_ASSIGN(const Form form, form_of(problem));
    const bool packed = form.epilogue.bias_packed;
    if (blobs.size() != (packed ? 1u : 0u) || (packed && (blobs[0].dtype() != problem.outputs[0].dtype || blobs[0].count() != form.n))) {
      return make_error(Code::kInvalidEngine, "{}: found {} blobs, expected {}; the engine is damaged: rebuild it", id_, blobs.size(), packed ? "a bias" : "none");
    }
    SINTER_ASSIGN(const LtAlgo algo, parse_config(offer.config));
    return std::unique_ptr<Kernel>(std::make_unique<CublasLtKernel>(problem, algo));
  }

 private:
  static Status offer_all(const Problem& problem, Answer& answer) {
    SINTER_ASSIGN(const Form form, form_of(problem));
    SINTER_ASSIGN(const CublasLtApi* api, cublaslt());
    SINTER_ASSIGN(Device * device, device_like(problem.device));
    const DeviceScope scope(device);
    SINTER_TRY(Status(scope.status()));
    LtProduct product;
    SINTER_TRY(product.make(form));
    SINTER_ASSIGN(const std::vector<LtFound> found, product.search());
    if (found.empty()) return unsupported("cuBLASLt has no algorithm for it");
    for (const LtFound& result : found) {
      Offer offer = uniform_offer(problem, Layout::kRowMajor, config_of(api->version, result.algo));
      offer.packed_inputs.assign(problem.inputs.size(), false);
      if (form.epilogue.bias_packed) offer.packed_inputs[static_cast<size_t>(form.epilogue.bias)] = true;
      offer.workspace_bytes = static_cast<int64_t>(result.workspace);
      offer.propagates_nan = form.epilogue.activation == 0;  // its relu gives 0
      answer.offer(std::move(offer));
    }
    return ok_status();
  }

  const char* id_;
  int version_;
};

}  // namespace

SINTER_CUDA_TACTIC(cublaslt_matmul, CublasLtMatmul)

}  // namespace sinter::cuda
