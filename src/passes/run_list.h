// Passes of one's own choice, for work on models that are to stay models.
#pragma once

#include <span>
#include <string_view>

#include "passes/pass.h"

namespace sinter::passes {

// Runs these passes, all of them until none fires, in the order given; options.disabled leaves some out. kNotFound: there is no such pass.
Result<PassReport> run_list(ir::Graph& graph, std::span<const std::string_view> names, const PassOptions& options);

}  // namespace sinter::passes
