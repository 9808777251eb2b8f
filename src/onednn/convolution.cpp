// onednn.convolution: Conv and ConvTranspose in f32, grouped, depthwise, dilated, 1-D to 3-D, with bias and epilogue as post-ops.
//
// Offers channels_last and the ISA's blocked layout; for images of few channels also row-major input. Weights are packed as the
// chosen primitive wants them. A new shape makes a new primitive (about 0.3 ms); its weights format is the same in practice,
// and is repacked in the kernel's own memory when it is not.
#include "core/window.h"
#include "onednn/common.h"
#include "onednn/tactics.h"

namespace sinter::onednn {
namespace {

using dnnl::memory;
constexpr int64_t kFewChannels = 4;  // below this oneDNN has first-layer kernels that read nchw

// A made primitive descriptor, whichever direction.
struct Descriptor {
  memory::desc weights, plain_weights, scratchpad, source, target;
  std::string implementation;
  dnnl::primitive primitive;
  PostOps post_ops;
};

struct Shapes {
  std::vector<Dims> inputs;
  Dims output;
};

memory::dims to_dims(const Dims& dims) { return {dims.begin(), dims.end()}; }

// ONNX's weights as oneDNN's logical (g,) o, i, spatial…; ConvTranspose stores i before o.
memory::desc plain_weights(const Dims& weights, int64_t groups, bool transposed) {
  Dims spatial(weights.begin() + 2, weights.end());
  const int64_t area = product(spatial);
  const int64_t inputs = transposed ? weights[0] / groups : weights[1];
  const int64_t outputs = transposed ? weights[1] : weights[0] / groups;
  memory::dims dims{groups, outputs, inputs}, strides;
  if (transposed) strides = {inputs * outputs * area, area, outputs * area};
  else strides = {outputs * inputs * area, inputs * area, area};
  int64_t stride = area;
  for (int64_t extent : spatial) {
    stride /= extent;
    dims.push_back(extent);
    strides.push_back(stride);
  }
  if (groups == 1) {
    dims.erase(dims.begin());
    strides.erase(strides.begin());
  }
  return memory::desc(dims, memory::data_type::f32, strides);
}

template <typename Forward>
Status make_primitive(const typename Forward::desc& desc, Descriptor& result) {
  typename Forward::primitive_desc pd(desc, result.post_ops.attr, cpu_engine());
  result.weights = pd.weights_desc();
  result.scratchpad = pd.scratchpad_desc();
  result.implementation = pd.impl_info_str();
  result.primitive = Forward(pd);
  return ok_status();
}

// Of layouts that are the same in memory one: oneDNN takes them for equal in its cache of primitives, but chooses, and packs weights, by the one that came first.
Layout canonical(Layout layout, const Dims& dims) {
  const bool same = layout == Layout::kRowMajor && (dims[1] == 1 || product(dims, 2) == 1);
  return same ? Layout::kChannelsLast : layout;
}

Result<Descriptor> describe(const Problem& problem, const Shapes& shapes, Layout source, Layout target) {
  const bool transposed = problem.op == "ConvTranspose";
  const Dims& weights = shapes.inputs[1];
  SINTER_ASSIGN(const Window window, resolve_window(problem, shapes.inputs[0], shapes.output, {weights.begin() + 2, weights.end()}));
  return guarded("convolution", [&]() -> Result<Descriptor> {
    Descriptor result;
    SINTER_ASSIGN(result.post_ops, make_post_ops(problem, shapes.inputs, shapes.output, target));
    const auto source_desc = make_desc(shapes.inputs[0], canonical(source, shapes.inputs[0])), target_desc = make_desc(shapes.output, target);
    if (!source_desc || !target_desc) return make_error(Code::kUnsupported, "no descriptor for rank {}", shapes.output.size());
    result.source = *source_desc;
    result.target = *target_desc;
    result.plain_weights = plain_weights(weights, window.groups, transposed);
    const memory::desc any(result.plain_weights.dims(), memory::data_type::f32, memory::format_tag::any);
    const bool bias = problem.op_input_count() > 2 && problem.inputs[2].present;
    const memory::desc bias_desc =
        bias ? memory::desc({shapes.output[1]}, memory::data_type::f32, memory::format_tag::a) : memory::desc();
    memory::dims dilates = to_dims(window.dilation);
    for (auto& dilate : dilates) --dilate;
    const auto kind = dnnl::prop_kind::forward_inference;
    const memory::dims strides = to_dims(window.stride), begin = to_dims(window.pad_begin), end = to_dims(window.pad_end);
    if (transposed) {
      using Forward = dnnl::deconvolution_forward;
      SINTER_TRY(make_primitive<Forward>(Forward::desc(kind, dnnl::algorithm::deconvolution_direct, result.source, any, bias_desc,
                                                       result.target, strides, dilates, begin, end), result));
    } else {
      using Forward = dnnl::convolution_forward;
      SINTER_TRY(make_primitive<Forward>(Forward::desc(kind, dnnl::algorithm::convolution_direct, result.source, any, bias_desc,
                                                       result.target, strides, dilates, begin, end), result));
    }
    return result;
  });
}

class ConvolutionKernel final : public Kernel {
 public:
  ConvolutionKernel(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs)
      : problem_(problem), offer_(offer), weights_(blobs[0]), bias_(blobs.size() > 1 ? blobs[1] : Tensor()) {}

