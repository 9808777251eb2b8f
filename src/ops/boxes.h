// Boxes of detectors, and the greedy suppression that the plugin operators of TensorRT share.
#pragma once

#include <cstdint>
#include <vector>

#include "core/op_def.h"

namespace sinter::ops {

// Two corners, in either order.
struct Box {
  double y1 = 0, x1 = 0, y2 = 0, x2 = 0;
};

// A box from four numbers: corners, or its centre and its size.
Box read_box(const double* numbers, bool center_and_size);
// What a network predicts (numbers) for an anchor: corners that are added up, or a centre in units of the anchor's size and the logarithm of a size.
Box decode_box(const double* numbers, const double* anchor, bool center_and_size);
// Area of the intersection over that of the union, 0 for boxes without area; thresholds are f32, and what is compared with them is rounded to it. one: pixels are counted, so that sizes are one more.
double box_overlap(const Box& a, const Box& b, double one = 0);

struct Candidate {
  double score = 0;
  int64_t box = 0, label = 0;  // number of the box, class
};
// By falling score; equal ones by box, then class.
void sort_candidates(std::vector<Candidate>& candidates);

// The shape rule of the plugins that give detections: boxes (input 0, rank 3 or 4, at least `least_rank`) and scores (input 1) have their ranks, and the attribute
// that says how many are kept is not negative, which it returns.
Result<int64_t> detections_kept(InferContext& context, const char* attribute, int least_rank);
// And their four outputs: counts i32[B,1], boxes [B,kept,4], scores [B,kept] of the boxes' type, and labels [B,kept].
void set_detection_outputs(InferContext& context, int64_t kept, DType labels);

}  // namespace sinter::ops
