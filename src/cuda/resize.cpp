// Resize of the two spatial axes of an image, modes nearest and linear; f32, f16 and bf16, nearest also i8 and u8; row-major and channels-last. Cubic, antialiasing
// and cropping are declined. Bandwidth-bound.
#include <algorithm>
#include <optional>

#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

constexpr int64_t kMostChannels = 8;  // of a thread

// As in kernels/resize.cu.
struct ResizeArgs {
  int64_t count = 0, channels = 0, out_h = 0, out_w = 0, in_n = 0, in_c = 0, in_h = 0, in_w = 0;
  int32_t channels_last = 0, linear = 0;
  double shift[2] = {}, factor[2] = {1, 1}, divisor[2] = {1, 1}, offset[2] = {};
  int64_t limit[2] = {};
  int32_t rounding = 0;
};

bool has_scales(const Problem& problem) {
  return problem.inputs.size() > 2 && problem.inputs[2].present && !product(problem.inputs[2].shape).is(0);
}

// The scale of an axis: as given, or the ratio of the sizes.
double scale_of(const Problem& problem, int64_t axis, int64_t in, int64_t out) {
  if (!has_scales(problem)) return static_cast<double>(out) / static_cast<double>(in);
  const int64_t rank = problem.inputs[0].rank();
  const std::vector<int64_t> axes = problem.attributes.ints_or("axes", {});
  const std::vector<double> scales = problem.inputs[2].value.to_f64();
  for (size_t i = 0; i < scales.size(); ++i) {
    const int64_t scaled = axes.empty() ? static_cast<int64_t>(i) : i < axes.size() ? normal_axis(axes[i], rank) : -1;
    if (scaled == axis) return scales[i];
  }
  return 1;
}

class ResizeKernel final : public Kernel {
 public:
  ResizeKernel(Function function, Function last, Problem problem, Layout layout)
      : function_(std::move(function)), last_(std::move(last)), problem_(std::move(problem)), layout_(layout) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    const Dims &in = inputs[0], &out = outputs[0];
    args_ = ResizeArgs();
    const int64_t count = product(out);
    if (count != 0 && product(in) == 0) {
      return make_error(Code::kInvalidArgument, "resize of the empty image {} to {}; expected at least one pixel", to_string(in), to_string(out));
    }
    const bool last = layout_ == Layout::kChannelsLast;
    args_.channels = in[1];
    args_.out_h = out[2];
    args_.out_w = out[3];
    args_.in_n = in[1] * in[2] * in[3];
    args_.in_c = last ? 1 : in[2] * in[3];
    args_.in_h = last ? in[3] * in[1] : in[3];
    args_.in_w = last ? in[1] : 1;
    args_.channels_last = last;
    args_.linear = problem_.attributes.s_or("mode", "nearest") == "linear";
    const std::string rounding = problem_.attributes.s_or("nearest_mode", "round_prefer_floor");
    args_.rounding = rounding == "floor" ? 2 : rounding == "ceil" ? 3 : rounding == "round_prefer_ceil" ? 1 : 0;
    // Threads: vectors of channels, or groups of channels of a pixel.
    const int64_t each = 16 / element_bytes(problem_.inputs[0].dtype);
    vectors_ = last && in[1] % each == 0 && count <= INT32_MAX;
    each_ = static_cast<int32_t>(last ? 1 : std::min<int64_t>(in[1], kMostChannels));
    groups_ = ceil_quotient(in[1], std::max(each_, 1));
    args_.count = vectors_ ? count / each : out[0] * out[2] * out[3] * groups_;
    for (int axis = 0; axis < 2; ++axis) map_axis(axis, in[static_cast<size_t>(axis + 2)], out[static_cast<size_t>(axis + 2)]);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const Launch how = a_thread_each(args_.count, args.stream);
    if (vectors_) return cuda::launch(last_, how, args.inputs[0], args.outputs[0], args_);
    const int64_t pixels = args_.out_h * args_.out_w, out_c = layout_ == Layout::kChannelsLast ? 1 : pixels;
    return cuda::launch(function_, how, args.inputs[0], args.outputs[0], args_, pixels, groups_, out_c, each_);
  }

 private:
  void map_axis(int axis, int64_t in, int64_t out) {
    const std::string mode = problem_.attributes.s_or("coordinate_transformation_mode", "half_pixel");
    const double scale = in == 0 ? 1 : scale_of(problem_, axis + 2, in, out);
    // The length whose last place is the corner: as given, or the scaled one in the arithmetic of the kernel.
    const auto size = static_cast<double>(in);
    const double length = !has_scales(problem_) ? static_cast<double>(out) : args_.linear ? scale * size : static_cast<double>(static_cast<float>(scale) * static_cast<float>(in));
    args_.limit[axis] = in - 1;
    args_.divisor[axis] = scale;
    if (mode == "align_corners") {
      args_.factor[axis] = out == 1 ? 0 : static_cast<double>(in - 1);
      args_.divisor[axis] = out == 1 ? 1 : length - 1;
    } else if (mode == "pytorch_half_pixel" && out <= 1) {
      args_.factor[axis] = 0;
    } else if (mode != "asymmetric") {
      args_.shift[axis] = 0.5;
      args_.offset[axis] = -0.5;
    }
  }

  Function function_, last_;
  bool vectors_ = false;  // resize_last does it
  int32_t each_ = 1;
  int64_t groups_ = 1;
  Problem problem_;
  Layout layout_;
  ResizeArgs args_;
};

