// Of the permitted precisions the fastest: a flag permits a precision, the tuner decides. Whole networks are tuned in each (layers that they share are
// timed once) and compared by the sums of their layers' times; where two are near each other, both run alternately.
//
// Tried: f32 (tf32); f16 and bf16 where the device multiplies them (on a GPU, but for --best, a narrow type that is permitted is not compared with f32);
// int8 for all layers that have ranges, with the fastest of these floats for the rest; int8 without the layers that it makes no faster.
#pragma once

#include "runtime/engine.h"
#include "session/session.h"

namespace sinter::session {

// Whether there is a choice to make: several precisions are permitted.
bool has_choice(const BuildRequest& request);

// The best of the permitted floats.
struct FloatChoice {
  DType narrow = DType::kF32;   // BuildOptions::narrow
  builder::BuildReport report;  // of that network
  std::vector<std::string> lines;
};
// `optimised` is in the model's own precision. The request's calibration is not looked at.
Result<FloatChoice> fastest_float(const Optimised& optimised, const BuildRequest& request);

// The fastest engine of all. The report has what was compared, and of each int8 layer the time in float.
Result<BuildOutcome> build_fastest(const Optimised& optimised, const BuildRequest& request);

// Microseconds of an inference of each engine on random values, run alternately: near the least, which noise only adds to.
Result<std::vector<double>> measure_alternately(const std::vector<std::shared_ptr<const runtime::Engine>>& engines, int threads);

// The layers of a report that have int8 products, with the time of the layer of the same name in another.
void add_float_times(builder::BuildReport& report, const builder::BuildReport& floats);

}  // namespace sinter::session
