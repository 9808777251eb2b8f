#include "cpu/conv_method.h"

#include "cpu/dense_epilogue.h"

namespace sinter::cpu {
namespace {

class ConvKernel final : public Kernel {
 public:
  ConvKernel(const Problem& problem, std::unique_ptr<ConvMethod> method, DenseEpilogue epilogue, std::span<const Tensor> blobs)
      : problem_(problem), table_(kernel_table(problem.isa)), method_(std::move(method)), epilogue_(std::move(epilogue)), weights_(blobs[0]) {
    if (blobs.size() > 1) bias_ = blobs[1];
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    SINTER_ASSIGN(const ConvShape shape, conv_shape(problem_, inputs[0], inputs[1], outputs[0]));
    epilogue_.set_dims(inputs, outputs[0]);
    out_channels_ = shape.out_channels;
    return method_->fix(table_, shape, threads);
  }

  Status launch(const LaunchArgs& args) override {
    const Epilogue epilogue = epilogue_.at(args, bias_, out_channels_);
    method_->run(table_, static_cast<const float*>(args.inputs[0]), weights_.data<float>(), static_cast<float*>(args.outputs[0]), epilogue,
                 *args.team, args.workspace);
    return ok_status();
  }

 private:
  Problem problem_;
  const KernelTable& table_;
  std::unique_ptr<ConvMethod> method_;
  DenseEpilogue epilogue_;
  Tensor weights_, bias_;
  int64_t out_channels_ = 0;
};

}  // namespace

void ConvTactic::query(const Problem& problem, Answer& answer) const {
  if (!is_op(problem, op())) return;
  if (const std::string reason = conv_unsuitable(problem); !reason.empty()) return answer.decline(reason);
  const auto shape = conv_shape_at_optimum(problem);
  if (!shape.ok()) return answer.decline(shape.status().message());
  const auto epilogue = match_epilogue(problem, 1, conv_bias_input(problem));
  if (!epilogue.ok()) return answer.decline(epilogue.status().message());
  for (const ConvVariant& variant : variants()) {
    const std::unique_ptr<ConvMethod> way = method(variant, *shape);
    if (const std::string reason = way->unsuitable(problem, *shape); !reason.empty()) {
      answer.decline(variant.config.empty() ? reason : fmt::format("{}: {}", variant.config, reason));
      continue;
    }
    const auto workspace = way->fix(kernel_table(problem.isa), *shape, problem.threads);
    if (!workspace.ok()) {
      answer.decline(workspace.status().message());
      continue;
    }
    Offer offer;
    offer.config = variant.config;
    offer.input_layouts = {variant.source};
    offer.output_layouts = {Layout::kChannelsLast};
    book_epilogue(problem, *epilogue, Layout::kChannelsLast, offer);
    offer.packed_inputs[1] = true;
    offer.workspace_bytes = *workspace;
    answer.offer(std::move(offer));
  }
}

Result<std::unique_ptr<ConvMethod>> ConvTactic::method_of(const Problem& problem, const Offer& offer, const ConvShape& shape) const {
  std::unique_ptr<ConvMethod> way;
  if (!offer.input_layouts.empty()) way = method({offer.input_layouts[0], offer.config}, shape);
  const std::string reason = way != nullptr ? way->unsuitable(problem, shape) : "unknown variant '" + offer.config + "'";
  if (!reason.empty()) return make_error(Code::kInvalidEngine, "{}: {}; the engine is damaged: rebuild it", id(), reason);
  return way;
}

Result<std::vector<Tensor>> ConvTactic::prepare(const Problem& problem, const Offer& offer, std::span<const Tensor> constants) const {
  SINTER_ASSIGN(const ConvShape shape, conv_shape_at_optimum(problem));
  SINTER_ASSIGN(const std::unique_ptr<ConvMethod> way, method_of(problem, offer, shape));
  SINTER_ASSIGN(const DenseEpilogue epilogue, match_epilogue(problem, 1, conv_bias_input(problem)));
  std::vector<Tensor> blobs{Tensor(DType::kF32, {way->packed_floats(shape)})};
  way->pack(shape, constants[1].data<float>(), blobs[0].data<float>());
  if (epilogue.bias_input >= 0 && offer.packed_inputs[static_cast<size_t>(epilogue.bias_input)]) {
    const Tensor& bias = constants[static_cast<size_t>(epilogue.bias_input)];
    blobs.push_back(bias.reshaped({bias.count()}));
  }
  return blobs;
}

Result<std::unique_ptr<Kernel>> ConvTactic::bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const {
  SINTER_ASSIGN(const ConvShape shape, conv_shape_at_optimum(problem));
  SINTER_ASSIGN(std::unique_ptr<ConvMethod> way, method_of(problem, offer, shape));
  SINTER_ASSIGN(DenseEpilogue epilogue, match_epilogue(problem, 1, conv_bias_input(problem)));
  SINTER_TRY(check_dense_blobs(id(), problem, offer, epilogue.bias_input, blobs, way->packed_floats(shape)));
  return std::unique_ptr<Kernel>(std::make_unique<ConvKernel>(problem, std::move(way), std::move(epilogue), blobs));
}

}  // namespace sinter::cpu
