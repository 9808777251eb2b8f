// MaxPool and AveragePool over two spatial axes, f32, every layout, with pads, strides and dilations.
//
// Memory is [outer][h][w][v]: v is 1 (row-major), all channels (channels-last) or a block of them. With channels and a small window each
// output pixel combines its taps. Otherwise an output row is made in two steps that are both vectors: the input rows of the window are
// reduced to one padded row, then that row's columns.
#include <algorithm>
#include <limits>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/pointwise_steps.h"
#include "cpu/kernels/row_kernels.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kMinPartElements = 16384;
constexpr int64_t kMostTaps = 16;  // of a window that is combined tap by tap

// One spatial axis.
struct Axis {
  int64_t in = 0, out = 0, kernel = 1, stride = 1, dilation = 1, before = 0, after = 0;
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
      : steps_(pointwise_steps(problem.isa)), rows_(row_kernels(problem.isa)), layout_(offer.input_layouts[0]), average_(problem.op == "AveragePool"),
        include_padding_(problem.attributes.i_or("count_include_pad", 0) != 0), auto_pad_(problem.attributes.s_or("auto_pad", "NOTSET")) {
    const auto kernel = problem.attributes.ints("kernel_shape"), strides = problem.attributes.ints_or("strides", {1, 1});
    const auto dilations = problem.attributes.ints_or("dilations", {1, 1}), pads = problem.attributes.ints_or("pads", {0, 0, 0, 0});
    for (size_t a = 0; a < 2; ++a) {
      axes_[a].kernel = kernel[a];
      axes_[a].stride = a < strides.size() ? strides[a] : 1;
      axes_[a].dilation = a < dilations.size() ? dilations[a] : 1;
      axes_[a].before = pads.size() == 4 ? pads[a] : 0;
      axes_[a].after = pads.size() == 4 ? pads[a + 2] : 0;
    }
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    const Dims &in = inputs[0], &out = outputs[0];
    const int64_t block = channel_block(layout_);
    vector_ = layout_ == Layout::kRowMajor ? 1 : block > 1 ? block : in[1];
    outer_ = layout_ == Layout::kRowMajor ? in[0] * in[1] : block > 1 ? in[0] * ceil_quotient(in[1], block) : in[0];
    for (size_t a = 0; a < 2; ++a) set_axis(axes_[a], in[a + 2], out[a + 2]);
    factors_.clear();
    for (int64_t x = 0; average_ && x < axes_[1].out; ++x) factors_.push_back(static_cast<float>(axes_[1].taps(x, include_padding_)));
    // The padded row, and one gathered row of outputs.
    row_floats_ = round_up((axes_[1].padded() + axes_[1].out) * vector_, 16);
    return row_floats_ * 4 * threads;
  }

  Status launch(const LaunchArgs& args) override {
    const int64_t rows = outer_ * axes_[0].out;
    const int64_t unit = std::max<int64_t>(1, axes_[1].out * vector_ * (axes_[0].kernel + axes_[1].kernel));
    const int parts = static_cast<int>(std::min<int64_t>(args.team->size(), std::max<int64_t>(1, rows * unit / kMinPartElements)));
    args.team->run(parts, [&](int part) {
      float* scratch = static_cast<float*>(args.workspace) + part * row_floats_;
      for (int64_t r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        const float* plane = static_cast<const float*>(args.inputs[0]) + r / axes_[0].out * axes_[0].in * axes_[1].in * vector_;
        float* d = static_cast<float*>(args.outputs[0]) + r * axes_[1].out * vector_;
        if (vector_ > 1 && axes_[0].kernel * axes_[1].kernel <= kMostTaps) output_pixels(plane, r % axes_[0].out, d);
        else output_row(plane, r % axes_[0].out, d, scratch);
      }
    });
    return ok_status();
  }

