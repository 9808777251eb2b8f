#include "onednn/common.h"

#include <omp.h>

#include <algorithm>
#include <cstring>

namespace sinter::onednn {
namespace {

using Tag = dnnl::memory::format_tag;
using Algorithm = dnnl::algorithm;

std::optional<Tag> tag_of(size_t rank, Layout layout) {
  static constexpr Tag kPlain[] = {Tag::a, Tag::ab, Tag::abc, Tag::abcd, Tag::abcde};
  static constexpr Tag kLast[] = {Tag::acb, Tag::acdb, Tag::acdeb};
  static constexpr Tag kBlocked16[] = {Tag::nCw16c, Tag::nChw16c, Tag::nCdhw16c};
  static constexpr Tag kBlocked8[] = {Tag::nCw8c, Tag::nChw8c, Tag::nCdhw8c};
  if (layout == Layout::kRowMajor) return rank >= 1 && rank <= 5 ? std::optional(kPlain[rank - 1]) : std::nullopt;
  if (rank < 3 || rank > 5) return std::nullopt;
  switch (layout) {
    case Layout::kChannelsLast: return kLast[rank - 3];
    case Layout::kChannelsBlocked16: return kBlocked16[rank - 3];
    case Layout::kChannelsBlocked8: return kBlocked8[rank - 3];
    default: return std::nullopt;
  }
}

struct Eltwise {
  Algorithm algorithm;
  float alpha = 0, beta = 0;
};

std::optional<Eltwise> unary_of(PointwiseOp op) {
  switch (op) {
    case PointwiseOp::kRelu: return Eltwise{Algorithm::eltwise_relu};
    case PointwiseOp::kSigmoid: return Eltwise{Algorithm::eltwise_logistic};
    case PointwiseOp::kTanh: return Eltwise{Algorithm::eltwise_tanh};
    case PointwiseOp::kSilu: return Eltwise{Algorithm::eltwise_swish, 1.0f};
    case PointwiseOp::kHardSwish: return Eltwise{Algorithm::eltwise_hardswish};
    case PointwiseOp::kGelu: return Eltwise{Algorithm::eltwise_gelu_erf};
    case PointwiseOp::kGeluTanh: return Eltwise{Algorithm::eltwise_gelu_tanh};
    case PointwiseOp::kMish: return Eltwise{Algorithm::eltwise_mish};
    case PointwiseOp::kAbs: return Eltwise{Algorithm::eltwise_abs};
    case PointwiseOp::kSqrt: return Eltwise{Algorithm::eltwise_sqrt};
    case PointwiseOp::kExp: return Eltwise{Algorithm::eltwise_exp};
    case PointwiseOp::kNeg: return Eltwise{Algorithm::eltwise_linear, -1.0f, 0.0f};
    default: return std::nullopt;
  }
}

std::optional<Algorithm> binary_of(PointwiseOp op) {
  switch (op) {
    case PointwiseOp::kAdd: return Algorithm::binary_add;
    case PointwiseOp::kMul: return Algorithm::binary_mul;
    case PointwiseOp::kMax: return Algorithm::binary_max;
    case PointwiseOp::kMin: return Algorithm::binary_min;
    case PointwiseOp::kSub: return Algorithm::binary_sub;
    case PointwiseOp::kDiv: return Algorithm::binary_div;
    default: return std::nullopt;
  }
}

class ChainBuilder {
 public:
  ChainBuilder(const Problem& problem, const std::vector<Dims>& inputs, const Dims& output, Layout layout)
      : problem_(problem), inputs_(inputs), output_(output), layout_(layout) {}

  Result<PostOps> build() {
    const PointwiseProgram& program = problem_.epilogue;
    if (program.outputs.size() != 1) return no("has several results");
    int current = 0;
    for (int i = 0; i < static_cast<int>(program.code.size()); ++i) {
      const PointwiseInstruction& step = program.code[static_cast<size_t>(i)];
      if (step.op == PointwiseOp::kConst) continue;
      SINTER_TRY(append(step, current));
      current = program.inputs + i;
    }
    if (program.outputs[0] != current) return no("is not a chain");
    result_.attr.set_post_ops(ops_);
    return std::move(result_);
  }

