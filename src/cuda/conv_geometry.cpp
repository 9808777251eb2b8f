#include "cuda/conv_geometry.h"

#include "cuda/cuda_tactic.h"
#include "cuda/quantized_dense.h"

namespace sinter::cuda {

Result<ConvShape> conv_shape(const Problem& problem, const Dims& input, const Dims& weights, const Dims& output) {
  SINTER_ASSIGN(const Window window, resolve_window(problem, input, output, {weights.begin() + 2, weights.end()}));
  const int rank = window.spatial_rank();
  if (rank > 2) return make_error(Code::kUnsupported, "{} spatial axes, this kernel does 1 or 2", rank);
  const size_t x = static_cast<size_t>(rank) - 1;
  ConvShape shape;
  shape.batch = input[0];
  shape.channels = input[1];
  shape.out_channels = output[1];
  shape.groups = window.groups;
  shape.w = input[2 + x];
  shape.ow = output[2 + x];
  shape.kw = window.kernel[x];
  shape.stride_w = window.stride[x];
  shape.dilation_w = window.dilation[x];
  shape.pad_left = window.pad_begin[x];
  if (rank == 2) {
    shape.h = input[2];
    shape.oh = output[2];
    shape.kh = window.kernel[0];
    shape.stride_h = window.stride[0];
    shape.dilation_h = window.dilation[0];
    shape.pad_top = window.pad_begin[0];
  }
  return shape;
}

std::string conv_unsuitable(const Problem& problem) {
  const int rank = problem.inputs[0].rank();
  if (rank != 3 && rank != 4) return fmt::format("rank {}, takes 3 and 4", rank);
  if (!problem.inputs[1].constant || !problem.inputs[1].is_static()) return "weights are not constant";
  const auto math = dense_math(problem);
  return math.ok() ? "" : math.status().message();
}

int conv_bias_input(const Problem& problem) {
  if (is_quantized_dense(problem)) return -1;  // part of its table
  return problem.op_input_count() > 2 && problem.inputs[2].present ? 2 : -1;
}

EpilogueForm conv_epilogue_form(const Problem& problem) {
  EpilogueForm form;
  form.parts.assign(problem.outputs[0].shape.size(), AxisPart::kPixel);
  form.parts[0] = AxisPart::kImage;
  form.parts[1] = AxisPart::kColumn;
  form.layout = Layout::kChannelsLast;
  form.grouped = true;
  form.bias_input = conv_bias_input(problem);
  form.bias_per_column = true;
  return form;
}

Result<sinter_kernels::DenseParams> conv_params(const ConvShape& s, int element) {
  const int64_t rows = s.batch * s.oh * s.ow, channels = s.group_channels(), k = s.kh * s.kw * channels;
  for (const int64_t value : {rows, s.h * s.w * s.channels, k, s.h + s.kh * s.dilation_h, s.w + s.kw * s.dilation_w}) {
    if (value >= INT32_MAX)
      return make_error(Code::kUnsupported, "an image of {} elements or {} pixels in all is too large for this kernel",
                        s.h * s.w * s.channels, rows);
  }
  const auto i32 = [](int64_t value) { return static_cast<int>(value); };
  sinter_kernels::DenseParams p{};
  p.m = i32(rows);
  p.n = i32(s.group_outputs());
  p.k = i32(k);
  p.b_row = packed_row(k, element);
  p.b_k = i32(p.b_row);
  p.inner_count = i32(s.groups);
  p.by_inner = divisor(s.groups);
  p.a_inner = channels;
  p.b_inner = s.group_outputs() * p.b_row;
  p.c_inner = s.group_outputs();
  p.rows_y = i32(s.oh);
  p.rows_x = i32(s.ow);
  p.by_image = p.by_operand = divisor(s.oh * s.ow);
  p.operand_rows = i32(s.oh * s.ow);
  p.by_x = divisor(s.ow);
  p.a_image = s.h * s.w * s.channels;
  p.a_y = s.stride_h * s.w * s.channels;
  p.a_x = s.stride_w * s.channels;
  p.a_origin = -(s.pad_top * s.w + s.pad_left) * s.channels;
  p.a_r = s.dilation_h * s.w * s.channels;
  p.a_s = s.dilation_w * s.channels;
  p.y_step = i32(s.stride_h);
  p.y_origin = i32(-s.pad_top);
  p.y_tap = i32(s.dilation_h);
  p.height = i32(s.h);
  p.x_step = i32(s.stride_w);
  p.x_origin = i32(-s.pad_left);
  p.x_tap = i32(s.dilation_w);
  p.width = i32(s.w);
  p.taps_r = i32(s.kh);
  p.taps_s = i32(s.kw);
  p.channels = i32(channels);
  p.by_channels = divisor(channels);
  p.by_s = divisor(s.kw);
  p.c_image = s.oh * s.ow * s.out_channels;
  p.c_y = s.ow * s.out_channels;
  p.c_x = s.out_channels;
  return p;
}

Result<sinter_kernels::DenseParams> patch_params(const ConvShape& s, int element) {
  SINTER_ASSIGN(sinter_kernels::DenseParams p, conv_params(s, element));
  p.a_x = s.stride_w;
  p.a_y = s.stride_h * s.w;
  p.a_r = s.h * s.w;
  p.a_s = s.dilation_h * s.w;
  p.taps_r = static_cast<int>(s.channels);
  p.taps_s = static_cast<int>(s.kh);
  p.by_s = divisor(s.kh);
  p.channels = static_cast<int>(s.kw);
  p.by_channels = divisor(s.kw);
  return p;
}

Offer conv_offer(const Problem& problem, std::string config) {
  Offer offer;
  offer.config = std::move(config);
  offer.input_layouts.assign(problem.inputs.size(), Layout::kRowMajor);
  offer.input_layouts[0] = Layout::kChannelsLast;
  offer.output_layouts = {Layout::kChannelsLast};
  offer.packed_inputs.assign(problem.inputs.size(), false);
  offer.packed_inputs[1] = true;
  return offer;
}

Offer conv_offer(const Problem& problem, const DenseEpilogue& epilogue, std::string config) {
  Offer offer = conv_offer(problem, std::move(config));
  epilogue.book(offer);
  return offer;
}

Status check_packed(std::string_view tactic, std::span<const Tensor> blobs, DType dtype, int64_t elements, size_t made) {
  if (blobs.size() == made + 1 && blobs[0].dtype() == dtype && blobs[0].count() == elements) return ok_status();
  return make_error(
      Code::kInvalidEngine,
      "{}: found {} blobs, expected packed weights of {} {} elements and code; the engine is damaged: rebuild it",
      tactic, blobs.size(), elements, dtype_name(dtype));
}

}  // namespace sinter::cuda
