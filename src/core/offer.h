// Offer: what a tactic promises for a problem. Stored in plans; see tactic/tactic.h for the interface it belongs to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/layout.h"

namespace sinter {

// One way to do the work. A tactic may make several for one problem (layouts, block sizes).
struct Offer {
  std::string config;                  // opaque to all but the tactic; stable text, part of keys and engines; may be ""
  std::vector<Layout> input_layouts;   // one a problem input (packed or absent ones: kRowMajor)
  std::vector<Layout> output_layouts;  // one a problem output
  std::vector<bool> packed_inputs;     // true: a constant input that prepare consumes; not passed to launch. {}: none
  int64_t workspace_bytes = 0;         // at the optimum shape, for the problem's thread count
  int in_place_input = -1;             // output 0 may be the same buffer as this input (same bytes, same layout); -1: no
  bool shape_independent = true;       // what is packed and bound serves every shape of the profile, a new one in microseconds
  bool propagates_nan = true;
  double estimate_us = 0;              // analytic cost; 0: none. Only prunes
};

}  // namespace sinter
