#include "ops/boxes.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {

Box read_box(const double* n, bool center_and_size) {
  if (!center_and_size) return {n[0], n[1], n[2], n[3]};
  return {n[0] - n[2] / 2, n[1] - n[3] / 2, n[0] + n[2] / 2, n[1] + n[3] / 2};
}

Box decode_box(const double* n, const double* anchor, bool center_and_size) {
  double decoded[4];
  if (center_and_size) {
    for (int i = 0; i < 2; ++i) {
      decoded[i] = n[i] * anchor[i + 2] + anchor[i];
      decoded[i + 2] = anchor[i + 2] * std::exp(n[i + 2]);
    }
    return read_box(decoded, true);
  }
  // Corners that are the wrong way round are exchanged before they are added.
  for (int i = 0; i < 2; ++i) {
    decoded[i] = std::min(n[i], n[i + 2]) + std::min(anchor[i], anchor[i + 2]);
    decoded[i + 2] = std::max(n[i], n[i + 2]) + std::max(anchor[i], anchor[i + 2]);
  }
  return read_box(decoded, false);
}

double box_overlap(const Box& a, const Box& b, double one) {
  const auto span = [](double p, double q) { return std::make_pair(std::min(p, q), std::max(p, q)); };
  const auto [ay1, ay2] = span(a.y1, a.y2);
  const auto [ax1, ax2] = span(a.x1, a.x2);
  const auto [by1, by2] = span(b.y1, b.y2);
  const auto [bx1, bx2] = span(b.x1, b.x2);
  if (std::min(ay2, by2) < std::max(ay1, by1) || std::min(ax2, bx2) < std::max(ax1, bx1)) return 0;
  const double height = std::min(ay2, by2) - std::max(ay1, by1) + one, width = std::min(ax2, bx2) - std::max(ax1, bx1) + one;
  const double both = height * width, all = (ay2 - ay1 + one) * (ax2 - ax1 + one) + (by2 - by1 + one) * (bx2 - bx1 + one) - both;
  return both > 0 && all > 0 ? both / all : 0;
}

void sort_candidates(std::vector<Candidate>& candidates) {
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return std::tuple(-a.score, a.box, a.label) < std::tuple(-b.score, b.box, b.label);
  });
}

Result<int64_t> detections_kept(InferContext& context, const char* attribute, int least_rank) {
  SINTER_TRY(check_rank(context, 0, least_rank, 4));
  SINTER_TRY(check_rank(context, 1, 3, 4));
  const int64_t kept = context.attributes().i(attribute);
  if (kept < 0) return context.error(fmt::format("{} is {}: expected 0 or more; correct the model", attribute, kept));
  return kept;
}

void set_detection_outputs(InferContext& context, int64_t kept, DType labels) {
  const Shape* boxes = context.input_shape(0);
  const auto shape = [&](std::initializer_list<Dim> rest) -> std::optional<Shape> {
    if (!boxes) return std::nullopt;
    Shape dims{(*boxes)[0]};
    dims.insert(dims.end(), rest);
    return dims;
  };
  const DType dtype = input_dtype(context, 0);
  context.set_output(0, ValueType::tensor(DType::kI32, shape({Dim(1)})));
  context.set_output(1, ValueType::tensor(dtype, shape({Dim(kept), Dim(4)})));
  context.set_output(2, ValueType::tensor(dtype, shape({Dim(kept)})));
  context.set_output(3, ValueType::tensor(labels, shape({Dim(kept)})));
}

}  // namespace sinter::ops