 private:
  void set_axis(Axis& axis, int64_t in, int64_t out) const {
    axis.in = in;
    axis.out = out;
    if (auto_pad_ == "NOTSET" || auto_pad_.empty()) return;
    const int64_t total = std::max<int64_t>(0, (out - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1 - in);
    axis.before = auto_pad_ == "VALID" ? 0 : auto_pad_ == "SAME_LOWER" ? total - total / 2 : total / 2;
    axis.after = auto_pad_ == "VALID" ? 0 : total - axis.before;
  }

  PointwiseStep step(PointwiseOp op, int scalars = 0) const { return steps_.step[static_cast<int>(op)][scalars]; }

  void output_pixels(const float* plane, int64_t y, float* d) const {
    const Axis &h = axes_[0], &w = axes_[1];
    const auto rows = static_cast<float>(average_ ? h.taps(y, include_padding_) : 1);
    for (int64_t x = 0; x < w.out; ++x, d += vector_) {
      const float* taps[kMostTaps];
      int count = 0;
      for (int64_t i = y * h.stride - h.before, ky = 0; ky < h.kernel; ++ky, i += h.dilation) {
        if (i < 0 || i >= h.in) continue;
        for (int64_t j = x * w.stride - w.before, kx = 0; kx < w.kernel; ++kx, j += w.dilation) {
          if (j >= 0 && j < w.in) taps[count++] = plane + (i * w.in + j) * vector_;
        }
      }
      if (count == 0) std::fill_n(d, vector_, average_ ? 0.0f : -std::numeric_limits<float>::infinity());
      else if (average_) rows_.sum_of_rows(d, taps, count, 1.0f / (rows * factors_[static_cast<size_t>(x)]), vector_);
      else rows_.max_of_rows(d, taps, count, vector_);
    }
  }

  void output_row(const float* plane, int64_t y, float* d, float* scratch) const {
    const Axis &h = axes_[0], &w = axes_[1];
    const PointwiseStep combine = step(average_ ? PointwiseOp::kAdd : PointwiseOp::kMax);
    const float start = average_ ? 0.0f : -std::numeric_limits<float>::infinity();
    const int64_t n = w.in * vector_;
    float *row = scratch, *middle = scratch + w.before * vector_, *gathered = scratch + w.padded() * vector_;
    std::fill_n(row, w.padded() * vector_, start);
    for (int64_t k = 0; k < h.kernel; ++k) {
      const int64_t i = y * h.stride - h.before + k * h.dilation;
      if (i >= 0 && i < h.in) combine(middle, middle, plane + i * n, nullptr, n);
    }
    for (int64_t k = 0; k < w.kernel; ++k) columns(row + k * w.dilation * vector_, d, gathered, k == 0, combine);
    if (!average_) return;
    const auto rows = static_cast<float>(h.taps(y, include_padding_));
    for (int64_t x = 0; x < w.out; ++x) {
      const float count = rows * factors_[static_cast<size_t>(x)];
      const float factor = 1.0f / count;
      step(PointwiseOp::kMul, 2)(d + x * vector_, d + x * vector_, &factor, nullptr, vector_);
    }
  }

  // Combines one column of every window into the outputs.
  void columns(const float* from, float* d, float* gathered, bool first, PointwiseStep combine) const {
    const Axis& w = axes_[1];
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
    const int64_t out = axes_[1].out, stride = axes_[1].stride;
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
  bool average_, include_padding_;
  std::string auto_pad_;
  Axis axes_[2];
  std::vector<float> factors_;
  int64_t vector_ = 1, outer_ = 0, row_floats_ = 0;
};

class Pool final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "MaxPool") && !is_op(problem, "AveragePool")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    if (problem.inputs[0].dtype != DType::kF32) return answer.decline("not f32");
    if (problem.inputs[0].rank() != 4) return answer.decline("not two spatial axes");
    if (problem.outputs.size() > 1 && problem.outputs[1].present) return answer.decline("indices are wanted");
    for (int l = 0; l < kLayoutCount; ++l) {
      Offer offer = uniform_offer(problem, static_cast<Layout>(l));
      // At most one row of all channels and its gathered outputs.
      const Dims& in = problem.inputs[0].opt;
      const int64_t vector = l == 0 ? 1 : l == 1 ? in[1] : channel_block(static_cast<Layout>(l));
      offer.workspace_bytes = 4 * problem.threads * vector * 3 * (in[3] + 64);
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
