// MaxPool, AveragePool and LpPool (p 1 and 2) over one to three spatial axes, f32, every layout, with pads, strides and dilations.
//
// Memory is [outer][depth][h][w][v]: v is 1 (row-major), all channels (channels-last) or a block of them; axes that are missing have one
// position. With channels and a small window each output pixel combines its taps. Otherwise an output row is made in two steps that are
// both vectors: the input rows of the window are reduced to one padded row, then that row's columns.
#include <algorithm>
#include <limits>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/pointwise_steps.h"
#include "cpu/kernels/row_kernels.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kMinPartElements = 16384;
constexpr int64_t kMostTaps = 16;  // of a window that is combined tap by tap

constexpr size_t kAxes = 3;        // depth, height, width

enum class Kind { kMax, kAverage, kL1, kL2 };

Kind kind_of(const Problem& problem) {
  if (problem.op == "LpPool") return problem.attributes.i_or("p", 2) == 1 ? Kind::kL1 : Kind::kL2;
  return problem.op == "AveragePool" ? Kind::kAverage : Kind::kMax;
}

// One spatial axis.
struct Axis {
  int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, before = 0, after = 0;
  int64_t padded() const { return std::max((out - 1) * stride + (kernel - 1) * dilation + 1, before + in); }
  // Taps of output position o that fall on the input, or on input and padding.
  int64_t taps(int64_t o, bool with_padding) const {
    int64_t count = 0;
    for (int64_t k = 0; k < kernel; ++k) {
      const int64_t i = o * stride - before + k * dilation;
      if (with_padding ? i < in + after : i >= 0 && i < in) ++count;
    }
    return count;
  }
};

class PoolKernel final : public Kernel {
 public:
  PoolKernel(const Problem& problem, const Offer& offer)
      : steps_(pointwise_steps(problem.isa)), rows_(row_kernels(problem.isa)), layout_(offer.input_layouts[0]), kind_(kind_of(problem)),
        include_padding_(problem.attributes.i_or("count_include_pad", 0) != 0), auto_pad_(problem.attributes.s_or("auto_pad", "NOTSET")) {
    const auto kernel = problem.attributes.ints("kernel_shape"), strides = problem.attributes.ints_or("strides", {}),
               dilations = problem.attributes.ints_or("dilations", {}), pads = problem.attributes.ints_or("pads", {});
    spatial_ = kernel.size();
    for (size_t a = 0; a < spatial_; ++a) {
      Axis& axis = axes_[kAxes - spatial_ + a];
      axis.kernel = kernel[a];
      axis.stride = a < strides.size() ? strides[a] : 1;
      axis.dilation = a < dilations.size() ? dilations[a] : 1;
      axis.before = pads.size() == 2 * spatial_ ? pads[a] : 0;
      axis.after = pads.size() == 2 * spatial_ ? pads[a + spatial_] : 0;
    }
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    const Dims &in = inputs[0], &out = outputs[0];
    const int64_t block = channel_block(layout_);
    vector_ = layout_ == Layout::kRowMajor ? 1 : block > 1 ? block : in[1];
    outer_ = layout_ == Layout::kRowMajor ? in[0] * in[1] : block > 1 ? in[0] * ceil_quotient(in[1], block) : in[0];
    for (size_t a = 0; a < spatial_; ++a) set_axis(axes_[kAxes - spatial_ + a], in[a + 2], out[a + 2]);
    factors_.clear();
    for (int64_t x = 0; kind_ == Kind::kAverage && x < width().out; ++x) factors_.push_back(static_cast<float>(width().taps(x, include_padding_)));
    // The padded row, one gathered row of outputs, and the powers of one row of inputs.
    row_floats_ = round_up((width().padded() + width().out + width().in) * vector_, 16);
    return row_floats_ * 4 * threads;
  }

