// What the tuner decided for every layer of a model, re-measured: `sinter tactics`.
#pragma once

#include <string>

#include "session/session.h"

namespace sinter::session {

struct TacticsOptions {
  double assert_share = -1;  // 0.05: every pick must be within 5 % of the best on re-measurement; < 0: no check
  std::string only_layer;    // only layers whose name contains this
  bool refusals = true;
};

struct TacticsReport {
  std::string text;
  int layers = 0, checked = 0, failed = 0;
};

// Builds a plan, then times every layer's offers anew with full statistics and compares the pick with the best offer of the same
// layouts (offers in other layouts lost for the whole graph's sake).
Result<TacticsReport> report_tactics(const BuildRequest& request, const TacticsOptions& options);

}  // namespace sinter::session
