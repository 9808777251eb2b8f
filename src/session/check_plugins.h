// Tries the kernels of plugins on the nodes of a model: each in a child process, between pages that can't be touched (plugin/guard.h).
#pragma once

#include "session/session.h"

namespace sinter::session {

struct PluginProblem {
  bool warning = false;
  std::string node, op;  // the operator with its domain
  std::string message;   // whole: where, found, expected, what to do
};

struct PluginReport {
  int64_t nodes = 0;  // that were tried
  std::vector<PluginProblem> problems;
};

// Of the optimised graph, with the request's shapes; constants are the model's, other inputs random.
Result<PluginReport> check_plugins(const BuildRequest& request);

}  // namespace sinter::session
