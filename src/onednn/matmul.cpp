// onednn.matmul: MatMul (batched, broadcast) and Gemm in f32 with bias and epilogue as post-ops. Row-major data; a constant right
// operand is packed as the primitive wants it.
#include "onednn/common.h"
#include "onednn/tactics.h"

namespace sinter::onednn {
namespace {

using dnnl::memory;

// Gemm and MatMul as one: logical dims and strides of both operands after transposition and batch alignment.
struct Geometry {
  memory::dims left, right, output, left_strides, right_strides;
  memory::dims bias;  // {}: none
};

memory::dims dense_strides(const memory::dims& dims) {
  memory::dims strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

void transpose_last(memory::dims& dims, memory::dims& strides) {
  std::swap(dims[dims.size() - 1], dims[dims.size() - 2]);
  std::swap(strides[strides.size() - 1], strides[strides.size() - 2]);
}

Result<Geometry> geometry_of(const Problem& problem, const std::vector<Dims>& inputs, const Dims& output) {
  Geometry g;
  const bool gemm = problem.op == "Gemm";
  if (inputs[0].size() < 2 || inputs[1].size() < 2 || output.size() > 5) {
    return make_error(Code::kUnsupported, "operands {} and {}: takes rank 2 to 5", to_string(inputs[0]), to_string(inputs[1]));
  }
  auto padded = [&](const Dims& dims) {
    memory::dims result(output.size() - dims.size(), 1);
    result.insert(result.end(), dims.begin(), dims.end());
    return result;
  };
  g.left = padded(inputs[0]);
  g.right = padded(inputs[1]);
  g.output = memory::dims(output.begin(), output.end());
  g.left_strides = dense_strides(g.left);
  g.right_strides = dense_strides(g.right);
  if (gemm && problem.attributes.i_or("transA", 0)) transpose_last(g.left, g.left_strides);
  if (gemm && problem.attributes.i_or("transB", 0)) transpose_last(g.right, g.right_strides);
  const bool bias = gemm && problem.op_input_count() > 2 && problem.inputs[2].present;
  if (bias) g.bias = padded(inputs[2]);
  return g;
}

struct Descriptor {
  Geometry geometry;
  memory::desc source, right, plain_right, target, bias, scratchpad;
  std::string implementation;
  dnnl::primitive primitive;
  PostOps post_ops;
};

Result<Descriptor> describe(const Problem& problem, const std::vector<Dims>& inputs, const Dims& output, bool pack_right) {
  SINTER_ASSIGN(Geometry geometry, geometry_of(problem, inputs, output));
  return guarded("matmul", [&]() -> Result<Descriptor> {
    Descriptor d;
    d.geometry = std::move(geometry);
    const auto f32 = memory::data_type::f32;
    SINTER_ASSIGN(d.post_ops, make_post_ops(problem, inputs, output, Layout::kRowMajor));
    d.source = memory::desc(d.geometry.left, f32, d.geometry.left_strides);
    d.plain_right = memory::desc(d.geometry.right, f32, d.geometry.right_strides);
    d.target = memory::desc(d.geometry.output, f32, dense_strides(d.geometry.output));
    d.right = pack_right ? memory::desc(d.geometry.right, f32, memory::format_tag::any) : d.plain_right;
    if (!d.geometry.bias.empty()) d.bias = memory::desc(d.geometry.bias, f32, dense_strides(d.geometry.bias));
    const dnnl::matmul::desc desc(d.source, d.right, d.bias, d.target);
    const dnnl::matmul::primitive_desc pd(desc, d.post_ops.attr, cpu_engine());
    d.right = pd.weights_desc();
    d.scratchpad = pd.scratchpad_desc();
    d.implementation = pd.impl_info_str();
    d.primitive = dnnl::matmul(pd);
    return d;
  });
}

class MatmulKernel final : public Kernel {
 public:
  MatmulKernel(const Problem& problem, bool packed, std::span<const Tensor> blobs) : problem_(problem), packed_(packed) {
    if (packed && !blobs.empty()) weights_ = blobs[0];
    if (blobs.size() > 1) bias_ = blobs[1];
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    const ThreadScope scope(threads);
    const std::vector<Dims> dims(inputs.begin(), inputs.end());
    SINTER_ASSIGN(const Descriptor d, describe(problem_, dims, outputs[0], packed_));
    if (packed_ && weights_.bytes() != static_cast<int64_t>(d.right.get_size())) {
      return make_error(Code::kTargetMismatch, "oneDNN {} packs these weights in {} bytes, the engine holds {}; rebuild with: sinter retune",
                        library_version(), d.right.get_size(), weights_.bytes());
    }
    runner_.reset(d.primitive, static_cast<int64_t>(d.scratchpad.get_size()), d.scratchpad);
    runner_.bind_input(DNNL_ARG_SRC, d.source, 0);
    if (packed_) runner_.bind_fixed(DNNL_ARG_WEIGHTS, d.right, weights_.raw());
    else runner_.bind_input(DNNL_ARG_WEIGHTS, d.right, 1);
    if (bias_.defined()) runner_.bind_fixed(DNNL_ARG_BIAS, d.bias, bias_.raw());
    runner_.bind_output(DNNL_ARG_DST, d.target, 0);
    for (const PostOps::Operand& operand : d.post_ops.operands) runner_.bind_input(operand.argument, operand.desc, operand.problem_input);
    return runner_.workspace_bytes();
  }

  Status launch(const LaunchArgs& args) override { return runner_.launch(args); }

 private:
  Problem problem_;
  bool packed_;
  Tensor weights_, bias_;
  PrimitiveRunner runner_;
};

std::string unsuitable(const Problem& problem) {
  if (!isa_includes(problem.isa, Isa::kAvx2)) return "needs avx2";
  for (const TensorDesc& tensor : problem.inputs) {
    if (tensor.present && tensor.dtype != DType::kF32) return fmt::format("input is {}, takes f32", dtype_name(tensor.dtype));
  }
  if (product(problem.outputs[0].opt) == 0 || product(problem.inputs[0].opt) == 0) return "empty tensor";
  if (problem.op != "Gemm") return "";
  const bool bias = problem.op_input_count() > 2 && problem.inputs[2].present;
  if (bias && !problem.inputs[2].constant) return "bias is not constant";
  if (problem.attributes.f_or("alpha", 1) != 1 || (bias && problem.attributes.f_or("beta", 1) != 1)) return "alpha or beta is not 1";
  return "";
}

class Matmul final : public Tactic {
 public:
  std::string_view id() const override { return "onednn.matmul"; }
  int version() const override { return 2; }

  void query(const Problem& problem, Answer& answer) const override {
    const ThreadScope scope(problem.threads);
    if (!problem.domain.empty() || (problem.op != "MatMul" && problem.op != "Gemm")) return;
    if (const std::string reason = unsuitable(problem); !reason.empty()) return answer.decline(reason);
    std::vector<Dims> inputs;
    for (const TensorDesc& input : problem.inputs) inputs.push_back(input.opt);
    // oneDNN's packed format follows the batch size m, so packed weights serve one shape only.
    const bool packed = problem.inputs[1].constant && problem.inputs[0].is_static();
    const auto made = describe(problem, inputs, problem.outputs[0].opt, packed);
    if (!made.ok()) return answer.decline(made.status().message());
    if (is_slow_implementation(made->implementation.c_str())) return answer.decline("only " + made->implementation);
    Offer offer = offer_for_one_shape(made->implementation);
    offer.packed_inputs.assign(problem.inputs.size(), false);
    offer.packed_inputs[1] = packed;
    if (problem.op == "Gemm" && problem.op_input_count() > 2) offer.packed_inputs[2] = problem.inputs[2].present;
    offer.workspace_bytes = static_cast<int64_t>(made->scratchpad.get_size());
    answer.offer(std::move(offer));
  }

  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer& offer, std::span<const Tensor> constants) const override {
    const ThreadScope scope(problem.threads);
    std::vector<Dims> inputs;
    for (const TensorDesc& input : problem.inputs) inputs.push_back(input.opt);
    const bool packed = offer.packed_inputs[1];
    SINTER_ASSIGN(const Descriptor made, describe(problem, inputs, problem.outputs[0].opt, packed));
    return guarded("packing weights", [&]() -> Result<std::vector<Tensor>> {
      std::vector<Tensor> blobs{packed ? pack(made.plain_right, constants[1].raw(), made.right) : Tensor(DType::kU8, {0})};
      if (offer.packed_inputs.size() > 2 && offer.packed_inputs[2]) blobs.push_back(constants[2]);
      return blobs;
    });
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    if (offer.packed_inputs.size() < 2) return make_error(Code::kInvalidEngine, "onednn.matmul: damaged offer");
    return std::unique_ptr<Kernel>(std::make_unique<MatmulKernel>(problem, offer.packed_inputs[1], blobs));
  }
};

}  // namespace

const Tactic& matmul() {
  static const Matmul tactic;
  return tactic;
}

}  // namespace sinter::onednn