 private:
  Status no(std::string_view why) const { return make_error(Code::kUnsupported, "epilogue {}", why); }

  std::optional<float> constant(int operand) const {
    const PointwiseProgram& program = problem_.epilogue;
    if (operand >= program.inputs) {
      const PointwiseInstruction& made = program.code[static_cast<size_t>(operand - program.inputs)];
      if (made.op == PointwiseOp::kConst) return made.constant;
    } else if (operand > 0) {
      const Tensor& value = problem_.inputs[static_cast<size_t>(problem_.epilogue_base + operand - 1)].value;
      if (value.defined() && value.count() == 1 && value.dtype() == DType::kF32) return *value.data<float>();
    }
    return std::nullopt;
  }

  Status append(const PointwiseInstruction& step, int current) {
    if (const auto unary = unary_of(step.op)) {
      if (step.args[0] != current) return no("is not a chain");
      ops_.append_eltwise(1.0f, unary->algorithm, unary->alpha, unary->beta);
      return ok_status();
    }
    if (step.op == PointwiseOp::kClip || step.op == PointwiseOp::kLeakyRelu || step.op == PointwiseOp::kElu) return append_parametric(step, current);
    const auto binary = binary_of(step.op);
    if (!binary) return no(fmt::format("uses {}, which oneDNN has no post-op for", pointwise_op_name(step.op)));
    return append_binary(step, *binary, current);
  }

  Status append_parametric(const PointwiseInstruction& step, int current) {
    const auto a = constant(step.args[1]);
    if (step.args[0] != current || !a) return no("has an activation whose parameters are not constant");
    if (step.op == PointwiseOp::kLeakyRelu) ops_.append_eltwise(1.0f, Algorithm::eltwise_relu, *a, 0);
    if (step.op == PointwiseOp::kElu) ops_.append_eltwise(1.0f, Algorithm::eltwise_elu, *a, 0);
    if (step.op == PointwiseOp::kClip) {
      const auto high = constant(step.args[2]);
      if (!high) return no("has a clip whose bounds are not constant");
      ops_.append_eltwise(1.0f, Algorithm::eltwise_clip, *a, *high);
    }
    return ok_status();
  }

  Status append_binary(const PointwiseInstruction& step, Algorithm algorithm, int current) {
    const bool commutes = step.op != PointwiseOp::kSub && step.op != PointwiseOp::kDiv;
    int other = -1;
    if (step.args[0] == current) other = step.args[1];
    else if (step.args[1] == current && commutes) other = step.args[0];
    if (other < 0 || other == current) return no("is not a chain");
    if (const auto value = constant(other); value && (step.op == PointwiseOp::kAdd || step.op == PointwiseOp::kMul)) {
      const bool add = step.op == PointwiseOp::kAdd;
      ops_.append_eltwise(1.0f, Algorithm::eltwise_linear, add ? 1.0f : *value, add ? *value : 0.0f);
      return ok_status();
    }
    if (other <= 0 || other >= problem_.epilogue.inputs) return no("is not a chain");
    const int input = problem_.epilogue_base + other - 1;
    Dims dims = inputs_[static_cast<size_t>(input)];
    if (dims.size() > output_.size() || problem_.inputs[static_cast<size_t>(input)].dtype != DType::kF32) return no("has an operand of another type");
    dims.insert(dims.begin(), output_.size() - dims.size(), 1);
    const bool whole = dims == output_;
    const auto desc = make_desc(dims, whole ? layout_ : Layout::kRowMajor);
    if (!desc) return no("has an operand without a descriptor");
    result_.operands.push_back({DNNL_ARG_ATTR_MULTIPLE_POST_OP(ops_.len()) | DNNL_ARG_SRC_1, input, *desc});
    ops_.append_binary(algorithm, *desc);
    return ok_status();
  }

