// Concat, Split, Slice, Expand, Tile, DepthToSpace and SpaceToDepth: strided copies of any element type of 1, 2, 4 or 8 bytes. Concat, Split
// and Slice work in channels-last too. Bandwidth-bound.
#include <algorithm>

#include "cuda/cuda_tactic.h"
#include "cuda/strided_copy.h"

namespace sinter::cuda {
namespace {

struct Piece {
  size_t input = 0, output = 0;
};

Dims layout_strides(Layout layout, const Dims& dims) {
  Dims strides(dims.size());
  int64_t step = 1;
  const std::vector<int> order = memory_order(layout, static_cast<int>(dims.size()));
  for (size_t k = order.size(); k-- > 0;) {
    strides[static_cast<size_t>(order[k])] = step;
    step *= dims[static_cast<size_t>(order[k])];
  }
  return strides;
}

// The values of constant input `index`; empty when absent.
std::vector<int64_t> values(const Problem& problem, size_t index) {
  if (index >= problem.inputs.size() || !problem.inputs[index].present || !problem.inputs[index].value.defined()) return {};
  return problem.inputs[index].value.to_i64();
}

class MovementKernel final : public Kernel {
 public:
  MovementKernel(Problem problem, StridedCopy copy) : problem_(std::move(problem)), copy_(std::move(copy)), layout_(problem_.outputs[0].layout) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    copy_.clear();
    pieces_.clear();
    const std::string& op = problem_.op;
    if (op == "Concat") SINTER_TRY(plan_concat(inputs, outputs));
    else if (op == "Split") SINTER_TRY(plan_split(inputs, outputs));
    else if (op == "Slice") SINTER_TRY(plan_slice(inputs, outputs));
    else if (op == "Expand" || op == "Tile") SINTER_TRY(plan_expand(inputs[0], outputs[0], op == "Tile"));
    else SINTER_TRY(plan_blocks(inputs[0], outputs[0], op == "DepthToSpace"));
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    for (size_t i = 0; i < pieces_.size(); ++i) {
      SINTER_TRY(copy_.launch(i, args.inputs[pieces_[i].input], args.outputs[pieces_[i].output], args.stream));
    }
    return ok_status();
  }

 private:
  Status add(Piece piece, const Dims& dims, const Dims& source, const Dims& target, int64_t source_offset = 0, int64_t target_offset = 0) {
    if (product(dims) == 0) return ok_status();
    pieces_.push_back(piece);
    return copy_.add(dims, source, target, source_offset, target_offset);
  }

  size_t axis_of(size_t rank) const { return static_cast<size_t>(normal_axis(problem_.attributes.i_or("axis", 0), static_cast<int64_t>(rank))); }

  Status plan_concat(std::span<const Dims> inputs, std::span<const Dims> outputs) {
    const size_t axis = axis_of(outputs[0].size());
    const Dims target = layout_strides(layout_, outputs[0]);
    int64_t at = 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
      SINTER_TRY(add({i, 0}, inputs[i], layout_strides(layout_, inputs[i]), target, 0, at * target[axis]));
      at += inputs[i][axis];
    }
    return ok_status();
  }

  Status plan_split(std::span<const Dims> inputs, std::span<const Dims> outputs) {
    const size_t axis = axis_of(inputs[0].size());
    const Dims source = layout_strides(layout_, inputs[0]);
    int64_t at = 0;
    for (size_t o = 0; o < outputs.size(); ++o) {
      if (problem_.outputs[o].present) SINTER_TRY(add({0, o}, outputs[o], source, layout_strides(layout_, outputs[o]), at * source[axis]));
      at += outputs[o][axis];
    }
    return ok_status();
  }

  Status plan_slice(std::span<const Dims> inputs, std::span<const Dims> outputs) {
    const Dims& in = inputs[0];
    const std::vector<int64_t> starts = values(problem_, 1);
    std::vector<int64_t> axes = values(problem_, 3), steps = values(problem_, 4);
    if (axes.empty()) {
      for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
    }
    Dims source = layout_strides(layout_, in);
    int64_t offset = 0;
    for (size_t i = 0; i < starts.size(); ++i) {
      const auto axis = static_cast<size_t>(normal_axis(axes[i], static_cast<int64_t>(in.size())));
      const int64_t step = i < steps.size() ? steps[i] : 1, size = in[axis];
      const int64_t wanted = starts[i] < 0 ? starts[i] + size : starts[i];
      const int64_t start = step > 0 ? std::clamp<int64_t>(wanted, 0, size) : std::clamp<int64_t>(wanted, 0, std::max<int64_t>(size - 1, 0));
      offset += start * source[axis];
      source[axis] *= step;
    }
    return add({0, 0}, outputs[0], source, layout_strides(layout_, outputs[0]), offset);
  }

