#include "core/window.h"

#include <algorithm>

namespace sinter {

Result<Window> resolve_window(const Problem& problem, const Dims& input, const Dims& output, const Dims& kernel_dims) {
  const Attributes& attributes = problem.attributes;
  if (input.size() < 3 || input.size() != output.size()) {
    return make_error(Code::kUnsupported, "window: found input {} and output {}, expected equal ranks of at least 3", to_string(input),
                      to_string(output));
  }
  const size_t rank = input.size() - 2;
  Window window;
  window.kernel = attributes.ints_or("kernel_shape", kernel_dims);
  if (window.kernel.empty()) window.kernel = kernel_dims;
  window.stride = attributes.ints_or("strides", {});
  window.dilation = attributes.ints_or("dilations", {});
  window.groups = attributes.i_or("group", 1);
  if (window.stride.empty()) window.stride.assign(rank, 1);
  if (window.dilation.empty()) window.dilation.assign(rank, 1);
  const std::vector<int64_t> pads = attributes.ints_or("pads", {});
  const std::string mode = attributes.s_or("auto_pad", "NOTSET");
  const bool sizes_fit = window.kernel.size() == rank && window.stride.size() == rank && window.dilation.size() == rank &&
                         (pads.empty() || pads.size() == 2 * rank);
  if (!sizes_fit) {
    return make_error(Code::kInvalidModel, "window: kernel_shape, strides, dilations or pads don't have one entry for each of {} axes", rank);
  }
  const bool transposed = problem.op == "ConvTranspose";
  // A transposed convolution whose output size is wanted shares out the padding that this leaves, output_padding included.
  const bool sized = transposed && (!attributes.ints_or("output_shape", {}).empty() || mode == "SAME_UPPER" || mode == "SAME_LOWER");
  std::vector<int64_t> output_padding = attributes.ints_or("output_padding", {});
  output_padding.resize(rank, 0);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t extent = (window.kernel[i] - 1) * window.dilation[i] + 1;
    const int64_t in = input[i + 2], out = output[i + 2];
    // What the window covers minus the real extent: all the padding there is, at both ends.
    const int64_t total = transposed ? (in - 1) * window.stride[i] + extent - out : (out - 1) * window.stride[i] + extent - in;
    int64_t begin = 0;
    if (sized) {
      const int64_t shared = std::max<int64_t>(total + output_padding[i], 0);
      begin = mode == "SAME_UPPER" ? shared / 2 : shared - shared / 2;
    } else if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
      const int64_t shared = std::max<int64_t>(total, 0);
      begin = mode == "SAME_UPPER" ? shared / 2 : (shared + 1) / 2;
    } else if (mode == "NOTSET" && !pads.empty()) {
      begin = pads[i];
    }
    window.pad_begin.push_back(begin);
    window.pad_end.push_back(total - begin);
  }
  return window;
}

}  // namespace sinter
