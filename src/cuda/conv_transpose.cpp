// cuda.conv_transpose: transposed convolution, channels last, as one convolution (kernels/dense.cu) a phase: the pixels
// y ≡ phase (mod stride) read the same taps, and are written apart. Phases are independent launches; their weights are
// packed one after the other.
#include <cstring>
#include <numeric>

#include "cuda/conv_geometry.h"
#include "cuda/cuda_tactic.h"
#include "tactic/arithmetic.h"

namespace sinter::cuda {
namespace {

constexpr int64_t kMostTaps = 15, kMostPhases = 64;
constexpr size_t kOffers = 4;

// One axis of one phase: taps first, first + step, … (count of them); output pixel phase + stride * i reads input
// pixels i + origin - reach * tap.
struct PhaseAxis {
  int64_t first = 0, step = 1, count = 0, origin = 0, reach = 1;
};
PhaseAxis phase_axis(int64_t phase, int64_t taps, int64_t stride, int64_t dilation, int64_t pad) {
  PhaseAxis axis;
  const int64_t common = std::gcd(stride, dilation);
  axis.step = stride / common;
  axis.reach = dilation / common;
  for (int64_t r = 0; r < taps; ++r) {
    if ((phase + pad - r * dilation) % stride != 0) continue;
    if (axis.count++ == 0) {
      axis.first = r;
      axis.origin = (phase + pad - r * dilation) / stride;
    }
  }
  return axis;
}

struct Phase {
  int64_t y = 0, x = 0;
  PhaseAxis rows, columns;
  int64_t blob_offset = 0;  // elements
  int64_t k(const ConvShape& s) const { return rows.count * columns.count * s.group_channels(); }
};

struct Form {
  DenseVariant variant;
  DenseEpilogue epilogue;
  ConvShape shape;  // at the optimum; channels, filter, strides, dilations and the first pads hold for every shape
  std::vector<Phase> phases;
  int element = 2;
  int64_t packed = 0;  // elements
};

// Whether the pads at the beginning are the same for every shape.
bool pads_are_fixed(const Problem& problem) {
  const std::string mode = problem.attributes.s_or("auto_pad", "NOTSET");
  return (mode == "NOTSET" || mode == "VALID") && problem.attributes.ints_or("output_shape", {}).empty();
}

Result<Form> form_of(const Problem& problem) {
  Form form;
  SINTER_ASSIGN(form.variant.math, dense_math(problem));
  EpilogueForm epilogue = conv_epilogue_form(problem);
  epilogue.pixels = false;
  SINTER_ASSIGN(form.epilogue, DenseEpilogue::make(problem, std::move(epilogue)));
  SINTER_ASSIGN(form.shape, conv_shape(problem, problem.inputs[0].opt, problem.inputs[1].opt, problem.outputs[0].opt));
  const ConvShape& s = form.shape;
  form.variant.type = problem.inputs[0].dtype;
  form.variant.out = problem.outputs[0].dtype;
  form.variant.gather = form.variant.scatter = true;
  form.variant.whole = s.out_channels % 8 == 0 && s.group_outputs() % 8 == 0;
  form.element = element_bytes(form.variant.type);
  form.variant.vector_a = copy_bytes(Dim(s.group_channels()), form.element);
  for (int64_t y = 0; y < s.stride_h; ++y) {
    for (int64_t x = 0; x < s.stride_w; ++x) {
      Phase phase{y, x, phase_axis(y, s.kh, s.stride_h, s.dilation_h, s.pad_top),
                  phase_axis(x, s.kw, s.stride_w, s.dilation_w, s.pad_left), form.packed};
      form.packed += s.out_channels * packed_row(phase.k(s), form.element);
      form.phases.push_back(phase);
    }
  }
  return form;
}

Result<sinter_kernels::DenseParams> phase_params(const ConvShape& s, const Phase& phase, int element) {
  SINTER_ASSIGN(sinter_kernels::DenseParams p, conv_params(s, element));
  const auto i32 = [](int64_t value) { return static_cast<int>(value); };
  const int64_t rows_y = std::max<int64_t>(ceil_quotient(s.oh - phase.y, s.stride_h), 0),
                rows_x = std::max<int64_t>(ceil_quotient(s.ow - phase.x, s.stride_w), 0);
  const int64_t line = s.w * s.channels;
  p.m = i32(s.batch * rows_y * rows_x);
  p.k = i32(phase.k(s));
  p.b_row = packed_row(p.k, element);
  p.b_k = i32(p.b_row);
  p.b_inner = s.group_outputs() * p.b_row;
  p.rows_y = i32(rows_y);
  p.rows_x = i32(rows_x);
  p.by_image = p.by_operand = divisor(rows_y * rows_x);
  p.operand_rows = i32(rows_y * rows_x);
  p.by_x = divisor(rows_x);
  p.y_step = p.x_step = 1;
  p.y_origin = i32(phase.rows.origin);
  p.x_origin = i32(phase.columns.origin);
  p.y_tap = i32(-phase.rows.reach);
  p.x_tap = i32(-phase.columns.reach);
  p.a_y = line;
  p.a_x = s.channels;
  p.a_origin = phase.rows.origin * line + phase.columns.origin * s.channels;
  p.a_r = -phase.rows.reach * line;
  p.a_s = -phase.columns.reach * s.channels;
  p.taps_r = i32(phase.rows.count);
  p.taps_s = i32(phase.columns.count);
  p.by_s = divisor(phase.columns.count);
  p.c_y = s.stride_h * s.ow * s.out_channels;
  p.c_x = s.stride_w * s.out_channels;
  return p;
}

class TransposeKernel final : public Kernel {
 public:
  TransposeKernel(const Problem& problem, Form form) : problem_(problem), form_(std::move(form)) {}
  Status load(Function function, const DenseConfig& config) {
    return launcher_.load(std::move(function), config, form_.element);
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    SINTER_ASSIGN(form_.shape, conv_shape(problem_, inputs[0], problem_.inputs[1].opt, outputs[0]));
    form_.epilogue.specialize(inputs, outputs[0], form_.shape.group_outputs());
    params_.clear();
    int64_t workspace = 0;
    for (const Phase& phase : form_.phases) {
      SINTER_ASSIGN(sinter_kernels::DenseParams params, phase_params(form_.shape, phase, form_.element));
      SINTER_ASSIGN(const int64_t bytes, launcher_.specialize(params, form_.shape.groups));
      workspace = std::max(workspace, bytes);
      params_.push_back(params);
    }
    return workspace;
  }