std::string unsuitable(const Problem& problem) {
  const TensorDesc &in = problem.inputs[0], &out = problem.outputs[0];
  if (problem.has_epilogue()) return "an epilogue";
  const bool bytes = (in.dtype == DType::kI8 || in.dtype == DType::kU8) && problem.attributes.s_or("mode", "nearest") == "nearest";
  if (!is_compute_float(in.dtype) && !bytes) return "not f32, f16 or bf16, nor the nearest of i8 or u8";
  if (in.rank() != 4 || out.rank() != 4 || in.shape[0] != out.shape[0] || in.shape[1] != out.shape[1]) return "not two spatial axes";
  const std::string mode = problem.attributes.s_or("mode", "nearest");
  if (mode != "nearest" && mode != "linear") return "mode " + mode;
  if (problem.attributes.i_or("antialias", 0) != 0) return "antialiasing";
  const std::string coordinates = problem.attributes.s_or("coordinate_transformation_mode", "half_pixel");
  for (const char* known : {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"}) {
    if (coordinates != known) continue;
    if (has_scales(problem) && !problem.inputs[2].value.defined()) return "scales are not constant";
    return problem.attributes.s_or("keep_aspect_ratio_policy", "stretch") == "stretch" ? "" : "a policy for the aspect ratio";
  }
  return "coordinate mode " + coordinates;
}

class Resize final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Resize")) return;
    const std::string reason = unsuitable(problem);
    if (!reason.empty()) return answer.decline(reason);
    for (Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
      Offer offer = uniform_offer(problem, layout);
      offer.packed_inputs.assign(problem.inputs.size(), false);
      for (size_t i = 1; i < problem.inputs.size(); ++i) {
        offer.input_layouts[i] = Layout::kRowMajor;
        offer.packed_inputs[i] = problem.inputs[i].present && problem.inputs[i].constant && problem.inputs[i].is_static();
      }
      answer.offer(std::move(offer));
    }
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function function, load_code(blobs, "resize"));
    SINTER_ASSIGN(Function last, load_code(blobs, "resize_last"));
    return std::unique_ptr<Kernel>(std::make_unique<ResizeKernel>(std::move(function), std::move(last), problem, offer.output_layouts[0]));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    return Source{"resize.cu", {fmt::format("TYPE={}", device_type(problem.inputs[0].dtype))}, ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(resize, Resize)

}  // namespace sinter::cuda
