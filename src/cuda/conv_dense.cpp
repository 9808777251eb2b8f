// cuda.conv_dense: Conv and QuantizedConv as an implicit product of matrices, channels last (kernels/dense.cu): tensor cores for
// f16, bf16, tf32 and 8-bit integers, FMA for full f32. Any stride, padding, dilation and groups, filters up to 15 x 15; the weights
// are packed as rows of (r, s, channel). Images of few channels under long filters without padding (the patches of vision
// transformers) are read row-major, whole rows of the filter at once; their weights stay rows of (channel, r, s).
#include <algorithm>
#include <optional>

#include "cuda/conv_geometry.h"
#include "cuda/cuda_tactic.h"
#include "cuda/quantized_dense.h"
#include "tactic/arithmetic.h"

namespace sinter::cuda {
namespace {

constexpr int64_t kMostTaps = 15;
constexpr size_t kOffers = 8;

struct Form {
  DenseVariant variant;
  DenseEpilogue epilogue;
  std::optional<QuantizedDense> quantized;
  int element = 2;
  Dims weights;
  int64_t groups = 1;
  bool patches = false;  // row-major
  Result<sinter_kernels::DenseParams> params(const ConvShape& shape) const {
    return patches ? patch_params(shape, element) : conv_params(shape, element);
  }
};

// Rows of the filter are whole sixteen-byte pieces of a row-major image, and all of them inside; channels last, they would not be.
bool is_patches(const Problem& problem, const ConvShape& s, int element) {
  const Shape& input = problem.inputs[0].shape;
  const auto whole = [&](int64_t elements) { return elements * element % 16 == 0; };
  const std::string padding = problem.attributes.s_or("auto_pad", "NOTSET");
  const std::vector<int64_t> pads = problem.attributes.ints_or("pads", {});
  const bool unpadded = (padding == "NOTSET" || padding == "VALID") && std::count(pads.begin(), pads.end(), 0) == std::ssize(pads);
  return input.size() == 4 && input[3].is_constant() && unpadded && s.groups == 1 && s.dilation_w == 1 && !whole(s.channels) && whole(s.kw) &&
         whole(s.stride_w) && whole(s.w);
}

Result<Form> form_of(const Problem& problem) {
  Form form;
  SINTER_ASSIGN(form.variant.math, dense_math(problem));
  SINTER_ASSIGN(form.epilogue, DenseEpilogue::make(problem, conv_epilogue_form(problem)));
  form.variant.type = problem.inputs[0].dtype;
  form.variant.out = problem.outputs[0].dtype;
  form.element = element_bytes(form.variant.type);
  form.weights = *constant_dims(problem.inputs[1].shape);
  form.groups = problem.attributes.i_or("group", 1);
  const int64_t outputs = form.weights[0];
  form.variant.whole = outputs % 8 == 0 && outputs / form.groups % 8 == 0;
  form.variant.vector_a = copy_bytes(Dim(form.weights[1]), form.element);
  SINTER_ASSIGN(const ConvShape shape,
                conv_shape(problem, problem.inputs[0].opt, form.weights, problem.outputs[0].opt));
  const bool inside = shape.pad_top == 0 && shape.pad_left == 0 && (shape.oh - 1) * shape.stride_h < shape.h &&
                      (shape.ow - 1) * shape.stride_w < shape.w;
  const bool strided = shape.stride_h != 1 || shape.stride_w != 1;
  form.variant.gather = shape.kh * shape.kw > 1 || !inside || strided;
  form.patches = is_patches(problem, shape, form.element);
  form.variant.all_inside = form.patches || (inside && shape.kh * shape.kw == 1);
  if (form.patches) form.variant.vector_a = 16;
  if (is_quantized_dense(problem)) {
    SINTER_ASSIGN(form.quantized, QuantizedDense::make(problem, outputs, product(form.weights, 1), RightOperand::kPacked));
    form.variant.type_b = form.quantized->b_type();
    form.variant.a_zero = form.quantized->a_zero();
    form.variant.b_zero = form.quantized->b_zero();
    form.variant.fill = form.variant.gather && !form.variant.all_inside ? form.quantized->fill_kind() : 0;
  }
  return form;
}

class ConvKernel final : public Kernel {
 public:
  explicit ConvKernel(const Problem& problem, Form form) : problem_(problem), form_(std::move(form)) {}
  Status load(Function function, const DenseConfig& config) {
    return launcher_.load(std::move(function), config, form_.element);
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    SINTER_ASSIGN(const ConvShape shape, conv_shape(problem_, inputs[0], form_.weights, outputs[0]));
    SINTER_ASSIGN(params_, form_.params(shape));
    if (!form_.variant.gather) params_.a_s = 1, params_.a_image = params_.a_x;
    form_.epilogue.specialize(inputs, outputs[0], shape.group_outputs());
    return launcher_.specialize(params_, form_.groups);
  }

