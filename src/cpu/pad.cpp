// Pad with constant pads and axes, in every mode, row-major and channels-last, any element type of whole bytes. The input's part is
// one strided copy. Then each axis, innermost first, is extended from what is there already: as one copy for every run of positions
// that step evenly through their sources (backwards under reflection, not at all under edge).
#include <algorithm>

#include "cpu/copy_kernel.h"

namespace sinter::cpu {
namespace {

enum class Mode { kConstant, kReflect, kEdge, kWrap };

std::optional<Mode> mode_of(const Problem& problem) {
  const std::string name = problem.attributes.s_or("mode", "constant");
  if (name == "constant") return Mode::kConstant;
  if (name == "reflect") return Mode::kReflect;
  if (name == "edge") return Mode::kEdge;
  if (name == "wrap") return Mode::kWrap;
  return std::nullopt;
}

bool present(const Problem& problem, size_t input) { return input < problem.inputs.size() && problem.inputs[input].present; }

// One axis, in memory order: `kept` elements of the input from `first` on lie at `begin` of the output's `size`.
struct Axis {
  int64_t first = 0, kept = 0, begin = 0, size = 0;
};

int64_t positive_mod(int64_t a, int64_t b) { return (a % b + b) % b; }

// The position of the output (inside the kept part) that position `at` repeats.
int64_t source_of(const Axis& axis, int64_t at, Mode mode) {
  const int64_t i = at - axis.begin, last = axis.kept - 1;
  if (mode == Mode::kEdge || last == 0) return axis.begin + std::clamp<int64_t>(i, 0, last);
  if (mode == Mode::kWrap) return axis.begin + positive_mod(i, axis.kept);
  const int64_t phase = positive_mod(i, 2 * last);
  return axis.begin + (phase <= last ? phase : 2 * last - phase);
}

struct Part {
  enum class From { kInput, kConstant, kOutput } from = From::kInput;
  CopyPlan plan;
  int64_t source = 0, target = 0;  // offsets in elements
};

class PadKernel final : public Kernel {
 public:
  PadKernel(const Problem& problem, const Offer& offer, Mode mode)
      : mode_(mode), layout_(offer.output_layouts[0]), bytes_(element_bytes(problem.outputs[0].dtype)), constant_(present(problem, 2)),
        pads_(problem.inputs[1].value.to_i64()), node_(problem.node) {
    if (present(problem, 3)) axes_ = problem.inputs[3].value.to_i64();
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    parts_.clear();
    std::vector<Axis> axes;
    SINTER_TRY(find_axes(inputs[0], outputs[0], axes));
    Dims in, out;
    for (const Axis& axis : axes) out.push_back(axis.size);
    in = memory_dims(inputs[0], layout_, 0).dims;
    if (product(out) == 0) return int64_t{0};
    in_strides_ = row_major_strides(in);
    out_strides_ = row_major_strides(out);
    copy_input(axes);
    for (size_t a = axes.size(); a-- > 0;) extend(axes, a);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    static const char zeros[16] = {};
    auto* output = static_cast<char*>(args.outputs[0]);
    for (const Part& part : parts_) {
      const char* from = output;
      if (part.from == Part::From::kInput) from = static_cast<const char*>(args.inputs[0]);
      if (part.from == Part::From::kConstant) from = constant_ ? static_cast<const char*>(args.inputs[2]) : zeros;
      run_copy(part.plan, from + part.source * bytes_, output + part.target * bytes_, *args.team);
    }
    return ok_status();
  }

 private:
  Status find_axes(const Dims& in, const Dims& out, std::vector<Axis>& axes) const {
    std::vector<Axis> logical;
    for (size_t i = 0; i < in.size(); ++i) logical.push_back({0, in[i], 0, out[i]});
    const size_t count = pads_.size() / 2;
    for (size_t i = 0; i < count; ++i) {
      const auto at = static_cast<size_t>(axes_.empty() ? static_cast<int64_t>(i) : normal_axis(axes_[i], static_cast<int64_t>(in.size())));
      const int64_t begin = pads_[i], end = pads_[i + count];
      Axis& axis = logical[at];
      axis.first = std::max<int64_t>(-begin, 0);
      axis.begin = std::max<int64_t>(begin, 0);
      axis.kept = in[at] - axis.first - std::max<int64_t>(-end, 0);
      if (axis.kept < 0 || axis.size != in[at] + begin + end || (axis.kept == 0 && axis.size > 0 && mode_ != Mode::kConstant)) {
        return make_error(Code::kInvalidArgument, "node '{}' (Pad): pads {} and {} do not fit axis {} of {}; expected elements to remain; correct the model", node_,
                          begin, end, at, to_string(in));
      }
    }
    axes.resize(logical.size());
    for (size_t i = 0; i < logical.size(); ++i) axes[memory_dims(in, layout_, i).axis] = logical[i];
    return ok_status();
  }