  Status check_packing() {
    const ThreadScope scope(problem_.threads);
    Shapes shapes;
    for (const TensorDesc& input : problem_.inputs) shapes.inputs.push_back(input.opt);
    shapes.output = problem_.outputs[0].opt;
    SINTER_ASSIGN(const Descriptor made, describe(problem_, shapes, offer_.input_layouts[0], offer_.output_layouts[0]));
    packed_ = made.weights;
    if (static_cast<int64_t>(packed_.get_size()) != weights_.bytes()) {
      return make_error(Code::kTargetMismatch, "oneDNN {} packs these weights in {} bytes, the engine holds {}; rebuild with: sinter retune",
                        library_version(), packed_.get_size(), weights_.bytes());
    }
    return ok_status();
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    const ThreadScope scope(threads);
    const Shapes shapes{{inputs.begin(), inputs.end()}, outputs[0]};
    SINTER_ASSIGN(Descriptor made, describe(problem_, shapes, offer_.input_layouts[0], offer_.output_layouts[0]));
    repacked_ = Tensor();
    if (made.weights != packed_) repacked_ = pack(packed_, weights_.raw(), made.weights);
    runner_.reset(made.primitive, static_cast<int64_t>(made.scratchpad.get_size()), made.scratchpad);
    runner_.bind_input(DNNL_ARG_SRC, made.source, 0);
    runner_.bind_output(DNNL_ARG_DST, made.target, 0);
    runner_.bind_fixed(DNNL_ARG_WEIGHTS, made.weights, repacked_.defined() ? repacked_.raw() : weights_.raw());
    if (bias_.defined()) {
      runner_.bind_fixed(DNNL_ARG_BIAS, memory::desc({bias_.count()}, memory::data_type::f32, memory::format_tag::a), bias_.raw());
    }
    for (const PostOps::Operand& operand : made.post_ops.operands) runner_.bind_input(operand.argument, operand.desc, operand.problem_input);
    return runner_.workspace_bytes();
  }

  Status launch(const LaunchArgs& args) override { return runner_.launch(args); }

 private:
  Problem problem_;
  Offer offer_;
  Tensor weights_, bias_, repacked_;
  memory::desc packed_;
  PrimitiveRunner runner_;
};

std::string unsuitable(const Problem& problem) {
  if (!isa_includes(problem.isa, Isa::kAvx2)) return "needs avx2";
  for (const TensorDesc& tensor : problem.inputs) {
    if (tensor.present && tensor.dtype != DType::kF32) return fmt::format("input is {}, takes f32", dtype_name(tensor.dtype));
  }
  const int rank = problem.inputs[0].rank();
  if (rank < 3 || rank > 5) return fmt::format("rank {} is not in 3..5", rank);
  if (!problem.inputs[1].constant || !problem.inputs[1].is_static()) return "weights are not constant";
  if (problem.op_input_count() > 2 && problem.inputs[2].present && !problem.inputs[2].constant) return "bias is not constant";
  if (product(problem.outputs[0].opt) == 0 || product(problem.inputs[0].opt) == 0) return "empty tensor";
  return "";
}

class Convolution final : public Tactic {
 public:
  std::string_view id() const override { return "onednn.convolution"; }
  int version() const override { return 2; }

