// What of a model runs on fast kernels, what on the reference kernels, and what is no work: by asking every tactic, without timing any.
#pragma once

#include <map>

#include "session/session.h"

namespace sinter::session {

struct Coverage {
  // Operator ("ai.onnx.ml.Scaler") → how many nodes of the optimised graph, bodies included.
  std::map<std::string, int64_t> fast, reference, views, control;
  // Operator on a reference kernel → the first node's name and why no tactic took it (the refusals, or what keeps tactics from being asked).
  std::map<std::string, std::string> reasons;
};

// Of the model after the passes, with the request's options and device.
Result<Coverage> cover(const BuildRequest& request);

}  // namespace sinter::session