  Status launch(const LaunchArgs& args) override {
    const Axis &depth = axes_[0], &height = axes_[1];
    const int64_t rows = outer_ * depth.out * height.out, taps = depth.kernel * height.kernel * width().kernel;
    const int64_t unit = std::max<int64_t>(1, width().out * vector_ * (depth.kernel * height.kernel + width().kernel));
    const int parts = static_cast<int>(std::min<int64_t>(args.team->size(), std::max<int64_t>(1, rows * unit / kMinPartElements)));
    args.team->run(parts, [&](int part) {
      float* scratch = static_cast<float*>(args.workspace) + part * row_floats_;
      for (int64_t r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        const int64_t y = r % height.out, z = r / height.out % depth.out;
        const float* volume = static_cast<const float*>(args.inputs[0]) + r / (height.out * depth.out) * depth.in * height.in * width().in * vector_;
        float* d = static_cast<float*>(args.outputs[0]) + r * width().out * vector_;
        if (vector_ > 1 && taps <= kMostTaps && !powers()) output_pixels(volume, z, y, d);
        else output_row(volume, z, y, d, scratch);
      }
    });
    return ok_status();
  }

 private:
  const Axis& width() const { return axes_[2]; }
  bool powers() const { return kind_ == Kind::kL1 || kind_ == Kind::kL2; }