  Status launch(const LaunchArgs& args) override {
    params_.a = args.inputs[0];
    params_.b = args.blobs[0];
    params_.c = args.outputs[0];
    form_.epilogue.fill(params_, args);
    if (form_.quantized) form_.quantized->fill(params_, args, args.blobs[1], params_.n);
    return launcher_.launch(params_, form_.groups, args);
  }

 private:
  Problem problem_;
  Form form_;
  DenseLauncher launcher_;
  sinter_kernels::DenseParams params_{};
};

class ConvDense final : public CudaTactic, public TypedTactic {
 public:
  using CudaTactic::CudaTactic;
  Arithmetic arithmetic(const Problem& problem, const Offer&) const override { return matrix_arithmetic(problem); }

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Conv") && !is_op(problem, "QuantizedConv", "sinter")) return;
    if (const std::string reason = conv_unsuitable(problem); !reason.empty()) return answer.decline(reason);
    const auto form = form_of(problem);
    if (!form.ok()) return answer.decline(form.status().message());
    const auto shape = conv_shape(problem, problem.inputs[0].opt, form->weights, problem.outputs[0].opt);
    if (!shape.ok()) return answer.decline(shape.status().message());
    if (!form->patches && (shape->kh > kMostTaps || shape->kw > kMostTaps))
      return answer.decline(fmt::format("a filter of {}x{}, takes up to 15x15", shape->kh, shape->kw));
    if (shape->group_channels() == 1 && shape->group_outputs() == 1 && shape->groups > 1)
      return answer.decline("depthwise: products of 1x1 matrices");
    const auto params = form->params(*shape);
    if (!params.ok()) return answer.decline(params.status().message());
    const DenseSize size{params->m,          params->n,     params->k, shape->groups,
                         form->variant.math, form->element, false,     form->variant.vector_a,
                         form->variant.sums()};
    for (const DenseConfig& config : dense_candidates(size, problem.device, form->variant.vector_a < 8 ? 2 : kOffers)) {
      Offer offer = conv_offer(problem, form->epilogue, to_string(config));
      if (form->patches) offer.input_layouts[0] = Layout::kRowMajor;
      if (form->quantized) form->quantized->book(offer);
      offer.workspace_bytes = dense_workspace(config, size.m, size.n, size.z);
      answer.offer(std::move(offer));
    }
  }

  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer&,
                                      std::span<const Tensor> constants) const override {
    SINTER_ASSIGN(const Form form, form_of(problem));
    const int64_t channels = form.weights[1], taps = product(form.weights, 2);
    const auto at = [&](int64_t, int64_t row, int64_t k) {
      return form.patches ? row * channels * taps + k : (row * channels + k % channels) * taps + k / channels;
    };
    const bool flip = form.quantized && form.quantized->flip_b();
    const Tensor weights = flip ? flipped(constants[1]) : constants[1];
    std::vector<Tensor> blobs{pack_rows(weights, form.variant.math, 1, form.weights[0], channels * taps, at)};
    if (form.quantized) {
      const int64_t k = channels * taps;
      const auto sum = [&](int64_t filter) { return byte_sum(weights, form.quantized->b_type(), filter * k, 1, k); };
      SINTER_ASSIGN(blobs.emplace_back(), form.quantized->table(constants, sum));
    }
    return blobs;
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer,
                                       std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Form form, form_of(problem));
    SINTER_ASSIGN(const DenseConfig config, parse_dense_config(offer.config));
    const DType type = form.quantized ? problem.inputs[1].dtype : form.variant.type;
    const int64_t elements = form.weights[0] * packed_row(product(form.weights, 1), form.element);
    SINTER_TRY(check_packed(id(), blobs, type, elements, form.quantized ? 2 : 1));
    if (form.quantized) SINTER_TRY(form.quantized->check_table(id(), blobs[1]));
    SINTER_ASSIGN(Function function, load_code(blobs, "dense"));
    auto kernel = std::make_unique<ConvKernel>(problem, std::move(form));
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

SINTER_CUDA_TACTIC(conv_dense, ConvDense)

}  // namespace sinter::cuda