  void copy_input(const std::vector<Axis>& axes) {
    Part part;
    Dims dims;
    for (size_t i = 0; i < axes.size(); ++i) {
      dims.push_back(axes[i].kept);
      part.source += axes[i].first * in_strides_[i];
      part.target += axes[i].begin * out_strides_[i];
    }
    part.plan = make_copy_plan(dims, in_strides_, out_strides_, bytes_);
    parts_.push_back(std::move(part));
  }

  // Fills what lies before and behind the kept part of axis a, where outer axes are inside theirs and inner ones are complete.
  void extend(const std::vector<Axis>& axes, size_t a) {
    const Axis& axis = axes[a];
    if (mode_ == Mode::kConstant) {
      add_run(axes, a, 0, axis.begin, 0, 0);
      add_run(axes, a, axis.begin + axis.kept, axis.size - axis.begin - axis.kept, 0, 0);
      return;
    }
    extend_from_output(axes, a, 0, axis.begin);
    extend_from_output(axes, a, axis.begin + axis.kept, axis.size);
  }

  void extend_from_output(const std::vector<Axis>& axes, size_t a, int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t source = source_of(axes[a], begin, mode_);
      int64_t step = 0, count = 1;
      if (begin + 1 < end) step = source_of(axes[a], begin + 1, mode_) - source;
      while (begin + count < end && source_of(axes[a], begin + count, mode_) == source + count * step) ++count;
      add_run(axes, a, begin, count, source, step);
      begin += count;
    }
  }

  void add_run(const std::vector<Axis>& axes, size_t a, int64_t at, int64_t count, int64_t source, int64_t step) {
    if (count == 0) return;
    Part part;
    part.from = mode_ == Mode::kConstant ? Part::From::kConstant : Part::From::kOutput;
    Dims dims, strides = out_strides_;
    for (size_t i = 0; i < axes.size(); ++i) {
      const int64_t first = i < a ? axes[i].begin : i == a ? at : 0;
      dims.push_back(i < a ? axes[i].kept : i == a ? count : axes[i].size);
      part.target += first * out_strides_[i];
      part.source += (i == a ? source : first) * out_strides_[i];
    }
    strides[a] *= step;
    if (mode_ == Mode::kConstant) {
      part.source = 0;
      strides.assign(axes.size(), 0);
    }
    part.plan = make_copy_plan(dims, strides, out_strides_, bytes_);
    parts_.push_back(std::move(part));
  }

  Mode mode_;
  Layout layout_;
  int bytes_;
  bool constant_;
  std::vector<int64_t> pads_, axes_;
  std::string node_;
  Dims in_strides_, out_strides_;
  std::vector<Part> parts_;
};

class Pad final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Pad")) return;
    const std::string reason = copy_unsuitable(problem);
    if (!reason.empty()) return answer.decline(reason);
    if (!mode_of(problem)) return answer.decline("unknown mode");
    if (!problem.inputs[1].value.defined()) return answer.decline("pads are not constant");
    const int64_t rank = problem.inputs[0].rank(), pads = problem.inputs[1].value.count();
    int64_t axes = rank;
    if (present(problem, 3)) {
      if (!problem.inputs[3].value.defined()) return answer.decline("axes are not constant");
      axes = problem.inputs[3].value.count();
    }
    if (rank == 0 || pads != 2 * axes) return answer.decline("pads do not fit the axes");
    if (axes == 0) return answer.decline("no axes");
    for (const Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
      if (layout != Layout::kRowMajor && rank < 3) continue;
      Offer offer = uniform_offer(problem, layout);
      std::fill(offer.input_layouts.begin() + 1, offer.input_layouts.end(), Layout::kRowMajor);
      answer.offer(std::move(offer));
    }
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<PadKernel>(problem, offer, *mode_of(problem)));
  }
};

}  // namespace

SINTER_CPU_TACTIC(pad, Pad)

}  // namespace sinter::cpu