  void set_axis(Axis& axis, int64_t in, int64_t out) const {
    axis.in = in;
    axis.out = out;
    if (auto_pad_ == "NOTSET" || auto_pad_.empty()) return;
    const int64_t total = std::max<int64_t>(0, (out - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1 - in);
    axis.before = auto_pad_ == "VALID" ? 0 : auto_pad_ == "SAME_LOWER" ? total - total / 2 : total / 2;
    axis.after = auto_pad_ == "VALID" ? 0 : total - axis.before;
  }

  PointwiseStep step(PointwiseOp op, int scalars = 0) const { return steps_.step[static_cast<int>(op)][scalars]; }

  // fn(row of the input) for every one in the window of output (z, y).
  template <typename Fn>
  void for_rows(const float* volume, int64_t z, int64_t y, Fn fn) const {
    const Axis &depth = axes_[0], &height = axes_[1];
    for (int64_t kz = 0, i = z * depth.stride - depth.before; kz < depth.kernel; ++kz, i += depth.dilation) {
      if (i < 0 || i >= depth.in) continue;
      for (int64_t ky = 0, j = y * height.stride - height.before; ky < height.kernel; ++ky, j += height.dilation) {
        if (j >= 0 && j < height.in) fn(volume + (i * height.in + j) * width().in * vector_);
      }
    }
  }

  // What an average's row of windows is divided by, per column.
  float row_count(int64_t z, int64_t y) const {
    return kind_ == Kind::kAverage ? static_cast<float>(axes_[0].taps(z, include_padding_) * axes_[1].taps(y, include_padding_)) : 1.0f;
  }

  void output_pixels(const float* volume, int64_t z, int64_t y, float* d) const {
    const Axis& w = width();
    const float rows = row_count(z, y);
    for (int64_t x = 0; x < w.out; ++x, d += vector_) {
      const float* taps[kMostTaps];
      int count = 0;
      for_rows(volume, z, y, [&](const float* row) {
        for (int64_t kx = 0, j = x * w.stride - w.before; kx < w.kernel; ++kx, j += w.dilation) {
          if (j >= 0 && j < w.in) taps[count++] = row + j * vector_;
        }
      });
      if (count == 0) std::fill_n(d, vector_, kind_ == Kind::kAverage ? 0.0f : -std::numeric_limits<float>::infinity());
      else if (kind_ == Kind::kAverage) rows_.sum_of_rows(d, taps, count, 1.0f / (rows * factors_[static_cast<size_t>(x)]), vector_);
      else rows_.max_of_rows(d, taps, count, vector_);
    }
  }

  void output_row(const float* volume, int64_t z, int64_t y, float* d, float* scratch) const {
    const Axis& w = width();
    const PointwiseStep combine = step(kind_ == Kind::kMax ? PointwiseOp::kMax : PointwiseOp::kAdd);
    const float start = kind_ == Kind::kMax ? -std::numeric_limits<float>::infinity() : 0.0f;
    const int64_t n = w.in * vector_;
    float *row = scratch, *middle = scratch + w.before * vector_, *gathered = scratch + w.padded() * vector_, *power = gathered + w.out * vector_;
    std::fill_n(row, w.padded() * vector_, start);
    for_rows(volume, z, y, [&](const float* from) {
      if (kind_ == Kind::kL1) step(PointwiseOp::kAbs)(power, from, nullptr, nullptr, n);
      if (kind_ == Kind::kL2) step(PointwiseOp::kMul)(power, from, from, nullptr, n);
      combine(middle, middle, powers() ? power : from, nullptr, n);
    });
    for (int64_t k = 0; k < w.kernel; ++k) columns(row + k * w.dilation * vector_, d, gathered, k == 0, combine);
    if (kind_ == Kind::kL2) step(PointwiseOp::kSqrt)(d, d, nullptr, nullptr, w.out * vector_);
    if (kind_ != Kind::kAverage) return;
    const float rows = row_count(z, y);
    for (int64_t x = 0; x < w.out; ++x) {
      const float count = rows * factors_[static_cast<size_t>(x)];
      const float factor = 1.0f / count;
      step(PointwiseOp::kMul, 2)(d + x * vector_, d + x * vector_, &factor, nullptr, vector_);
    }
  }

  // Combines one column of every window into the outputs.
  void columns(const float* from, float* d, float* gathered, bool first, PointwiseStep combine) const {
    const Axis& w = width();
    const int64_t n = w.out * vector_;
    if (w.stride != 1 && vector_ >= 64) {
      for (int64_t x = 0; x < w.out; ++x) {
        const float* a = from + x * w.stride * vector_;
        if (first) {
          std::copy_n(a, vector_, d + x * vector_);
        } else {
          combine(d + x * vector_, d + x * vector_, a, nullptr, vector_);
        }
      }
      return;
    }
    if (w.stride != 1) {
      gather(from, gathered);
      from = gathered;
    }
    if (first) {
      std::copy_n(from, n, d);
    } else {
      combine(d, d, from, nullptr, n);
    }
  }

  void gather(const float* from, float* gathered) const {
    const int64_t out = width().out, stride = width().stride;
    if (vector_ == 1) {
      for (int64_t x = 0; x < out; ++x) gathered[x] = from[x * stride];
    } else if (vector_ == 16) {
      for (int64_t x = 0; x < out; ++x) std::copy_n(from + x * stride * 16, 16, gathered + x * 16);
    } else {
      for (int64_t x = 0; x < out; ++x) std::copy_n(from + x * stride * vector_, vector_, gathered + x * vector_);
    }
  }

  const PointwiseSteps& steps_;
  const RowKernels& rows_;
  Layout layout_;
  Kind kind_;
  bool include_padding_;
  std::string auto_pad_;
  size_t spatial_ = 2;
  Axis axes_[kAxes];
  std::vector<float> factors_;
  int64_t vector_ = 1, outer_ = 0, row_floats_ = 0;
};

class Pool final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "MaxPool") && !is_op(problem, "AveragePool") && !is_op(problem, "LpPool")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    if (problem.inputs[0].dtype != DType::kF32) return answer.decline("not f32");
    const int rank = problem.inputs[0].rank();
    if (rank < 3 || rank > 5) return answer.decline("not one to three spatial axes");
    if (problem.attributes.ints("kernel_shape").size() != static_cast<size_t>(rank) - 2) return answer.decline("kernel_shape does not fit the rank");
    if (is_op(problem, "LpPool") && problem.attributes.i_or("p", 2) != 1 && problem.attributes.i_or("p", 2) != 2) return answer.decline("p is neither 1 nor 2");
    if (problem.outputs.size() > 1 && problem.outputs[1].present) return answer.decline("indices are wanted");
    for (int l = 0; l < kLayoutCount; ++l) {
      Offer offer = uniform_offer(problem, static_cast<Layout>(l));
      const std::vector<Dims> inputs{problem.inputs[0].opt}, outputs{problem.outputs[0].opt};
      offer.workspace_bytes = *PoolKernel(problem, offer).specialize(inputs, outputs, problem.threads);
      answer.offer(std::move(offer));
    }
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<PoolKernel>(problem, offer));
  }
};

}  // namespace

SINTER_CPU_TACTIC(pool, Pool)

}  // namespace sinter::cpu
