// NonMaxSuppression: for each batch and class, boxes by falling score whose overlap (intersection over union) with
// those already chosen is at most iou_threshold. Result rows are (batch, class, box); their number depends on the data.
#include <algorithm>

#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace non_max_suppression_impl {

struct Box {
  double low_y, low_x, high_y, high_x;
  double area() const { return (high_y - low_y) * (high_x - low_x); }
};

Status infer(InferContext& context) {
  SINTER_TRY(check_rank(context, 0, 3, 3));
  SINTER_TRY(check_rank(context, 1, 3, 3));
  context.set_output(0, ValueType::tensor(DType::kI64, Shape{context.fresh_symbol("selected"), 3}));
  return ok_status();
}

// Corners may come in any order; a centred box is (x, y, width, height).
Box make_box(const double* b, bool centred) {
  if (centred) return {b[1] - b[3] / 2, b[0] - b[2] / 2, b[1] + b[3] / 2, b[0] + b[2] / 2};
  return {std::min(b[0], b[2]), std::min(b[1], b[3]), std::max(b[0], b[2]), std::max(b[1], b[3])};
}

double overlap(const Box& a, const Box& b) {
  const double height = std::min(a.high_y, b.high_y) - std::max(a.low_y, b.low_y);
  const double width = std::min(a.high_x, b.high_x) - std::max(a.low_x, b.low_x);
  if (height <= 0 || width <= 0 || a.area() <= 0 || b.area() <= 0) return 0;
  return height * width / (a.area() + b.area() - height * width);
}

double scalar_or(const EvalContext& context, int input, double fallback) {
  return context.has_input(input) && context.tensor(input).count() > 0 ? context.tensor(input).to_f64()[0] : fallback;
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 3, 3));
  SINTER_TRY(check_rank(context, 1, 3, 3));
  const Tensor boxes = widened(context.tensor(0)), scores = widened(context.tensor(1));
  const int64_t batches = boxes.dim(0), count = boxes.dim(1), classes = scores.dim(1);
  SINTER_TRY(check_dims(context, 0, {batches, count, 4}));
  SINTER_TRY(check_dims(context, 1, {batches, classes, count}));
  const auto limit = static_cast<int64_t>(std::clamp(scalar_or(context, 2, 0), 0.0, 1e15));
  const double iou = scalar_or(context, 3, 0), floor = scalar_or(context, 4, 0);
  const bool filtered = context.has_input(4) && context.tensor(4).count() > 0;
  const bool centred = context.attributes().i("center_point_box") != 0;
  std::vector<int64_t> rows;
  for (int64_t b = 0; b < batches; ++b)
    for (int64_t c = 0; c < classes; ++c) {
      const double* score = scores.data<double>() + (b * classes + c) * count;
      std::vector<int64_t> order;
      for (int64_t i = 0; i < count; ++i)
        if (score[i] == score[i] && (!filtered || score[i] > floor)) order.push_back(i);
      std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) { return score[i] > score[j]; });
      std::vector<Box> chosen;
      for (const int64_t i : order) {
        if (static_cast<int64_t>(chosen.size()) >= limit) break;
        const Box box = make_box(boxes.data<double>() + (b * count + i) * 4, centred);
        if (std::any_of(chosen.begin(), chosen.end(), [&](const Box& other) { return overlap(box, other) > iou; }))
          continue;
        chosen.push_back(box);
        rows.insert(rows.end(), {b, c, i});
      }
    }
  Tensor& y = context.allocate(0, DType::kI64, {static_cast<int64_t>(rows.size()) / 3, 3});
  std::copy(rows.begin(), rows.end(), y.data<int64_t>());
  return ok_status();
}

}  // namespace non_max_suppression_impl

OpDef define_non_max_suppression() {
  OpDef op("NonMaxSuppression", 10);
  op.input("boxes", "F32")
      .input("scores", "F32")
      .input("max_output_boxes_per_class", "I64", ParamKind::kOptional)
      .input("iou_threshold", "F32", ParamKind::kOptional)
      .input("score_threshold", "F32", ParamKind::kOptional)
      .output("selected_indices", "I64")
      .type("F32", dtype_set(DType::kF32))
      .type("I64", dtype_set(DType::kI64))
      .attr("center_point_box", int64_t{0});
  op.infer = non_max_suppression_impl::infer;
  op.evaluate = non_max_suppression_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
