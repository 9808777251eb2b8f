// Boxes of detectors, and the greedy suppression that the plugin operators of TensorRT share.
#pragma once

#include <cstdint>
#include <vector>

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

}  // namespace sinter::ops
