// onednn.pooling: MaxPool (without indices), AveragePool, GlobalAveragePool and GlobalMaxPool in f32, channels_last and blocked.
#include "core/window.h"
#include "onednn/common.h"
#include "onednn/tactics.h"

namespace sinter::onednn {
namespace {

using dnnl::memory;

struct Descriptor {
  memory::desc source, target, scratchpad;
  std::string implementation;
  dnnl::primitive primitive;
  PostOps post_ops;
};

Result<Window> window_of(const Problem& problem, const Dims& input, const Dims& output) {
  if (problem.op.rfind("Global", 0) != 0) return resolve_window(problem, input, output);
  Window window;
  window.kernel.assign(input.begin() + 2, input.end());
  window.stride = window.dilation = Dims(window.kernel.size(), 1);
  window.pad_begin = window.pad_end = Dims(window.kernel.size(), 0);
  return window;
}

Result<Descriptor> describe(const Problem& problem, const std::vector<Dims>& inputs, const Dims& output, Layout layout) {
  SINTER_ASSIGN(const Window window, window_of(problem, inputs[0], output));
  return guarded("pooling", [&]() -> Result<Descriptor> {
    Descriptor d;
    SINTER_ASSIGN(d.post_ops, make_post_ops(problem, inputs, output, layout));
    const auto source = make_desc(inputs[0], layout), target = make_desc(output, layout);
    if (!source || !target) return make_error(Code::kUnsupported, "no descriptor for rank {}", output.size());
    d.source = *source;
    d.target = *target;
    auto algorithm = dnnl::algorithm::pooling_max;
    if (problem.op == "GlobalAveragePool" || problem.op == "AveragePool") {
      algorithm = problem.attributes.i_or("count_include_pad", 0) ? dnnl::algorithm::pooling_avg_include_padding
                                                                    : dnnl::algorithm::pooling_avg_exclude_padding;
    }
    memory::dims dilates(window.dilation.begin(), window.dilation.end());
    for (auto& dilate : dilates) --dilate;
    const dnnl::pooling_v2_forward::desc desc(
        dnnl::prop_kind::forward_inference, algorithm, d.source, d.target, memory::dims(window.stride.begin(), window.stride.end()),
        memory::dims(window.kernel.begin(), window.kernel.end()), dilates, memory::dims(window.pad_begin.begin(), window.pad_begin.end()),
        memory::dims(window.pad_end.begin(), window.pad_end.end()));
    const dnnl::pooling_v2_forward::primitive_desc pd(desc, d.post_ops.attr, cpu_engine());
    d.scratchpad = pd.scratchpad_desc();
    d.implementation = pd.impl_info_str();
    d.primitive = dnnl::pooling_v2_forward(pd);
    return d;
  });
}

class PoolingKernel final : public Kernel {
 public:
  PoolingKernel(const Problem& problem, Layout layout) : problem_(problem), layout_(layout) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    const ThreadScope scope(threads);
    SINTER_ASSIGN(const Descriptor d, describe(problem_, {inputs.begin(), inputs.end()}, outputs[0], layout_));
    runner_.reset(d.primitive, static_cast<int64_t>(d.scratchpad.get_size()), d.scratchpad);
    runner_.bind_input(DNNL_ARG_SRC, d.source, 0);
    runner_.bind_output(DNNL_ARG_DST, d.target, 0);
    for (const PostOps::Operand& operand : d.post_ops.operands) runner_.bind_input(operand.argument, operand.desc, operand.problem_input);
    return runner_.workspace_bytes();
  }

  Status launch(const LaunchArgs& args) override { return runner_.launch(args); }

 private:
  Problem problem_;
  Layout layout_;
  PrimitiveRunner runner_;
};

bool is_pool(const Problem& problem) {
  return problem.domain.empty() && (problem.op == "MaxPool" || problem.op == "AveragePool" || problem.op == "GlobalAveragePool" ||
                                    problem.op == "GlobalMaxPool");
}

class Pooling final : public Tactic {
 public:
  std::string_view id() const override { return "onednn.pooling"; }
  int version() const override { return 2; }

  void query(const Problem& problem, Answer& answer) const override {
    const ThreadScope scope(problem.threads);
    if (!is_pool(problem)) return;
    if (!isa_includes(problem.isa, Isa::kAvx2)) return answer.decline("needs avx2");
    if (problem.inputs[0].dtype != DType::kF32) return answer.decline(fmt::format("input is {}, takes f32", dtype_name(problem.inputs[0].dtype)));
    if (problem.outputs.size() > 1 && problem.outputs[1].present) return answer.decline("indices are wanted");
    if (problem.attributes.i_or("ceil_mode", 0)) return answer.decline("ceil_mode: the divisor at the border differs");
    if (product(problem.outputs[0].opt) == 0) return answer.decline("empty tensor");
    const Layout blocked = problem.isa >= Isa::kAvx512 ? Layout::kChannelsBlocked16 : Layout::kChannelsBlocked8;
    for (Layout layout : {blocked, Layout::kChannelsLast}) ask(problem, layout, answer);
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<PoolingKernel>(problem, offer.output_layouts[0]));
  }

 private:
  void ask(const Problem& problem, Layout layout, Answer& answer) const {
    std::vector<Dims> inputs;
    for (const TensorDesc& input : problem.inputs) inputs.push_back(input.opt);
    const auto made = describe(problem, inputs, problem.outputs[0].opt, layout);
    const std::string where = fmt::format("{}: ", layout_name(layout));
    if (!made.ok()) return answer.decline(where + made.status().message());
    if (is_slow_implementation(made->implementation.c_str())) return answer.decline(where + "only " + made->implementation);
    Offer offer = offer_for_one_shape(made->implementation);
    offer.input_layouts.assign(problem.inputs.size(), Layout::kRowMajor);
    offer.input_layouts[0] = layout;
    for (const PostOps::Operand& operand : made->post_ops.operands) {
      const auto i = static_cast<size_t>(operand.problem_input);
      if (problem.inputs[i].opt == problem.outputs[0].opt) offer.input_layouts[i] = layout;
    }
    offer.output_layouts = {layout};
    if (problem.outputs.size() > 1) offer.output_layouts.resize(problem.outputs.size(), Layout::kRowMajor);
    offer.workspace_bytes = static_cast<int64_t>(made->scratchpad.get_size());
    offer.propagates_nan = false;  // jit max pooling takes the first operand of an unordered pair
    answer.offer(std::move(offer));
  }
};

}  // namespace

const Tactic& pooling() {
  static const Pooling tactic;
  return tactic;
}

}  // namespace sinter::onednn