  const Problem& problem_;
  const std::vector<Dims>& inputs_;
  const Dims& output_;
  Layout layout_;
  dnnl::post_ops ops_;
  PostOps result_;
};

}  // namespace

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

const std::string& library_version() {
  static const std::string text = [] {
    const dnnl_version_t* v = dnnl_version();
    return fmt::format("{}.{}.{}", v->major, v->minor, v->patch);
  }();
  return text;
}

std::optional<dnnl::memory::desc> make_desc(const Dims& dims, Layout layout) {
  const auto tag = tag_of(dims.size(), layout);
  if (!tag) return std::nullopt;
  return dnnl::memory::desc(dnnl::memory::dims(dims.begin(), dims.end()), dnnl::memory::data_type::f32, *tag);
}

Result<PostOps> make_post_ops(const Problem& problem, const std::vector<Dims>& inputs, const Dims& output, Layout layout) {
  PostOps none;
  none.attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (!problem.has_epilogue()) return none;
  SINTER_ASSIGN(PostOps result, ChainBuilder(problem, inputs, output, layout).build());
  result.attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return result;
}

Offer offer_for_one_shape(const std::string& implementation) {
  Offer offer;
  offer.config = fmt::format("{} {}", library_version(), implementation);
  offer.shape_independent = false;
  return offer;
}

bool is_slow_implementation(const char* info) {
  const std::string_view name = info;
  return name.find("ref") != name.npos || name.substr(0, 4) == "gemm" || name.find("simple") != name.npos;
}

Tensor pack(const dnnl::memory::desc& from, const void* data, const dnnl::memory::desc& to) {
  Tensor blob(DType::kU8, {static_cast<int64_t>(to.get_size())});
  std::memset(blob.raw(), 0, static_cast<size_t>(blob.bytes()));
  dnnl::stream stream(cpu_engine());
  dnnl::memory source(from, cpu_engine(), const_cast<void*>(data)), target(to, cpu_engine(), blob.raw());
  dnnl::reorder(source, target).execute(stream, source, target);
  stream.wait();
  return blob;
}

void PrimitiveRunner::reset(dnnl::primitive primitive, int64_t scratchpad_bytes, const dnnl::memory::desc& scratchpad) {
  primitive_ = std::move(primitive);
  arguments_.clear();
  inputs_.clear();
  outputs_.clear();
  scratchpad_bytes_ = scratchpad_bytes;
  scratchpad_ = dnnl::memory(scratchpad, cpu_engine(), DNNL_MEMORY_NONE);
  arguments_[DNNL_ARG_SCRATCHPAD] = scratchpad_;
}

void PrimitiveRunner::bind_input(int arg, const dnnl::memory::desc& desc, int index) {
  inputs_.push_back({index, dnnl::memory(desc, cpu_engine(), DNNL_MEMORY_NONE)});
  arguments_[arg] = inputs_.back().memory;
}

void PrimitiveRunner::bind_output(int arg, const dnnl::memory::desc& desc, int index) {
  outputs_.push_back({index, dnnl::memory(desc, cpu_engine(), DNNL_MEMORY_NONE)});
  arguments_[arg] = outputs_.back().memory;
}

void PrimitiveRunner::bind_fixed(int arg, const dnnl::memory::desc& desc, const void* data) {
  arguments_[arg] = dnnl::memory(desc, cpu_engine(), const_cast<void*>(data));
}

ThreadScope::ThreadScope(int threads) : previous_(omp_get_max_threads()) {
  if (threads != previous_) omp_set_num_threads(threads);
}

ThreadScope::~ThreadScope() { omp_set_num_threads(previous_); }

Status PrimitiveRunner::launch(const LaunchArgs& args) {
  const ThreadScope threads(args.team->size());
  return guarded("execute", [&]() -> Status {
    thread_local dnnl::stream stream(cpu_engine());
    for (Bound& bound : inputs_) bound.memory.set_data_handle(const_cast<void*>(args.inputs[bound.index]));
    for (Bound& bound : outputs_) bound.memory.set_data_handle(args.outputs[bound.index]);
    scratchpad_.set_data_handle(args.workspace);
    primitive_.execute(stream, arguments_);
    return ok_status();
  });
}

}  // namespace sinter::onednn
