// InstanceNormalization and GroupNormalization, f32, every layout. Mean and variance in two passes (the one-pass form loses digits
// where the mean is large), long sums in chunks that are added in double.
//
// Row-major: a group is one run of memory, and groups go to threads. Other layouts are [n][block][pixel][channel of the block]:
// sums run down the channels' columns, pixels go to threads, and the channels' sums are added to those of their groups.
#include <algorithm>
#include <cmath>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/row_kernels.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kChunk = 8192;   // elements of a partial sum
constexpr int64_t kPixels = 128;   // of a partial sum of columns
constexpr int64_t kMinPartElements = 16384;

class GroupNormKernel final : public Kernel {
 public:
  GroupNormKernel(const Problem& problem, const Offer& offer)
      : rows_(row_kernels(problem.isa)), layout_(offer.input_layouts[0]), epsilon_(problem.attributes.f_or("epsilon", 1e-5f)),
        wanted_groups_(problem.op == "InstanceNormalization" ? 0 : problem.attributes.i("num_groups")), node_(problem.node) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int threads) override {
    const Dims& dims = inputs[0];
    batch_ = dims[0];
    channels_ = dims[1];
    pixels_ = product(dims, 2);
    groups_ = wanted_groups_ == 0 ? channels_ : wanted_groups_;
    if (groups_ > 0 && channels_ % groups_ != 0) {
      return make_error(Code::kInvalidArgument, "node '{}' (GroupNormalization): num_groups is {} for {} channels; expected a divisor; correct the model",
                        node_, groups_, channels_);
    }
    for (size_t i = 1; i < 3; ++i) {
      if (inputs[i] != Dims{channels_}) {
        return make_error(Code::kInvalidArgument, "node '{}': scale or bias is {}; expected one value for each of {} channels; correct the model", node_,
                          to_string(inputs[i]), channels_);
      }
    }
    const int64_t block = channel_block(layout_);
    vector_ = layout_ == Layout::kRowMajor ? 1 : block > 1 ? block : channels_;
    blocks_ = vector_ > 0 ? ceil_quotient(channels_, vector_) : 0;
    padded_ = round_up(blocks_ * vector_, 16);
    if (layout_ == Layout::kRowMajor) return int64_t{0};
    return padded_ * (3 * 4 + threads * (8 + 4));
  }

  Status launch(const LaunchArgs& args) override {
    if (batch_ * channels_ * pixels_ == 0) return ok_status();
    layout_ == Layout::kRowMajor ? rows(args) : columns(args);
    return ok_status();
  }

 private:
  int64_t group_channels() const { return channels_ / groups_; }

  template <typename Sum>
  static double long_sum(const float* a, int64_t n, Sum sum) {
    double total = 0;
    for (int64_t i = 0; i < n; i += kChunk) total += sum(a + i, std::min(kChunk, n - i));
    return total;
  }

  void rows(const LaunchArgs& args) const {
    const auto *input = static_cast<const float*>(args.inputs[0]), *scale = static_cast<const float*>(args.inputs[1]),
               *bias = static_cast<const float*>(args.inputs[2]);
    auto* output = static_cast<float*>(args.outputs[0]);
    const int64_t length = group_channels() * pixels_;
    args.team->split(batch_ * groups_, std::max<int64_t>(1, kMinPartElements / length), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const float* a = input + i * length;
        float* d = output + i * length;
        const int64_t first = i % groups_ * group_channels();
        const double sum = long_sum(a, length, [&](const float* x, int64_t n) { return rows_.sum(x, n); });
        const auto mean = static_cast<float>(sum / static_cast<double>(length));
        const double squares = long_sum(a, length, [&](const float* x, int64_t n) { return rows_.sum_square(x, mean, n); });
        const auto inverse = static_cast<float>(1 / std::sqrt(squares / static_cast<double>(length) + epsilon_));
        if (pixels_ == 1) {
          rows_.normalize(d, a, mean, inverse, scale + first, bias + first, length);
          continue;
        }
        for (int64_t c = 0; c < group_channels(); ++c) {
          rows_.affine(d + c * pixels_, a + c * pixels_, mean, inverse * scale[first + c], bias[first + c], pixels_);
        }
      }
    });
  }

  // One image's share of the workspace.
  struct Scratch {
    double* totals;                    // [part][padded channels]
    float *sums;                       // [part][padded channels]
    float *shift, *factor, *offset;    // [padded channels]
  };

  void columns(const LaunchArgs& args) const {
    const auto *scale = static_cast<const float*>(args.inputs[1]), *bias = static_cast<const float*>(args.inputs[2]);
    const int64_t image = blocks_ * vector_ * pixels_;
    const int64_t chunks = ceil_quotient(pixels_, kPixels) * blocks_;
    const int parts = static_cast<int>(std::clamp<int64_t>(image / kMinPartElements, 1, std::min<int64_t>(args.team->size(), chunks)));
    Scratch s;
    s.totals = static_cast<double*>(args.workspace);
    s.sums = reinterpret_cast<float*>(s.totals + args.team->size() * padded_);
    s.shift = s.sums + args.team->size() * padded_;
    s.factor = s.shift + padded_;
    s.offset = s.factor + padded_;
    for (int64_t n = 0; n < batch_; ++n) {
      const float* a = static_cast<const float*>(args.inputs[0]) + n * image;
      float* d = static_cast<float*>(args.outputs[0]) + n * image;
      add_up(a, s, parts, *args.team, [&](float* sums, const float* x, int64_t, int64_t rows) { rows_.column_sum(sums, x, vector_, rows, vector_); });
      means(s, parts);
      add_up(a, s, parts, *args.team, [&](float* sums, const float* x, int64_t first, int64_t rows) {
        rows_.column_sum_square(sums, x, s.shift + first, vector_, rows, vector_);
      });
      factors(s, parts, scale, bias);
      for_chunks(parts, *args.team, [&](int, int64_t at, int64_t first, int64_t rows) {
        rows_.column_affine(d + at, a + at, s.shift + first, s.factor + first, s.offset + first, vector_, rows, vector_);
      });
    }
  }

  // fn(part, offset of the chunk in the image, its first channel, its pixels)
  template <typename Fn>
  void for_chunks(int parts, ThreadTeam& team, Fn fn) const {
    const int64_t per_block = ceil_quotient(pixels_, kPixels), chunks = per_block * blocks_;
    team.run(parts, [&](int part) {
      for (int64_t i = chunks * part / parts; i < chunks * (part + 1) / parts; ++i) {
        const int64_t block = i / per_block, pixel = i % per_block * kPixels;
        fn(part, (block * pixels_ + pixel) * vector_, block * vector_, std::min(kPixels, pixels_ - pixel));
      }
    });
  }

  // Sums of each channel into totals, a row for each part.
  template <typename Sum>
  void add_up(const float* a, const Scratch& s, int parts, ThreadTeam& team, Sum sum) const {
    std::fill_n(s.totals, parts * padded_, 0.0);
    for_chunks(parts, team, [&](int part, int64_t at, int64_t first, int64_t rows) {
      float* sums = s.sums + part * padded_;
      sum(sums, a + at, first, rows);
      double* totals = s.totals + part * padded_ + first;
      for (int64_t i = 0; i < vector_; ++i) totals[i] += sums[i];
    });
  }

  // The total of a group's channels over all parts.
  double group_total(const Scratch& s, int parts, int64_t group) const {
    double total = 0;
    for (int part = 0; part < parts; ++part) {
      const double* totals = s.totals + part * padded_ + group * group_channels();
      for (int64_t i = 0; i < group_channels(); ++i) total += totals[i];
    }
    return total;
  }

  void means(const Scratch& s, int parts) const {
    std::fill_n(s.shift, padded_, 0.0f);
    const auto count = static_cast<double>(group_channels() * pixels_);
    for (int64_t g = 0; g < groups_; ++g) std::fill_n(s.shift + g * group_channels(), group_channels(), static_cast<float>(group_total(s, parts, g) / count));
  }

  // Padding channels keep a factor and offset of zero.
  void factors(const Scratch& s, int parts, const float* scale, const float* bias) const {
    std::fill_n(s.factor, 2 * padded_, 0.0f);
    const auto count = static_cast<double>(group_channels() * pixels_);
    for (int64_t g = 0; g < groups_; ++g) {
      const auto inverse = static_cast<float>(1 / std::sqrt(group_total(s, parts, g) / count + epsilon_));
      for (int64_t c = g * group_channels(); c < (g + 1) * group_channels(); ++c) {
        s.factor[c] = inverse * scale[c];
        s.offset[c] = bias[c];
      }
    }
  }

  const RowKernels& rows_;
  Layout layout_;
  double epsilon_;
  int64_t wanted_groups_;
  std::string node_;
  int64_t batch_ = 0, channels_ = 0, pixels_ = 0, groups_ = 1, vector_ = 1, blocks_ = 0, padded_ = 0;
};