  Status launch(const LaunchArgs& args) override {
    const ConvShape& s = form_.shape;
    for (size_t i = 0; i < params_.size(); ++i) {
      sinter_kernels::DenseParams& p = params_[i];
      const Phase& phase = form_.phases[i];
      if (p.m == 0) continue;
      const int64_t origin = (phase.y * s.ow + phase.x) * s.out_channels;
      p.a = args.inputs[0];
      p.b = static_cast<const char*>(args.blobs[0]) + phase.blob_offset * form_.element;
      p.c = static_cast<char*>(args.outputs[0]) + origin * element_bytes(form_.variant.out);
      form_.epilogue.fill(p, args, origin);
      SINTER_TRY(launcher_.launch(p, s.groups, args));
    }
    return ok_status();
  }

 private:
  Problem problem_;
  Form form_;
  DenseLauncher launcher_;
  std::vector<sinter_kernels::DenseParams> params_;
};

class ConvTranspose final : public CudaTactic, public TypedTactic {
 public:
  using CudaTactic::CudaTactic;
  Arithmetic arithmetic(const Problem& problem, const Offer&) const override { return matrix_arithmetic(problem); }

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "ConvTranspose")) return;
    if (const std::string reason = conv_unsuitable(problem); !reason.empty()) return answer.decline(reason);
    if (!pads_are_fixed(problem) && !problem.inputs[0].is_static())
      return answer.decline("pads that depend on the shape");
    const auto form = form_of(problem);
    if (!form.ok()) return answer.decline(form.status().message());
    const ConvShape& s = form->shape;
    if (s.kh > kMostTaps || s.kw > kMostTaps)
      return answer.decline(fmt::format("a filter of {}x{}, takes up to 15x15", s.kh, s.kw));
    if (form->phases.size() > kMostPhases) return answer.decline(fmt::format("strides {}x{}", s.stride_h, s.stride_w));
    const auto params = phase_params(s, form->phases[0], form->element);
    if (!params.ok()) return answer.decline(params.status().message());
    const DenseSize size{params->m,     params->n, std::max(params->k, 1), s.groups, form->variant.math,
                         form->element, false,     form->variant.vector_a};
    for (const DenseConfig& config : dense_candidates(size, problem.device, form->variant.vector_a < 8 ? 2 : kOffers)) {
      Offer offer = conv_offer(problem, form->epilogue, to_string(config));
      offer.workspace_bytes = dense_workspace(config, size.m, size.n, size.z);
      answer.offer(std::move(offer));
    }
  }

  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer&,
                                      std::span<const Tensor> constants) const override {
    SINTER_ASSIGN(const Form form, form_of(problem));
    const ConvShape& s = form.shape;
    const int64_t channels = s.group_channels(), outputs = s.group_outputs(), taps = s.kh * s.kw;
    Tensor packed(constants[1].dtype(), {form.packed});
    for (const Phase& phase : form.phases) {
      const auto at = [&](int64_t, int64_t row, int64_t k) {
        const int64_t group = row / outputs, tap = k / channels;
        const int64_t r = phase.rows.first + tap / phase.columns.count * phase.rows.step,
                      c = phase.columns.first + tap % phase.columns.count * phase.columns.step;
        return ((group * channels + k % channels) * outputs + row % outputs) * taps + r * s.kw + c;
      };
      const Tensor part = pack_rows(constants[1], form.variant.math, 1, s.out_channels, phase.k(s), at);
      std::memcpy(packed.data<char>() + phase.blob_offset * form.element, part.raw(),
                  static_cast<size_t>(part.bytes()));
    }
    return std::vector<Tensor>{std::move(packed)};
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer,
                                       std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Form form, form_of(problem));
    SINTER_ASSIGN(const DenseConfig config, parse_dense_config(offer.config));
    SINTER_TRY(check_packed(id(), blobs, form.variant.type, form.packed));
    SINTER_ASSIGN(Function function, load_code(blobs, "dense"));
    auto kernel = std::make_unique<TransposeKernel>(problem, std::move(form));
    SINTER_TRY(kernel->load(std::move(function), config));
    return std::unique_ptr<Kernel>(std::move(kernel));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer& offer) const override {
    SINTER_ASSIGN(const Form form, form_of(problem));
    SINTER_ASSIGN(const DenseConfig config, parse_dense_config(offer.config));
    return dense_source(form.variant, config, form.epilogue);
  }
};

}  // namespace

SINTER_CUDA_TACTIC(conv_transpose, ConvTranspose)

}  // namespace sinter::cuda