  // Tile: each repeated axis is two, the repetition and the element.
  Status plan_expand(const Dims& in, const Dims& out, bool tiles) {
    const Dims own = row_major_strides(in), to = row_major_strides(out);
    const size_t missing = out.size() - in.size();
    Dims dims, source, target;
    for (size_t axis = 0; axis < out.size(); ++axis) {
      const int64_t size = axis < missing ? 1 : in[axis - missing], step = axis < missing ? 0 : own[axis - missing];
      if (size != 0 && (tiles || size == 1)) {
        dims.push_back(out[axis] / size);
        source.push_back(0);
        target.push_back(to[axis] * size);
      }
      dims.push_back(size == 1 ? 1 : size);
      source.push_back(step);
      target.push_back(to[axis]);
    }
    return add({0, 0}, dims, source, target);
  }

  Status plan_blocks(const Dims& in, const Dims& out, bool to_space) {
    const int64_t b = problem_.attributes.i_or("blocksize", 1);
    const bool crd = problem_.attributes.s_or("mode", "DCR") == "CRD";
    const Dims& wide = to_space ? out : in;  // the one with more pixels
    const Dims& deep = to_space ? in : out;
    const int64_t n = wide[0], c = wide[1], h = deep[2], w = deep[3];
    const Dims dims = {n, c, h, b, w, b}, ws = row_major_strides(wide), ds = row_major_strides(deep);
    const Dims of_wide = {ws[0], ws[1], ws[2] * b, ws[2], b, 1};
    const Dims of_deep = crd ? Dims{ds[0], b * b * ds[1], ds[2], b * ds[1], 1, ds[1]} : Dims{ds[0], ds[1], ds[2], b * c * ds[1], 1, c * ds[1]};
    return to_space ? add({0, 0}, dims, of_deep, of_wide) : add({0, 0}, dims, of_wide, of_deep);
  }

  Problem problem_;
  StridedCopy copy_;
  Layout layout_;
  std::vector<Piece> pieces_;
};

class Movement final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!problem.domain.empty()) return;
    const std::string& op = problem.op;
    const bool moves = op == "Concat" || op == "Split" || op == "Slice";
    if (!moves && op != "Expand" && op != "Tile" && op != "DepthToSpace" && op != "SpaceToDepth") return;
    const int bytes = element_bytes(problem.inputs[0].dtype), rank = problem.outputs[0].rank();
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    if (bytes == 0 || bytes > 8) return answer.decline("elements are not of 1, 2, 4 or 8 bytes");
    if (rank > kMapRank / 2) return answer.decline(fmt::format("rank {} > {}", rank, kMapRank / 2));
    const size_t tensors = op == "Concat" ? problem.inputs.size() : 1;
    if (op == "Slice") {
      for (size_t i = 1; i < problem.inputs.size(); ++i) {
        const bool needed = i != 2 && problem.inputs[i].present;  // ends are in the output's shape
        if (needed && !problem.inputs[i].value.defined()) return answer.decline("starts, axes or steps are not constant");
      }
    }
    for (Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
      if (layout != Layout::kRowMajor && (!moves || rank < 3)) continue;
      Offer offer = uniform_offer(problem, layout);
      offer.packed_inputs.assign(problem.inputs.size(), false);
      for (size_t i = tensors; i < problem.inputs.size(); ++i) {
        offer.input_layouts[i] = Layout::kRowMajor;
        offer.packed_inputs[i] = problem.inputs[i].present && problem.inputs[i].constant && problem.inputs[i].is_static();
      }
      answer.offer(std::move(offer));
    }
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(StridedCopy copy, StridedCopy::make(blobs.empty() ? Tensor() : blobs.back(), element_bytes(problem.inputs[0].dtype)));
    return std::unique_ptr<Kernel>(std::make_unique<MovementKernel>(problem, std::move(copy)));
  }

 protected:
  Result<Source> source(const Problem&, const Offer&) const override { return StridedCopy::source(); }
};

}  // namespace

SINTER_CUDA_TACTIC(movement, Movement)

}  // namespace sinter::cuda
