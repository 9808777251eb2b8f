#include "cpu/conv_byte_method.h"

#include <algorithm>

namespace sinter::cpu {
namespace {

class ByteConvKernel final : public Kernel {
 public:
  ByteConvKernel(const Problem& problem, const KernelTable& table, std::unique_ptr<ByteConvMethod> method, ByteColumns columns, std::span<const Tensor> blobs)
      : problem_(problem), table_(table), method_(std::move(method)), columns_(std::move(columns)), weights_(blobs[0]),
        sums_(blobs[1]), is_signed_(problem.inputs[kByteX].dtype == DType::kI8) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    SINTER_ASSIGN(const ConvShape shape, conv_shape(problem_, inputs[0], inputs[1], outputs[0]));
    columns_.set_dims(inputs, outputs[0], shape.out_channels, shape.kh * shape.kw * (shape.channels / shape.groups), is_signed_ && method_->flips(table_));
    out_channels_ = shape.out_channels;
    return method_->fix(table_, shape, is_signed_, has_weight_zero(problem_), threads);
  }

  Status launch(const LaunchArgs& args) override {
    columns_.update(args, sums_.data<int32_t>());
    const ByteSource source{args.inputs[0], is_signed_, columns_.x_zero()};
    const Epilogue epilogue = columns_.at(args, out_channels_);
    method_->run(table_, source, weights_.data<int8_t>(), args.outputs[0], epilogue, *args.team, args.workspace);
    return ok_status();
  }

 private:
  Problem problem_;
  const KernelTable& table_;
  std::unique_ptr<ByteConvMethod> method_;
  ByteColumns columns_;
  Tensor weights_, sums_;
  bool is_signed_;
  int64_t out_channels_ = 0;
};

// Why no convolution of 8-bit values can take the problem.
std::string unsuitable(const Problem& problem) {
  if (std::string reason = byte_dense_unsuitable(problem); !reason.empty()) return reason;
  const int rank = problem.inputs[kByteX].rank();
  if (rank != 3 && rank != 4) return fmt::format("rank {}, takes 3 and 4", rank);
  if (!problem.inputs[kByteW].constant || !problem.inputs[kByteW].is_static()) return "weights are not constant";
  const Dims& w = problem.inputs[kByteW].opt;
  if (product(w, 1) > kLongestByteSum) return fmt::format("sums of {} products, exact up to {}", product(w, 1), kLongestByteSum);
  for (const int input : {kByteScale, kByteWZero}) {
    if (input >= problem.op_input_count() || !problem.inputs[static_cast<size_t>(input)].present) continue;
    const int64_t count = product(problem.inputs[static_cast<size_t>(input)].opt);
    if (count != 1 && count != w[0]) return fmt::format("{} scales or zero points for {} filters", count, w[0]);
  }
  return "";
}

}  // namespace

void ByteConvTactic::query(const Problem& problem, Answer& answer) const {
  if (!is_op(problem, "QuantizedConv", "sinter")) return;
  if (const std::string reason = unsuitable(problem); !reason.empty()) return answer.decline(reason);
  const auto shape = conv_shape_at_optimum(problem);
  if (!shape.ok()) return answer.decline(shape.status().message());
  const auto match = match_byte_epilogue(problem, 1);
  if (!match.ok()) return answer.decline(match.status().message());
  for (const Layout layout : source_layouts()) {
    const std::unique_ptr<ByteConvMethod> way = method(layout);
    if (const std::string reason = way->unsuitable(problem, *shape); !reason.empty()) return answer.decline(reason);
    for (const std::string& config : has_tiles() ? byte_configs(problem.isa) : std::vector<std::string>{""}) {
      Offer offer;
      offer.config = config;
      offer.input_layouts = {layout};
      offer.output_layouts = {Layout::kChannelsLast};
      book_byte_dense(problem, *match, Layout::kChannelsLast, offer);
      offer.packed_inputs[kByteW] = true;
      offer.workspace_bytes = way->fix(*byte_kernel_table(problem.isa, config), *shape, problem.inputs[kByteX].dtype == DType::kI8,
                                       has_weight_zero(problem), problem.threads);
      answer.offer(std::move(offer));
    }
  }
}

Result<std::vector<Tensor>> ByteConvTactic::prepare(const Problem& problem, const Offer& offer, std::span<const Tensor> constants) const {
  SINTER_ASSIGN(const ConvShape shape, conv_shape_at_optimum(problem));
  SINTER_ASSIGN(const ByteDense match, match_byte_epilogue(problem, 1));
  const std::unique_ptr<ByteConvMethod> way = method(offer.input_layouts[0]);
  std::vector<Tensor> blobs{Tensor(DType::kI8, {way->packed_bytes(shape)}), Tensor(DType::kI32, {shape.out_channels})};
  way->pack(shape, signed_weights(constants[kByteW]).data<int8_t>(), blobs[0].data<int8_t>(), blobs[1].data<int32_t>());
  append_byte_constants(problem, match, offer, constants, blobs);
  return blobs;
}

Result<std::unique_ptr<Kernel>> ByteConvTactic::bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const {
  const auto damaged = [&](std::string_view what) { return make_error(Code::kInvalidEngine, "{}: {}; the engine is damaged: rebuild it", id(), what); };
  if (const std::string reason = unsuitable(problem); !reason.empty()) return damaged(reason);
  const KernelTable* table = byte_kernel_table(problem.isa, offer.config);
  if (table == nullptr) return damaged(fmt::format("unknown config '{}'", offer.config));
  SINTER_ASSIGN(const ConvShape shape, conv_shape_at_optimum(problem));
  SINTER_ASSIGN(const ByteDense match, match_byte_epilogue(problem, 1));
  const std::vector<Layout> layouts = source_layouts();
  if (offer.input_layouts.empty() || std::find(layouts.begin(), layouts.end(), offer.input_layouts[0]) == layouts.end()) return damaged("unknown layout");
  std::unique_ptr<ByteConvMethod> way = method(offer.input_layouts[0]);
  if (const std::string reason = way->unsuitable(problem, shape); !reason.empty()) return damaged(reason);
  if (blobs.size() < 2 || blobs[0].dtype() != DType::kI8 || blobs[0].count() != way->packed_bytes(shape) || blobs[1].dtype() != DType::kI32 ||
      blobs[1].count() != shape.out_channels) {
    return damaged(fmt::format("found {} blobs, expected {} bytes of weights and {} sums first", blobs.size(), way->packed_bytes(shape), shape.out_channels));
  }
  SINTER_ASSIGN(ByteColumns columns, ByteColumns::make(id(), problem, offer, match, blobs, 2));
  return std::unique_ptr<Kernel>(std::make_unique<ByteConvKernel>(problem, *table, std::move(way), std::move(columns), blobs));
}

}  // namespace sinter::cpu
