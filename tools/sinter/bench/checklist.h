// sinter checklist.
#pragma once

#include "common.h"

namespace sinter::tool {

void add_checklist(CLI::App& app);

}  // namespace sinter::tool
