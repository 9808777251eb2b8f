#include "cpu/conv_geometry.h"

namespace sinter::cpu {

Result<ConvShape> conv_shape(const Problem& problem, const Dims& input, const Dims& weights, const Dims& output) {
  SINTER_ASSIGN(const Window window, resolve_window(problem, input, output, {weights.begin() + 2, weights.end()}));
  const int rank = window.spatial_rank();
  if (rank > 2) return make_error(Code::kUnsupported, "{} spatial axes, this kernel does 1 or 2", rank);
  const size_t y = 0, x = static_cast<size_t>(rank) - 1;
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
  shape.h = shape.oh = 1;
  if (rank == 2) {
    shape.h = input[2];
    shape.oh = output[2];
    shape.kh = window.kernel[y];
    shape.stride_h = window.stride[y];
    shape.dilation_h = window.dilation[y];
    shape.pad_top = window.pad_begin[y];
  }
  shape.src_pixel_stride = shape.channels;
  shape.dst_pixel_stride = shape.out_channels;
  return shape;
}

Result<ConvShape> conv_shape_at_optimum(const Problem& problem) {
  return conv_shape(problem, problem.inputs[0].opt, problem.inputs[1].opt, problem.outputs[0].opt);
}

int conv_bias_input(const Problem& problem) { return problem.op_input_count() > 2 && problem.inputs[2].present ? 2 : -1; }

std::string conv_unsuitable(const Problem& problem) {
  for (const TensorDesc& tensor : problem.inputs) {
    if (tensor.present && tensor.dtype != DType::kF32) return fmt::format("an input is {}, takes f32", dtype_name(tensor.dtype));
  }
  if (problem.outputs[0].dtype != DType::kF32) return fmt::format("the result is {}, gives f32", dtype_name(problem.outputs[0].dtype));
  const int rank = problem.inputs[0].rank();
  if (rank != 3 && rank != 4) return fmt::format("rank {}, takes 3 and 4", rank);
  if (!problem.inputs[1].constant || !problem.inputs[1].is_static()) return "weights are not constant";
  return "";
}

}  // namespace sinter::cpu