  void query(const Problem& problem, Answer& answer) const override {
    const ThreadScope scope(problem.threads);
    if (!problem.domain.empty() || (problem.op != "Conv" && problem.op != "ConvTranspose")) return;
    if (const std::string reason = unsuitable(problem); !reason.empty()) return answer.decline(reason);
    const Layout blocked = problem.isa >= Isa::kAvx512 ? Layout::kChannelsBlocked16 : Layout::kChannelsBlocked8;
    ask(problem, blocked, blocked, answer);
    ask(problem, Layout::kChannelsLast, Layout::kChannelsLast, answer);
    if (constant_dims(problem.inputs[1].shape)->at(1) <= kFewChannels && problem.attributes.i_or("group", 1) == 1) {
      ask(problem, Layout::kRowMajor, blocked, answer);
      ask(problem, Layout::kRowMajor, Layout::kChannelsLast, answer);
    }
  }

  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer& offer, std::span<const Tensor> constants) const override {
    const ThreadScope scope(problem.threads);
    Shapes shapes;
    for (const TensorDesc& input : problem.inputs) shapes.inputs.push_back(input.opt);
    shapes.output = problem.outputs[0].opt;
    SINTER_ASSIGN(const Descriptor made, describe(problem, shapes, offer.input_layouts[0], offer.output_layouts[0]));
    return guarded("packing weights", [&]() -> Result<std::vector<Tensor>> {
      std::vector<Tensor> blobs{pack(made.plain_weights, constants[1].raw(), made.weights)};
      if (offer.packed_inputs.size() > 2 && offer.packed_inputs[2]) blobs.push_back(constants[2]);
      return blobs;
    });
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    if (blobs.empty()) return make_error(Code::kInvalidEngine, "onednn.convolution: found no packed weights, expected 1 or 2 blobs");
    auto kernel = std::make_unique<ConvolutionKernel>(problem, offer, blobs);
    SINTER_TRY(kernel->check_packing());
    return std::unique_ptr<Kernel>(std::move(kernel));
  }

 private:
  void ask(const Problem& problem, Layout source, Layout target, Answer& answer) const {
    Shapes shapes;
    for (const TensorDesc& input : problem.inputs) shapes.inputs.push_back(input.opt);
    shapes.output = problem.outputs[0].opt;
    const auto made = describe(problem, shapes, source, target);
    const std::string where = fmt::format("{} → {}: ", layout_name(source), layout_name(target));
    if (!made.ok()) return answer.decline(where + made.status().message());
    if (is_slow_implementation(made->implementation.c_str())) return answer.decline(where + "only " + made->implementation);
    Offer offer = offer_for_one_shape(made->implementation);
    offer.input_layouts.assign(problem.inputs.size(), Layout::kRowMajor);
    offer.input_layouts[0] = source;
    offer.packed_inputs.assign(problem.inputs.size(), false);
    offer.packed_inputs[1] = true;
    if (problem.op_input_count() > 2) offer.packed_inputs[2] = problem.inputs[2].present;
    for (const PostOps::Operand& operand : made->post_ops.operands) {
      const auto i = static_cast<size_t>(operand.problem_input);
      if (problem.inputs[i].opt == problem.outputs[0].opt) offer.input_layouts[i] = target;
    }
    offer.output_layouts = {target};
    offer.workspace_bytes = static_cast<int64_t>(made->scratchpad.get_size());
    answer.offer(std::move(offer));
  }
};

}  // namespace

const Tactic& convolution() {
  static const Convolution tactic;
  return tactic;
}

}  // namespace sinter::onednn
