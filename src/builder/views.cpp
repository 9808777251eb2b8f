#include "builder/views.h"

namespace sinter::builder {
namespace {

int64_t block_of(Layout layout) {
  return layout == Layout::kChannelsBlocked16 ? 16 : layout == Layout::kChannelsBlocked8 ? 8 : 1;
}

// First elements along `axis` of every piece of a whole with these pieces.
std::vector<int64_t> starts_of(const std::vector<int64_t>& extents) {
  std::vector<int64_t> starts;
  int64_t at = 0;
  for (int64_t extent : extents) {
    starts.push_back(at);
    at += extent;
  }
  return starts;
}

// Start and axis of a Slice of one axis with step 1 and constant parameters.
bool read_slice(const Problem& problem, int64_t& axis, std::vector<int64_t>& starts) {
  if (problem.inputs.size() < 4) return false;
  auto constant = [&](size_t i) -> std::optional<std::vector<int64_t>> {
    const Tensor& value = problem.inputs[i].value;
    if (!problem.inputs[i].present || !value.defined()) return std::nullopt;
    return value.to_i64();
  };
  const auto start = constant(1), axes = constant(3);
  if (!start || !axes || start->size() != 1 || axes->size() != 1) return false;
  if (problem.inputs.size() > 4 && problem.inputs[4].present) {
    const auto steps = constant(4);
    if (!steps || steps->size() != 1 || (*steps)[0] != 1) return false;
  }
  axis = (*axes)[0];
  const int64_t rank = problem.inputs[0].rank();
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return false;
  const int64_t extent = problem.inputs[0].opt[static_cast<size_t>(axis)];
  starts = {(*start)[0] < 0 ? std::max<int64_t>(0, (*start)[0] + extent) : std::min((*start)[0], extent)};
  return true;
}

}  // namespace

std::optional<ViewPieces> view_pieces(const Problem& problem, Layout layout) {
  if (!problem.domain.empty() || problem.has_epilogue() || problem.inputs.empty() || problem.outputs.empty()) return std::nullopt;
  ViewPieces pieces;
  pieces.gathers = problem.op == "Concat";
  if (!pieces.gathers && problem.op != "Split" && problem.op != "Slice") return std::nullopt;
  const TensorDesc& whole = pieces.gathers ? problem.outputs[0] : problem.inputs[0];
  const auto& parts = pieces.gathers ? problem.inputs : problem.outputs;
  const auto dims = constant_dims(whole.shape);
  if (!dims || dtype_bits(whole.dtype) % 8 != 0) return std::nullopt;
  int64_t axis = 0;
  std::vector<int64_t> starts;
  if (problem.op == "Slice") {
    if (!read_slice(problem, axis, starts)) return std::nullopt;
  } else {
    axis = problem.attributes.i("axis");
    if (axis < 0) axis += whole.rank();
    std::vector<int64_t> extents;
    for (const TensorDesc& part : parts) {
      if (!part.present || part.constant || !part.is_static()) return std::nullopt;
      extents.push_back(part.opt[static_cast<size_t>(axis)]);
    }
    starts = starts_of(extents);
  }
  const int64_t block = block_of(layout);
  if (layout != Layout::kRowMajor && (whole.rank() < 3 || axis != 1 || block == 1)) return std::nullopt;
  if (product(*dims, 0, static_cast<size_t>(axis)) != 1) return std::nullopt;
  const int64_t inner = product(*dims, static_cast<size_t>(axis) + 1) * (dtype_bits(whole.dtype) / 8);
  for (size_t i = 0; i < starts.size(); ++i) {
    const int64_t extent = parts[i].opt[static_cast<size_t>(axis)];
    const bool last = i + 1 == starts.size();
    if (starts[i] % block != 0 || (extent % block != 0 && !(pieces.gathers && last))) return std::nullopt;
    const int64_t offset = starts[i] * inner;
    if (offset % kTensorAlignment != 0) return std::nullopt;
    pieces.offset_bytes.push_back(offset);
  }
  return pieces;
}

}  // namespace sinter::builder