class GroupNorm final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    const bool groups = is_op(problem, "GroupNormalization");
    if (!groups && !is_op(problem, "InstanceNormalization")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    for (const TensorDesc& desc : problem.inputs) {
      if (desc.dtype != DType::kF32) return answer.decline("not f32");
    }
    if (problem.inputs[0].rank() < 2) return answer.decline("rank below 2");
    if (groups && problem.attributes.i("num_groups") < 1) return answer.decline("no groups");
    for (int l = 0; l < (problem.inputs[0].rank() < 3 ? 1 : kLayoutCount); ++l) {
      Offer offer = uniform_offer(problem, static_cast<Layout>(l));
      offer.input_layouts[1] = offer.input_layouts[2] = Layout::kRowMajor;
      offer.in_place_input = 0;
      GroupNormKernel sized(problem, offer);
      const std::vector<Dims> dims{problem.inputs[0].opt, problem.inputs[1].opt, problem.inputs[2].opt};
      const auto workspace = sized.specialize(dims, {}, problem.threads);
      if (!workspace.ok()) return answer.decline(workspace.status().message());
      offer.workspace_bytes = *workspace;
      answer.offer(std::move(offer));
    }
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<GroupNormKernel>(problem, offer));
  }
};

}  // namespace

SINTER_CPU_TACTIC(group_norm, GroupNorm)

}  // namespace sinter::cpu
